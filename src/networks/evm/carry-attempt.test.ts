import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  fateOf,
  RECIPIENT,
  STRANGER,
  type TestAttempt,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import {
  SigningPostponed,
  type AttemptToFollow,
  type LanePosition,
  type NetworkDriver,
  type SignedTransaction,
} from '../network.ts';
import { FEE_POLICIES } from './fees.ts';
import { readLaneTransaction } from './lane-transaction.ts';

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
// Nothing of one test waits in the pool during the next.
beforeEach(async () => {
  await chain.mine(5);
});

/** As the row has it when another transaction was signed for the attempt. */
function carriedBy(attempt: TestAttempt, ...more: SignedTransaction[]): AttemptToFollow {
  const hashes = more.map(({ transactionHash }) => transactionHash);
  return { ...attempt, transactionHashes: [...hashes, ...attempt.transactionHashes] };
}

async function wasPaidTwice(work: () => Promise<void>): Promise<boolean> {
  const before = await chain.balanceOf('USDT', RECIPIENT);
  await work();
  const received = (await chain.balanceOf('USDT', RECIPIENT)) - before;
  expect(received % 20_000n).toBe(0n);
  return received > 20_000n;
}

describe('carry', () => {
  it('brings the same batch by another account; both together pay once', async () => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    const other = await driver.carry(attempt, await treasury.lane(1));
    expect(other.sender).toBe(driver.gasAccounts[1]);
    const twice = await wasPaidTwice(async () => {
      await treasury.send(attempt.transaction);
      await treasury.send(other);
      await chain.mine(5);
    });
    expect(twice).toBe(false);
    expect(fateOf(await driver.status(carriedBy(attempt, other))).kind).toBe('paid');
  });

  it('has gas for the recipient that is new since', async () => {
    const asset = treasury.assetOf('USDC');
    const attempt = await treasury.sign([treasury.orderOf({ asset, toAddress: STRANGER })]);
    const first = await readLaneTransaction(attempt.transaction.rawTransaction);
    const again = await driver.carry(attempt, await treasury.lane(1));
    const said = await readLaneTransaction(again.rawTransaction);
    expect(said).toMatchObject({ to: first.to, data: first.data, valueWei: 0n, delegation: null });
  });

  it.each<[string, (attempt: TestAttempt) => Partial<AttemptToFollow>]>([
    ['another treasury', () => ({ payer: STRANGER })],
    ['another fence', (it) => ({ fence: `${it.fence}0` })],
    ['another digest', (it) => ({ authorityHash: it.authorityHash.replace(/.$/, 'g') })],
    ['other orders', (it) => ({ orders: it.orders.map((one) => ({ ...one, units: 1n })) })],
    ['no orders', () => ({ orders: [] })],
    ['changed bytes', (it) => ({ authority: it.authority.with(40, 1) })],
    ['another deadline', () => ({ validUntil: new Date(0) })],
  ])('never carries an attempt whose row says otherwise: %s', async (_, changes) => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    const lane = await treasury.lane(1);
    await expect(driver.carry({ ...attempt, ...changes(attempt) }, lane)).rejects.toThrow();
  });

  it.each<[string, () => Partial<LanePosition>]>([
    ['of a stranger', () => ({ sender: STRANGER })],
    ['of the treasury', () => ({ sender: driver.treasury })],
  ])('uses no lane %s', async (_, changes) => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    const lane = { ...(await treasury.lane(1)), ...changes() };
    await expect(driver.carry(attempt, lane)).rejects.toThrow('lane');
  });

  it.each<[string, (attempt: TestAttempt) => Promise<void>, () => Promise<void>, RegExp]>([
    [
      'that has been carried out',
      async (attempt) => {
        await treasury.send(attempt.transaction);
        await chain.mine(1);
      },
      async () => await Promise.resolve(),
      /carried out/,
    ],
    [
      'while the token is paused',
      async () => await chain.pauseToken('USDT', true),
      async () => await chain.pauseToken('USDT', false),
      /refuse every transfer/,
    ],
  ])('waits with an attempt %s', async (_, before, after, reason) => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    await before(attempt);
    const carried = driver.carry(attempt, await treasury.lane(1));
    await expect(carried).rejects.toThrow(SigningPostponed);
    await expect(carried).rejects.toThrow(reason);
    await after();
  });

  it('waits with an attempt that has expired', async () => {
    const own = await startTestChain();
    try {
      const late = await createTestTreasury(own);
      const attempt = await late.sign([late.orderOf()]);
      const deadline = (attempt.validUntil?.getTime() ?? 0) / 1000;
      await own.rpc('evm_setNextBlockTimestamp', deadline + 1);
      await own.mine(1);
      await expect(late.driver.carry(attempt, await late.lane(1))).rejects.toThrow(/expired/);
    } finally {
      await own.stop();
    }
  });
});

describe('replace', () => {
  it('by itself: the same call at a fee that a node takes; one of the two lands', async () => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    await treasury.send(attempt.transaction);
    const one = await driver.replace(attempt.transaction, 'itself', { taken: [] });
    await treasury.send(one);
    const two = await driver.replace(one, 'itself', { taken: [] });
    await treasury.send(two);
    const said = await Promise.all(
      [attempt.transaction, one, two].map(
        async ({ rawTransaction }) => await readLaneTransaction(rawTransaction),
      ),
    );
    for (const [index, it] of said.entries()) {
      const before = said[index - 1];
      if (before === undefined) continue;
      expect(it).toMatchObject({ to: before.to, data: before.data, nonce: before.nonce });
      expect(it.gasLimit).toBe(before.gasLimit);
      expect(it.maxFeeWei * 8n >= before.maxFeeWei * 9n).toBe(true);
      expect(it.tipWei * 8n >= before.tipWei * 9n).toBe(true);
    }
    await chain.mine(5);
    const sighting = await driver.status(carriedBy(attempt, two, one));
    expect(sighting).toMatchObject({ kind: 'final', transactionHash: two.transactionHash });
    expect(fateOf(sighting).kind).toBe('paid');
    expect((await driver.track(one)).kind).toBe('replaced');
  });

  it('by nothing: the sequence is taken, and nothing moves', async () => {
    const before = await chain.balanceOf('USDT', driver.treasury);
    const attempt = await treasury.sign([treasury.orderOf()]);
    await treasury.send(attempt.transaction);
    const nothing = await driver.replace(attempt.transaction, 'nothing', { taken: [] });
    expect(await readLaneTransaction(nothing.rawTransaction)).toMatchObject({
      to: attempt.transaction.sender.toLowerCase(),
      data: '0x',
      valueWei: 0n,
      gasLimit: 21_000n,
    });
    await treasury.send(nothing);
    await chain.mine(5);
    expect(await driver.track(nothing)).toMatchObject({ kind: 'final', succeeded: true });
    expect((await driver.status(attempt)).kind).toBe('unseen');
    expect(await chain.balanceOf('USDT', driver.treasury)).toBe(before);
    // And the filler can be replaced as well.
    const again = await driver.replace(nothing, 'itself', { taken: [] });
    expect((await readLaneTransaction(again.rawTransaction)).data).toBe('0x');
  });

  it('ends at the ceiling', async () => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    const { maxFeeWei } = await readLaneTransaction(attempt.transaction.rawTransaction);
    const capped = treasury.driverWith({
      feePolicy: { ...FEE_POLICIES.MATIC_MAINNET, maxFeeCeilingWei: maxFeeWei },
    });
    await expect(capped.replace(attempt.transaction, 'itself', { taken: [] })).rejects.toThrow(
      SigningPostponed,
    );
    await expect(capped.replace(attempt.transaction, 'nothing', { taken: [] })).rejects.toThrow(
      SigningPostponed,
    );
  });

  it('waits where the account cannot pay more', async () => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    const { gasLimit, maxFeeWei } = await readLaneTransaction(attempt.transaction.rawTransaction);
    const { sender } = attempt.transaction;
    const before = (await chain.rpc('eth_getBalance', sender, 'latest')) as string;
    await chain.fund(sender, { units: 0n, wei: gasLimit * maxFeeWei });
    await expect(driver.replace(attempt.transaction, 'itself', { taken: [] })).rejects.toThrow(
      SigningPostponed,
    );
    // Nothing costs less than the call.
    await driver.replace(attempt.transaction, 'nothing', { taken: [] });
    await chain.rpc('anvil_setBalance', sender, before);
  });

  it.each<[string, (it: SignedTransaction) => Partial<SignedTransaction>]>([
    ['another sender', () => ({ sender: driver.gasAccounts[1] ?? '' })],
    ['a stranger', () => ({ sender: STRANGER })],
    ['another sequence', (it) => ({ sequence: it.sequence + 1n })],
    ['another hash', () => ({ transactionHash: `0x${'12'.repeat(32)}` })],
    ['changed bytes', (it) => ({ rawTransaction: it.rawTransaction.with(30, 7) })],
    ['no bytes', () => ({ rawTransaction: new Uint8Array() })],
  ])('never replaces a transaction whose row says otherwise: %s', async (_, changes) => {
    const { transaction } = await treasury.sign([treasury.orderOf()]);
    const row = { ...transaction, ...changes(transaction) };
    await expect(driver.replace(row, 'itself', { taken: [] })).rejects.toThrow();
    await expect(driver.replace(row, 'nothing', { taken: [] })).rejects.toThrow();
  });
});
