import { describe, expect, it } from 'vitest';
import { recipient, startBitcoinWorld, toFollow } from '../../../test/harness/bitcoin-world.ts';
import { readPlan } from './batch-plan.ts';
import { WAITING_TRANSACTIONS } from './payer.ts';
import { addressOfScript } from './script.ts';
import { readTransaction } from './transaction.ts';

const NOTHING = { unitsOnTheWay: 0n, taken: [] };

describe('inspecting orders', () => {
  it('spends final coins only', async () => {
    const { driver, chain, script, mine, order } = await startBitcoinWorld();
    chain.fund(script, 10_000_000n);
    mine(5);
    const young = await driver.inspect([order(1, 1_000_000n)], NOTHING);
    expect(young).toMatchObject({ payable: [], plan: null, freeUnits: 0n });
    expect(young.waiting[0]?.reason).toBe(
      'The treasury is short of BTC: has 0 free beyond fees, less than is to be paid; 0.1 more are not final yet.',
    );
    mine();
    expect(await driver.inspect([order(1, 1_000_000n)], NOTHING)).toMatchObject({ waiting: [] });
  });

  it('spends no coin that is taken', async () => {
    const { driver, fund, order, sign } = await startBitcoinWorld();
    fund(10_000_000n);
    const first = await sign([order(1, 1_000_000n)]);
    const { spends } = first.transaction;
    const again = await driver.inspect([order(2, 1_000_000n)], { ...NOTHING, taken: spends });
    expect(again).toMatchObject({ payable: [], plan: null });
    fund(20_000_000n);
    const second = await sign([order(2, 1_000_000n)], { taken: spends });
    expect(second.transaction.spends.some((coin) => spends.includes(coin))).toBe(false);
  });

  it('keeps back what fees may rise to, and promises the rest', async () => {
    const { driver, fund, order, chain } = await startBitcoinWorld();
    chain.setFeeEstimate(20_000n);
    fund(10_000_000n, 5_000_000n);
    const { freeUnits } = await driver.inspect([order(1, 1_000n)], NOTHING);
    // At 40 satoshis a byte two inputs cost 4,600; the frame and the change a little more.
    expect(freeUnits).toBeLessThan(15_000_000n - 4_600n);
    expect(freeUnits).toBeGreaterThan(15_000_000n - 10_000n);
    const most = await driver.inspect([order(1, freeUnits - 5_000n)], NOTHING);
    expect(most.payable).toHaveLength(1);
    const more = await driver.inspect([order(1, freeUnits)], NOTHING);
    expect(more.payable).toHaveLength(0);
  });

  it('pays what is covered, in order, and lets what is too large wait by itself', async () => {
    const { driver, fund, order } = await startBitcoinWorld();
    fund(10_000_000n);
    const orders = [order(1, 4_000_000n), order(2, 9_000_000n), order(3, 5_000_000n)];
    const { payable, waiting } = await driver.inspect(orders, NOTHING);
    expect(payable.map(({ payoutId }) => payoutId)).toEqual(['payout-1', 'payout-3']);
    expect(waiting.map(({ payoutId }) => payoutId)).toEqual(['payout-2']);
  });

  it('leaves what one transaction should not hold', async () => {
    const { driver, fund, order } = await startBitcoinWorld();
    fund(10_000_000n);
    const orders = Array.from({ length: 310 }, (_, index) => order(index, 1_000n));
    const { payable, left } = await driver.inspect(orders, NOTHING);
    expect([payable.length, left.length]).toEqual([driver.limits.ordersPerAttempt, 10]);
  });

  it('refuses dust by the kind of the address, and payouts to the treasury itself', async () => {
    const { driver, fund, order } = await startBitcoinWorld();
    fund(10_000_000n);
    const oldKind = addressOfScript(`76a914${'11'.repeat(20)}88ac`) ?? '';
    const orders = [
      order(1, 293n),
      order(2, 294n),
      order(3, 545n, oldKind),
      order(4, 546n, oldKind),
      order(5, 5_000n, driver.treasury),
    ];
    const { payable, refused } = await driver.inspect(orders, NOTHING);
    expect(payable.map(({ payoutId }) => payoutId)).toEqual(['payout-2', 'payout-4']);
    expect(refused.map(({ payoutId }) => payoutId)).toEqual(['payout-1', 'payout-3', 'payout-5']);
    expect(refused[0]?.reason).toContain('below 0.00000294 BTC');
  });

  it('waits while the market is above the ceiling', async () => {
    const { driver, fund, order, chain } = await startBitcoinWorld();
    fund(10_000_000n);
    chain.setFeeEstimate(200_001n);
    const { waiting, plan } = await driver.inspect([order(1, 1_000n)], NOTHING);
    expect(plan).toBeNull();
    expect(waiting[0]?.reason).toBe('The network asks 201 satoshis per byte; the ceiling is 200.');
  });

  it('pays at least what the mempools take', async () => {
    const { fund, order, sign, nodes, chain, driver } = await startBitcoinWorld();
    chain.setFeeEstimate(2_000n);
    fund(10_000_000n);
    for (const node of nodes) node.set({ mempoolMinSatPerKvb: 30_000n });
    const { transaction } = await sign([order(1, 1_000_000n)]);
    expect(await driver.broadcast(transaction.rawTransaction)).toEqual({ kind: 'accepted' });
  });

  it('waits while a transaction of the treasury is under way that no record explains', async () => {
    const { driver, fund, order, sign, mine, chain } = await startBitcoinWorld();
    fund(10_000_000n, 20_000_000n);
    const lost = await sign([order(1, 1_000_000n)]);
    await driver.broadcast(lost.transaction.rawTransaction);
    const stranger = await driver.inspect([order(1, 1_000_000n)], NOTHING);
    expect(stranger.payable).toEqual([]);
    expect(stranger.waiting[0]?.reason).toContain(lost.transaction.transactionHash);
    mine(5);
    expect((await driver.inspect([order(1, 1_000_000n)], NOTHING)).payable).toEqual([]);
    mine();
    expect(chain.truth.placeOf(lost.transaction.transactionHash)).toMatchObject({ depth: 6 });
    expect((await driver.inspect([order(1, 1_000_000n)], NOTHING)).payable).toHaveLength(1);
  });

  it('waits also where another node than the first one alone knows of it', async () => {
    const { driver, fund, order, sign, nodes } = await startBitcoinWorld({ nodeCount: 3 });
    fund(10_000_000n, 20_000_000n);
    const lost = await sign([order(1, 1_000_000n)]);
    nodes[0]?.set({ relay: 'own' });
    nodes[1]?.set({ relay: 'own' });
    await nodes[2]?.request('sendrawtransaction', [
      Buffer.from(lost.transaction.rawTransaction).toString('hex'),
    ]);
    const { payable, waiting } = await driver.inspect([order(1, 1_000_000n)], NOTHING);
    expect(payable).toEqual([]);
    expect(waiting[0]?.reason).toContain(lost.transaction.transactionHash);
  });

  it('takes for its own only what spends nothing but coins that are taken', async () => {
    const { driver, fund, order, sign } = await startBitcoinWorld();
    fund(10_000_000n, 10_000_000n, 10_000_000n);
    const lost = await sign([order(1, 19_000_000n)]);
    await driver.broadcast(lost.transaction.rawTransaction);
    const { spends, transactionHash } = lost.transaction;
    const inspect = async (...taken: string[]) =>
      await driver.inspect([order(1, 1_000_000n)], { unitsOnTheWay: 0n, taken });
    expect(spends).toHaveLength(2);
    expect((await inspect(...spends)).payable).toHaveLength(1);
    const { payable, waiting } = await inspect(...spends.slice(0, 1));
    expect(payable).toEqual([]);
    expect(waiting[0]?.reason).toContain(transactionHash);
  });

  it('locks no coin that only one node of two shows', async () => {
    const { driver, fund, order, nodes, chain, script } = await startBitcoinWorld({ nodeCount: 2 });
    fund(10_000_000n);
    const [coin] = chain.truth.outputsTo(script);
    nodes[1]?.set({ denies: [coin?.txid ?? ''] });
    const { payable, waiting, plan } = await driver.inspect([order(1, 1_000n)], NOTHING);
    expect({ payable, plan }).toEqual({ payable: [], plan: null });
    expect(waiting).toHaveLength(1);
  });

  it('waits where fewer nodes than a quorum answer', async () => {
    const { driver, fund, order, nodes } = await startBitcoinWorld({ nodeCount: 2 });
    fund(10_000_000n);
    nodes[1]?.set({ always: 'silence' });
    const { waiting, refused } = await driver.inspect([order(1, 1_000n)], NOTHING);
    expect([waiting.length, refused.length]).toEqual([1, 0]);
  });
});

describe('signing a batch', () => {
  it('pays the orders in their order and gives the rest back to the treasury', async () => {
    const { fund, order, sign, script, driver } = await startBitcoinWorld();
    fund(10_000_000n);
    const orders = [order(1, 700_000n), order(2, 300_000n), order(3, 700_000n, recipient(1))];
    const attempt = await sign(orders);
    const { outputs, spends, sequences } = readTransaction(attempt.transaction.rawTransaction);
    expect(outputs.slice(0, 3).map(({ units }) => units)).toEqual([700_000n, 300_000n, 700_000n]);
    expect(outputs.slice(3).every((output) => output.script === script)).toBe(true);
    expect(sequences.every((sequence) => sequence === 0xfffffffd)).toBe(true);
    expect(attempt).toMatchObject({
      fence: spends[0],
      payer: driver.treasury,
      validUntil: null,
      validUntilBlock: null,
      sinceBlock: 103n,
      payoutIds: ['payout-1', 'payout-2', 'payout-3'],
      transaction: { spends, sender: driver.treasury },
    });
    expect(await driver.status(toFollow(attempt, orders))).toEqual({ kind: 'unseen' });
  });

  it('splits the change of a lone coin so that the next payouts need not wait for it', async () => {
    const { fund, order, sign, script } = await startBitcoinWorld();
    fund(1_000_000_000n);
    const attempt = await sign([order(1, 700_000n)]);
    const { outputs } = readTransaction(attempt.transaction.rawTransaction);
    expect(outputs.filter((output) => output.script === script)).toHaveLength(8);
  });

  it('does not split the change of a treasury that has enough coins', async () => {
    const { fund, order, sign, script } = await startBitcoinWorld();
    fund(...Array.from({ length: WAITING_TRANSACTIONS * 7 + 1 }, () => 10_000_000n));
    const attempt = await sign([order(1, 700_000n)]);
    const { outputs } = readTransaction(attempt.transaction.rawTransaction);
    expect(outputs.filter((output) => output.script === script)).toHaveLength(1);
  });

  const broken: readonly [string, (plan: Record<string, string>) => Record<string, string>][] = [
    ['other change', (plan) => ({ ...plan, change: `${plan['change']} 100000` })],
    ['no change', (plan) => ({ ...plan, change: '' })],
    ['a coin twice', (plan) => ({ ...plan, coins: `${plan['coins']} ${plan['coins']}` })],
    ['a rate above the ceiling', (plan) => ({ ...plan, satPerKvb: '200001' })],
    ['no coins', (plan) => ({ ...plan, coins: '' })],
    ['words that are none', (plan) => ({ ...plan, coins: 'coin' })],
  ];
  it.each(broken)('signs nothing by a plan with %s', async (_, change) => {
    const { driver, fund, order } = await startBitcoinWorld();
    fund(10_000_000n);
    const { payable, plan } = await driver.inspect([order(1, 1_000_000n)], NOTHING);
    const lane = { sender: driver.treasury, sequence: 1n };
    const wrong = change({ ...plan } as Record<string, string>);
    await expect(driver.sign({ orders: payable, number: 1n, plan: wrong, lane })).rejects.toThrow();
  });

  it('signs for no other orders than its plan is for', async () => {
    const { driver, fund, order } = await startBitcoinWorld();
    fund(10_000_000n);
    const { plan } = await driver.inspect([order(1, 1_000_000n)], NOTHING);
    const lane = { sender: driver.treasury, sequence: 1n };
    const work = { number: 1n, plan: plan ?? {}, lane };
    const less = { ...work, orders: [order(1, 900_000n)] };
    await expect(driver.sign(less)).rejects.toThrow('the fee is higher than was meant');
    const more = { ...work, orders: [order(1, 1_100_000n)] };
    await expect(driver.sign(more)).rejects.toThrow();
  });

  it('reads its plan back as it was written', async () => {
    const { driver, fund, order } = await startBitcoinWorld();
    fund(10_000_000n);
    const { plan } = await driver.inspect([order(1, 1_000_000n)], NOTHING);
    expect(readPlan(plan ?? {})).toMatchObject({
      coins: [{ units: 10_000_000n }],
      satPerKvb: 5_000n,
    });
  });
});
