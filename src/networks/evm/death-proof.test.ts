import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startScriptedRpc, type ScriptedRpc } from '../../../test/harness/scripted-rpc.ts';
import {
  UNITS,
  honest,
  receipt,
  replacement,
  hash,
  statusOn,
  strangerSigner,
} from '../../../test/harness/scripted-evm.ts';
import type { Sighting } from '../network.ts';

let first: ScriptedRpc;
beforeAll(async () => {
  first = await startScriptedRpc({});
});
afterAll(async () => {
  await first.close();
});

describe('a replacement that proves nothing', () => {
  async function withReplacement(it: Record<string, unknown>): Promise<Sighting> {
    first.script = honest(hash, { includedAt: null, transactions: [it] });
    return await statusOn([first]);
  }

  it.each<[string, () => Promise<Record<string, unknown>>]>([
    ['is our own transaction', async () => await replacement({ units: UNITS })],
    ['is signed by somebody else', async () => await replacement({}, strangerSigner)],
    ['is of another chain', async () => await replacement({ chainId: 137 })],
    ['has another nonce', async () => ({ ...(await replacement({ nonce: 8n })), nonce: '0x7' })],
    [
      'has a made-up hash',
      async () => ({ ...(await replacement()), hash: `0x${'12'.repeat(32)}` }),
    ],
    ['is signed by nobody', async () => ({ ...(await replacement()), r: `0x${'12'.repeat(32)}` })],
    ['has no signature', async () => ({ ...(await replacement()), r: undefined })],
  ])('%s', async (_, it) => {
    expect((await withReplacement(await it())).kind).toBe('unknown');
  });

  it('is overtaken by a receipt', async () => {
    let asked = 0;
    first.script = {
      ...honest(hash, { includedAt: null, transactions: [await replacement()] }),
      eth_getTransactionReceipt: () => {
        asked += 1;
        return { result: asked === 1 ? null : receipt(hash) };
      },
    };
    expect((await statusOn([first])).kind).toBe('unknown');
  });
});
