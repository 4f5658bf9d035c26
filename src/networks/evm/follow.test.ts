import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  fateOf,
  STRANGER,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import { present } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { callData, readArtifact } from '../../sandbox/deploy-tokens.ts';
import type { NetworkDriver } from '../network.ts';

let chain: TestChain;
let treasury: TestTreasury;
let driver: NetworkDriver;
beforeAll(async () => {
  chain = await startTestChain();
  treasury = await createTestTreasury(chain);
  driver = treasury.driver;
});
afterAll(async () => {
  await chain.stop();
});

describe('a transfer that meets a changed token', () => {
  it('is refused where the token was paused', async () => {
    const attempt = await treasury.sign(treasury.orderOf());
    await chain.pauseToken('USDT', true);
    const fate = fateOf(await treasury.settle(attempt));
    expect(fate).toMatchObject({
      kind: 'refused',
      reason: 'USDT was paused by its issuer when the transfer ran.',
    });
    await chain.pauseToken('USDT', false);
  });

  it('is refused where another transfer has emptied the treasury', async () => {
    const units = await driver.treasuryUnits(treasury.assetOf('USDT'));
    const first = await treasury.sign(treasury.orderOf({ units }));
    const second = await treasury.sign(treasury.orderOf(), first.sequence + 1n);
    await driver.broadcast(first.rawTransaction);
    expect(fateOf(await treasury.settle(second))).toMatchObject({
      kind: 'refused',
      reason: 'The treasury held too little USDT when the transfer ran.',
    });
    expect(fateOf(await driver.status(first)).kind).toBe('paid');
    await chain.fund(driver.treasury);
    await chain.mine(4);
  });

  it('is unknown where the token took a fee, and stays so', async () => {
    const attempt = await treasury.sign(treasury.orderOf());
    await chain.setFee(10, 1);
    const sighting = await treasury.settle(attempt);
    expect(sighting).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('PERSON NEEDED') as unknown,
    });
    await chain.setFee(0, 0);
    expect((await driver.status(attempt)).kind).toBe('unknown');
  });
});

describe('a token whose answers cannot be trusted', () => {
  let asset: Asset;
  const send = async (signature: string, ...values: (string | bigint)[]): Promise<void> => {
    const [from] = (await chain.rpc('eth_accounts')) as string[];
    const data = callData(await readArtifact('TestFalseToken'), signature, ...values);
    const to = present(asset.contract, 'the token has a contract');
    const call = { from: present(from, 'the chain has accounts'), to, data, gas: '0x186a0' };
    const hash = await chain.rpc('eth_sendTransaction', call);
    await chain.mine(4);
    const receipt = await chain.rpc('eth_getTransactionReceipt', hash as string);
    expect(receipt).toMatchObject({ status: '0x1' });
  };
  const setMode = async (mode: bigint): Promise<void> => {
    await send('setMode(uint8)', mode);
  };
  beforeAll(async () => {
    asset = treasury.assetAt((await chain.deploy('TestFalseToken')).address);
    await send('mint(address,uint256)', driver.treasury, 10n ** 9n);
  });

  it('is waited for where it answers false to everybody', async () => {
    await setMode(1n);
    expect(await driver.inspect(treasury.orderOf({ asset }))).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('it answered false') as unknown,
    });
    await setMode(0n);
    expect(await driver.inspect(treasury.orderOf({ asset }))).toEqual({ kind: 'payable' });
  });

  it.each([
    ['paid where it moved the units and answered false', 1n, 'paid'],
    ['refused where it answered true and moved nothing', 2n, 'refused'],
    ['unknown where it moved one unit less', 3n, 'unknown'],
  ] as const)('is %s', async (_, mode, kind) => {
    await setMode(0n);
    const attempt = await treasury.sign(treasury.orderOf({ asset }));
    await setMode(mode);
    const sighting = await treasury.settle(attempt);
    expect(sighting.kind === 'final' ? sighting.fates[0]?.kind : sighting.kind).toBe(kind);
  });
});

describe('one nonce', () => {
  it('is spent once: the replaced attempt is dead, with proof', async () => {
    const winner = await treasury.sign(treasury.orderOf({ toAddress: STRANGER }));
    const loser = await treasury.sign(treasury.orderOf(), winner.sequence);
    expect(loser.fence).toBe(winner.fence);
    expect(loser.transactionHash).not.toBe(winner.transactionHash);
    await driver.broadcast(winner.rawTransaction);
    await chain.mine(1);
    expect(await driver.status(loser)).toEqual({ kind: 'unseen' });
    expect((await driver.broadcast(loser.rawTransaction)).kind).toBe('look');
    await chain.mine(40);
    const won = await driver.status(winner);
    expect(fateOf(won).kind).toBe('paid');
    const block = won.kind === 'final' ? won.block : null;
    expect(await driver.status(loser)).toEqual({
      kind: 'dead',
      reason: 'Another transaction of the sender took its nonce.',
      proof: {
        replacedBy: winner.transactionHash,
        sender: driver.treasury.toLowerCase(),
        nonce: winner.sequence.toString(),
        blockNumber: block?.number.toString(),
        blockHash: block?.hash,
      },
      takenBy: winner.transactionHash,
    });
  });

  it('is not proven spent by a transaction without a true signature', async () => {
    const loser = await treasury.sign(treasury.orderOf());
    await chain.rpc('anvil_impersonateAccount', driver.treasury);
    await chain.rpc('eth_sendTransaction', {
      from: driver.treasury,
      to: STRANGER,
      value: '0x1',
    });
    await chain.mine(5);
    // Impersonated: the node made up its signature, so it proves nothing.
    expect((await driver.status(loser)).kind).toBe('unknown');
    await chain.rpc('anvil_stopImpersonatingAccount', driver.treasury);
  });
});

describe('a reorganisation', () => {
  it('takes an included transfer back to unseen; the same bytes land again', async () => {
    const attempt = await treasury.sign(treasury.orderOf({ units: 77_777n }));
    await driver.broadcast(attempt.rawTransaction);
    await chain.mine(1);
    expect((await driver.status(attempt)).kind).toBe('included');
    await chain.reorg(1);
    expect(await driver.status(attempt)).toEqual({ kind: 'unseen' });
    expect(fateOf(await treasury.settle(attempt)).kind).toBe('paid');
    const paid = (await chain.transferLogs('USDT')).filter(({ units }) => units === 77_777n);
    expect(paid).toHaveLength(1);
  });

  it('that moves it to another block is followed there', async () => {
    const attempt = await treasury.sign(treasury.orderOf());
    await driver.broadcast(attempt.rawTransaction);
    await chain.mine(2);
    const before = await driver.status(attempt);
    const raw = `0x${Buffer.from(attempt.rawTransaction).toString('hex')}`;
    await chain.reorg(2, [{ raw, atBlock: 1 }]);
    const after = await driver.status(attempt);
    expect([before.kind, after.kind]).toEqual(['included', 'included']);
    expect(after).not.toEqual(before);
    await chain.mine(4);
    expect(fateOf(await driver.status(attempt)).kind).toBe('paid');
  });
});
