import { decodeErrorResult, encodeErrorResult, parseAbi, type Hex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { present } from '../src/base/assert.ts';
import { createBatchPayer, recipient, type BatchPayer } from '../test/harness/batch-payer.ts';
import { startTestChain, type TestChain } from '../test/harness/chain.ts';
import {
  callEachData,
  deployCaller,
  deployHostileToken,
  type HostileToken,
  type Manner,
} from '../test/harness/hostile-token.ts';
import {
  deployContract,
  errorName,
  executeData,
  readReport,
  send,
  type BatchItem,
} from '../test/harness/treasury-contract.ts';

// The fate of one item, and that it is its own.

let chain: TestChain;
let payer: BatchPayer;
let token: HostileToken;
let before: unknown;
beforeAll(async () => {
  chain = await startTestChain({ network: 'ETHEREUM_MAINNET' });
  payer = await createBatchPayer(chain);
  token = await deployHostileToken(payer);
});
afterAll(async () => await chain.stop());
beforeEach(async () => {
  before = await chain.rpc('evm_snapshot');
});
afterEach(async () => {
  await chain.rpc('evm_revert', before as string);
});

const HOSTILE = 1;
const UNITS = 1_000n;

/** Three items, of which the middle one is for the recipient that the token treats by its manner. */
function threeItems(): BatchItem[] {
  return [0, HOSTILE, 2].map((index) => ({ to: recipient(index), units: UNITS }));
}

const refusedAbi = parseAbi(['error Refused(address to, uint256 value)']);
const refused = encodeErrorResult({ abi: refusedAbi, args: [recipient(HOSTILE), UNITS] });
const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`;

describe('an item is judged by what its token answers', () => {
  test.each<{ manner: Manner; paid: bigint }>([
    { manner: 'Pays', paid: UNITS },
    { manner: 'PaysAndSaysTrue', paid: UNITS },
    { manner: 'SaysTrueAndMore', paid: UNITS },
    { manner: 'SaysTrueAtLength', paid: UNITS },
    // What the recipient got is told by the token's own event.
    { manner: 'KeepsAFee', paid: 990n },
  ])('$manner: no failure is reported', async ({ manner, paid }) => {
    await token.setManner(recipient(HOSTILE), manner);
    const batch = payer.batchOf({ token: token.address, items: threeItems() });
    const { report } = await payer.execute(batch);
    expect(report).toMatchObject({ failed: 0n, failures: [] });
    const logs = (await chain.transferLogs(token.address)).slice(1);
    expect(logs.map(({ to, units }) => ({ to, units }))).toEqual([
      { to: recipient(0), units: UNITS },
      { to: recipient(HOSTILE), units: paid },
      { to: recipient(2), units: UNITS },
    ]);
  });

  test.each<{ manner: Manner; reverted: boolean; reason: Hex; paid: bigint }>([
    { manner: 'Reverts', reverted: true, reason: refused, paid: 0n },
    { manner: 'LoopsForEver', reverted: true, reason: '0x', paid: 0n },
    { manner: 'BurnsAllGas', reverted: true, reason: '0x', paid: 0n },
    { manner: 'SaysFalse', reverted: false, reason: word(0), paid: 0n },
    // These moved the money and did not say yes: the token's event shows what the flag leaves open.
    { manner: 'PaysAndSaysFalse', reverted: false, reason: word(0), paid: UNITS },
    { manner: 'SaysThree', reverted: false, reason: word(3), paid: UNITS },
    {
      manner: 'SaysTooLittle',
      reverted: false,
      reason: word(0).slice(0, -2) as Hex,
      paid: UNITS,
    },
  ])('$manner: its failure is reported, and no other item’s', async (expected) => {
    const { manner, reverted, reason, paid } = expected;
    // What the item before answered must not fill up an answer that is too short.
    await token.setManner(recipient(0), 'PaysAndSaysTrue');
    await token.setManner(recipient(HOSTILE), manner);
    const batch = payer.batchOf({ token: token.address, items: threeItems() });
    const { report } = await payer.execute(batch);
    expect(report?.failed).toBe(1n);
    expect(report?.failures).toEqual([{ index: 1n, reverted, reason }]);
    expect(await token.balanceOf(recipient(HOSTILE))).toBe(paid);
    for (const index of [0, 2]) expect(await token.balanceOf(recipient(index))).toBe(UNITS);
  });

  test('a long refusal is reported by its first 256 bytes', async () => {
    await token.setManner(recipient(HOSTILE), 'RevertsAtLength');
    const batch = payer.batchOf({ token: token.address, items: threeItems() });
    const { report } = await payer.execute(batch);
    const reason = `${word(2)}${'00'.repeat(224)}`;
    expect(report?.failures).toEqual([{ index: 1n, reverted: true, reason }]);
  });

  test('every one of many failures has its own event, and its own reason', async () => {
    const items = Array.from({ length: 40 }, (_, index) => ({
      to: recipient(index),
      units: UNITS,
    }));
    for (const index of [0, 7, 8, 39]) await token.setManner(recipient(index), 'Reverts');
    await token.setManner(recipient(9), 'SaysFalse');
    const { report } = await payer.execute(payer.batchOf({ token: token.address, items }));
    expect(report?.failed).toBe(5n);
    expect(report?.failures.map(({ index }) => index)).toEqual([0n, 7n, 8n, 9n, 39n]);
    for (const { index, reverted, reason } of present(report, 'the batch ran').failures) {
      expect(reverted).toBe(index !== 9n);
      if (!reverted) continue;
      const { args } = decodeErrorResult({ abi: refusedAbi, data: reason });
      expect(args[0].toLowerCase()).toBe(recipient(Number(index)));
    }
  });
});

describe('the tokens that payouts are made in', () => {
  const fifty = (): BatchItem[] =>
    Array.from({ length: 50 }, (_, index) => ({ to: recipient(index), units: 3n }));

  test('one blacklisted recipient among fifty fails alone, and the reason is the token’s', async () => {
    await chain.setBlacklisted('USDC', recipient(17), true);
    const batch = payer.batchOf({ token: chain.tokens.USDC.address as Hex, items: fifty() });
    const { report } = await payer.execute(batch);
    expect(report?.failures).toHaveLength(1);
    const [failure] = report?.failures ?? [];
    expect(failure).toMatchObject({ index: 17n, reverted: true });
    const { args } = decodeErrorResult({
      abi: parseAbi(['error Error(string reason)']),
      data: failure?.reason ?? '0x',
    });
    expect(args).toEqual(['Blacklistable: account is blacklisted']);
    for (const [index, { to }] of fifty().entries()) {
      expect(await chain.balanceOf('USDC', to)).toBe(index === 17 ? 0n : 3n);
    }
  });

  test.each(['USDT', 'USDC'] as const)('a paused %s fails every item', async (name) => {
    await chain.pauseToken(name, true);
    const items = fifty().slice(0, 5);
    const batch = payer.batchOf({ token: chain.tokens[name].address as Hex, items });
    const { report } = await payer.execute(batch);
    expect(report?.failures.map(({ index, reverted }) => [index, reverted])).toEqual(
      items.map((_, index) => [BigInt(index), true]),
    );
  });

  test('with USDT’s fee on, its events tell what each recipient got', async () => {
    await chain.setFee(10, 1);
    const batch = payer.batchOf({ items: [{ to: recipient(3), units: 1_000n }] });
    expect((await payer.execute(batch)).report).toMatchObject({ failed: 0n });
    const got = (await chain.transferLogs('USDT')).filter(({ to }) => to === recipient(3));
    expect(got.map(({ units }) => units)).toEqual([999n]);
  });

  test('a treasury that runs dry pays what it can, in the order of the items', async () => {
    const all = await chain.balanceOf('USDT', payer.treasury);
    const items = [all - 5n, 10n, 5n, 1n].map((units, index) => ({ to: recipient(index), units }));
    const { report } = await payer.execute(payer.batchOf({ items }));
    // Tether's assert burns all the gas of the item, and no more than that.
    expect(report?.failures).toEqual([
      { index: 1n, reverted: true, reason: '0x' },
      { index: 3n, reverted: true, reason: '0x' },
    ]);
    expect(await chain.balanceOf('USDT', payer.treasury)).toBe(0n);
  });
});

describe('reentrancy', () => {
  test('a token that submits another signed batch in its transfer is refused', async () => {
    const inner = payer.batchOf({ items: [{ to: recipient(8), units: 8n }] });
    await token.setCall(payer.treasury, await payer.dataOf(inner));
    await token.setManner(recipient(HOSTILE), 'Calls');
    const items = threeItems();
    const batch = payer.batchOf({ token: token.address, items, gasPerItem: 1_000_000n });
    const { report } = await payer.execute(batch);
    expect(report).toMatchObject({ batchId: batch.batchId, failed: 0n });
    const { succeeded, answer } = await token.lastCall();
    expect([succeeded, errorName(answer)]).toEqual([false, 'Reentered']);
    expect(await payer.isSpent(inner.batchId)).toBe(false);
    // The refused batch is as good as before.
    expect((await payer.execute(inner)).report).toMatchObject({ failed: 0n });
    expect(await chain.balanceOf('USDT', recipient(8))).toBe(8n);
  });

  test('a recipient that submits its own batch again is refused, and is paid once', async () => {
    const caller = await deployCaller(payer);
    await token.setManner(caller.address, 'Notifies');
    const items = [{ to: caller.address, units: UNITS }];
    const batch = payer.batchOf({ token: token.address, items, gasPerItem: 1_000_000n });
    await caller.setCall(payer.treasury, await payer.dataOf(batch));
    expect((await payer.execute(batch)).report).toMatchObject({ failed: 0n });
    const { succeeded, answer } = await caller.lastCall();
    expect([succeeded, errorName(answer)]).toEqual([false, 'Reentered']);
    expect(await token.balanceOf(caller.address)).toBe(UNITS);
  });

  test('a treasury that is called as if it were a token moves nothing', async () => {
    const transfer = `0xa9059cbb${recipient(8).slice(2).padStart(64, '0')}${word(5).slice(2)}`;
    await token.setCall(payer.treasury, transfer as Hex);
    await token.setManner(recipient(HOSTILE), 'Calls');
    const batch = payer.batchOf({
      token: token.address,
      items: threeItems(),
      gasPerItem: 1_000_000n,
    });
    await payer.execute(batch);
    expect(await token.lastCall()).toEqual({ succeeded: false, answer: '0x' });
  });

  test('several batches in one transaction, one after the other, are no reentrancy', async () => {
    const caller = await deployContract(chain, payer.submitter, { name: 'TestCaller' });
    const batches = [1, 2, 3].map((index) =>
      payer.batchOf({ items: [{ to: recipient(index), units: 4n }] }),
    );
    const payloads = await Promise.all(batches.map((batch) => payer.dataOf(batch)));
    const data = callEachData(payer.treasury, payloads);
    const receipt = await send(chain, payer.submitter, { to: caller, data });
    expect(receipt.succeeded).toBe(true);
    for (const { batchId } of batches) expect(await payer.isSpent(batchId)).toBe(true);
    for (const index of [1, 2, 3]) expect(await chain.balanceOf('USDT', recipient(index))).toBe(4n);
  });

  test('a transaction that is undone after its batch leaves the id unspent', async () => {
    const caller = await deployContract(chain, payer.submitter, { name: 'TestCaller' });
    const batch = payer.batchOf();
    const data = await payer.dataOf(batch);
    const twice = callEachData(payer.treasury, [data, data]);
    const receipt = await send(chain, payer.submitter, { to: caller, data: twice });
    expect(receipt.succeeded).toBe(false);
    expect(readReport(receipt, payer.treasury)).toBeNull();
    expect(await payer.isSpent(batch.batchId)).toBe(false);
    expect(
      (await payer.call({ data: executeData(batch, await payer.sign(batch)) })).succeeded,
    ).toBe(true);
  });
});
