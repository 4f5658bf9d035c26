import { describe, expect, it } from 'vitest';
import { callWitnesses, type Court, type Witness } from '../../../test/harness/witnesses.ts';
import type { Asset } from '../../money/asset.ts';
import { ChainMismatch } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { verifyAssets } from './verify-assets.ts';

const USDT: Asset = {
  network: 'ETHEREUM_MAINNET',
  token: 'USDT',
  contract: '0xdAC17F958D2ee523a2206206994597C13D831ec7',
  decimals: 6,
  minimumUnits: 10_000n,
  payoutsEnabled: true,
};

async function verify(court: Court, asset = USDT): Promise<void> {
  await verifyAssets(court.pool, { network: 'ETHEREUM_MAINNET', assets: [asset] });
}

function court(changes: readonly Partial<Witness>[]): Court {
  const it = callWitnesses(changes.length);
  for (const [index, change] of changes.entries()) Object.assign(it.witness(index), change);
  return it;
}

describe('assets', () => {
  it.each<[string, Partial<Witness>[]]>([
    ['one node', [{}]],
    ['two nodes', [{}, {}]],
    ['two of three while the third is silent', [{ mood: 'silent' }, {}, {}]],
    ['two of three against one', [{ decimals: 18 }, {}, {}]],
  ])('are as configured by the word of %s', async (_, changes) => {
    await verify(court(changes));
  });

  it.each<[string, Partial<Witness>[], RegExp]>([
    ['other decimals', [{ decimals: 18 }], /^USDT on .* has 18 decimals on chain, 6 configured$/],
    ['by two of three', [{ decimals: 18 }, {}, { decimals: 18 }], /has 18 decimals/],
    ['no contract', [{ decimals: 'none' }], /there is no contract at 0xdAC17F/],
    ['another chain', [{ chainId: '0x38' }], /^node 1 of 1 is of chain 56, not 1$/],
    ['another chain, of one alone', [{}, {}, { chainId: '0x38' }], /^node 3 of 3 is of chain 56/],
    ['another chain, the others silent', [{ mood: 'silent' }, { chainId: '0x38' }], /chain 56/],
  ])('are not: %s', async (_, changes, message) => {
    const verified = verify(court(changes));
    await expect(verified).rejects.toThrow(ChainMismatch);
    await expect(verified).rejects.toThrow(message);
  });

  it.each<[string, Partial<Witness>[]]>([
    ['silence', [{ mood: 'silent' }]],
    ['one of two', [{}, { mood: 'silent' }]],
    ['one of two that says other decimals', [{ decimals: 18 }, { mood: 'silent' }]],
    ['one against one', [{ decimals: 18 }, {}]],
    ['three against each other', [{ decimals: 18 }, {}, { decimals: 'none' }]],
    ['a limit', [{ mood: 'refusing' }]],
  ])('are not known by %s', async (_, changes) => {
    await expect(verify(court(changes))).rejects.toThrow(RpcFailure);
  });

  it('without a contract are not of an EVM network', async () => {
    await expect(verify(court([{}]), { ...USDT, contract: null })).rejects.toThrow(ChainMismatch);
  });
});
