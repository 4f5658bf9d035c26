import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import { listAccounts } from '../ledger/account.ts';
import { acceptOrders } from './accept-orders.ts';
import { confirmPayouts } from './confirm-payouts.ts';
import { settlePayouts } from './settle-payout.ts';
import { submitPayouts } from './submit-payouts.ts';

// The road of one payout, step by step, on a real database and a real chain.

let road: SettlementRoad;
beforeAll(async () => {
  road = await createSettlementRoad();
});
afterAll(async () => {
  await road.close();
});
afterEach(async () => {
  await road.drain();
  expect(await road.faults()).toEqual([]);
});

/** Everything that the steps change, but for the times of looking. */
async function snapshot(): Promise<unknown> {
  const { database } = road.db;
  const [orders, attempts, transactions, items, payouts, changes, holds, accounts, outbox, lanes] =
    await Promise.all([
      database.query(
        `SELECT payout_id, state, fence, transaction_hash, version, reported_version, waiting_for
         FROM settlement_orders ORDER BY payout_id`,
      ),
      database.query(
        `SELECT attempt_id, state, fence, transaction_hash, authority, block_hash
         FROM settlement_attempts ORDER BY attempt_id`,
      ),
      database.query(
        `SELECT transaction_hash, state, attempt_id, raw_transaction, broadcast_count, block_hash
         FROM settlement_transactions ORDER BY transaction_hash`,
      ),
      database.query('SELECT * FROM settlement_attempt_items ORDER BY payout_id'),
      database.query('SELECT * FROM payouts ORDER BY payout_id'),
      database.query('SELECT * FROM payout_changes ORDER BY payout_id, number'),
      database.query('SELECT * FROM ledger_holds ORDER BY payout_id'),
      database.query('SELECT * FROM ledger_accounts ORDER BY account_id'),
      database.query('SELECT item_id, topic, payload FROM outbox_items ORDER BY item_id'),
      database.query('SELECT sender, next_sequence FROM settlement_lanes ORDER BY sender'),
    ]);
  const sent = road.sent.length;
  return {
    orders,
    attempts,
    transactions,
    items,
    payouts,
    changes,
    holds,
    accounts,
    outbox,
    lanes,
    sent,
  };
}

/** Takes a step, then takes it again: at once, and in the hands of another worker later. */
async function once(step: () => Promise<number>): Promise<void> {
  expect(await step()).toBe(1);
  const after = await snapshot();
  expect(await step()).toBe(0);
  road.clock.advance(1);
  await step();
  expect(await snapshot()).toEqual(after);
}

describe('the road of a payout', () => {
  it('goes step by step, and no step has an effect twice', async () => {
    const worker = road.settlement();
    const payout = await road.order(1_500_000n);
    const number = await road.nextNumber();
    const { businessId } = payout;
    const account = async (): Promise<{ balance: bigint; held: bigint; settled: bigint }> => {
      const accounts = await listAccounts(road.db.database, businessId);
      const [api, settled] = (['API_ACCOUNT', 'SETTLED'] as const).map((kind) =>
        accounts.find((it) => it.kind === kind),
      );
      const balance = api?.balanceUnits ?? 0n;
      return { balance, held: api?.heldUnits ?? 0n, settled: settled?.balanceUnits ?? 0n };
    };
    const before = await account();

    await once(async () => await acceptOrders(worker));
    expect(await road.orderRow(payout)).toMatchObject({
      state: 'QUEUED',
      units: 1_500_000n,
      fence: null,
      version: 0,
    });
    expect(await road.read(payout)).toMatchObject({ status: 'PENDING' });

    await once(async () => await submitPayouts(worker));
    const fence = `${worker.driver.treasury.toLowerCase()}:batch:${number}`;
    const [attempt] = await road.attempts(payout);
    const transactionHash = attempt?.transactionHash;
    expect(await road.orderRow(payout)).toMatchObject({
      state: 'IN_FLIGHT',
      fence,
      transaction_hash: transactionHash,
      version: 1,
      reported_version: 0,
    });
    expect(attempt).toMatchObject({ state: 'OPEN', fate: 'OPEN', fence, broadcastCount: 1 });
    expect(await road.nextNumber()).toBe(number + 1n);
    expect(road.sent).toHaveLength(1);

    await once(async () => await settlePayouts(worker));
    expect(await road.read(payout)).toMatchObject({ status: 'PROCESSING', transactionHash });

    const look = async (): Promise<number> => await confirmPayouts(worker);
    road.clock.advance(worker.pace.checkEveryMs);
    await once(look);
    expect((await road.attempts(payout))[0]).toMatchObject({ state: 'OPEN', blockNumber: null });

    await road.chain.mine(1);
    road.clock.advance(worker.pace.checkEveryMs);
    await once(look);
    expect((await road.attempts(payout))[0]).toMatchObject({ state: 'OPEN', proof: null });
    expect((await road.attempts(payout))[0]?.blockHash).toMatch(/^0x/);
    expect(await road.holdState(payout)).toBe('HELD');

    await road.chain.mine(2);
    road.clock.advance(worker.pace.checkIncludedEveryMs);
    await once(look);
    const [landed] = await road.attempts(payout);
    expect(landed).toMatchObject({ state: 'LANDED', fate: 'PAID', reason: null });
    expect(landed?.proof).toMatchObject({ transactionHash, units: '1500000' });
    expect(BigInt(landed?.feeUnits ?? 0)).toBeGreaterThan(0n);
    expect(await road.orderRow(payout)).toMatchObject({ state: 'PAID', version: 2 });
    expect(await road.read(payout)).toMatchObject({ status: 'PROCESSING' });
    expect(await road.holdState(payout)).toBe('HELD');

    await once(async () => await settlePayouts(worker));
    expect(await road.read(payout)).toMatchObject({
      status: 'COMPLETED',
      transactionHash,
      info: null,
    });
    expect(await road.holdState(payout)).toBe('POSTED');
    expect(await account()).toEqual({
      balance: before.balance - payout.units,
      held: before.held - payout.units,
      settled: before.settled + payout.units,
    });
    const events = await road.db.database.query(
      `SELECT payload FROM outbox_items WHERE topic = 'payout-events'`,
    );
    expect(events).toEqual([
      { payload: { eventType: 'PAYOUT_SUCCESSFUL', payoutId: payout.payoutId } },
    ]);
  });

  it('takes what waits of each token as one batch, in the order in which it came', async () => {
    const payouts = [
      await road.order(1n),
      await road.order(2n, 'USDC'),
      await road.order(3n),
      await road.order(4n, 'USDC'),
    ];
    const first = await road.nextNumber();
    await road.submit();
    const fences = await Promise.all(
      payouts.map(async (payout) => (await road.attempts(payout)).map(({ fence }) => fence)),
    );
    const treasury = road.treasury.driver.treasury.toLowerCase();
    const [usdt, usdc] = [`${treasury}:batch:${first}`, `${treasury}:batch:${first + 1n}`];
    expect(fences).toEqual([[usdt], [usdc], [usdt], [usdc]]);
    const items = await road.db.database.query<{ payout_id: string }>(
      `SELECT i.payout_id FROM settlement_attempt_items i
       JOIN settlement_attempts a ON a.attempt_id = i.attempt_id
       WHERE a.fence = $1 ORDER BY i.position`,
      [usdt],
    );
    const ordered = [payouts[0], payouts[2]].map((payout) => payout?.payoutId);
    expect(items.map((row) => row.payout_id)).toEqual(ordered);
  });

  it('shares the cost of a transaction out to the last unit', async () => {
    const payouts = [await road.order(1n), await road.order(2n), await road.order(3n)];
    await road.submit();
    await road.finalize();
    await road.follow();
    const attempts = (await Promise.all(payouts.map(road.attempts))).flat();
    const [row] = await road.db.database.query<{ fee_units: bigint }>(
      'SELECT fee_units FROM settlement_attempts WHERE attempt_id = $1',
      [attempts[0]?.attemptId],
    );
    const shares = attempts.map(({ feeUnits }) => BigInt(feeUnits ?? 0));
    expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(row?.fee_units);
    expect(shares.every((share) => share > 0n)).toBe(true);
  });

  it('puts no more transactions into a lane than nodes keep of one account', async () => {
    const worker = road.settlement({ maxWaitingTransactions: 1, maxBatchOrders: 1 });
    const payouts = [await road.order(1n), await road.order(1n), await road.order(1n)];
    await acceptOrders(worker);
    // Two gas accounts have room for one each.
    expect(await submitPayouts(worker)).toBe(1);
    expect(await submitPayouts(worker)).toBe(1);
    expect(await submitPayouts(worker)).toBe(0);
    const senders = (await Promise.all(payouts.map(road.attempts)))
      .flat()
      .map(({ transactions }) => transactions[0]?.sender);
    expect(new Set(senders)).toEqual(new Set(worker.driver.gasAccounts));
    await road.finalize();
    await road.tend(worker);
    expect(await submitPayouts(worker)).toBe(1);
  });
});

describe('a payout that waits for company', () => {
  const patient = { ...PACE, batchWaitMs: 5_000 };

  it('waits no longer than the bound', async () => {
    const worker = road.settlement({ pace: patient });
    const payout = await road.order(1n);
    await acceptOrders(worker);
    road.clock.advance(patient.batchWaitMs - 1);
    expect(await submitPayouts(worker)).toBe(0);
    const late = await road.order(1n);
    await acceptOrders(worker);
    road.clock.advance(1);
    expect(await submitPayouts(worker)).toBe(2);
    const [attempt] = await road.attempts(payout);
    expect((await road.attempts(late))[0]?.fence).toBe(attempt?.fence);
  });

  it('waits no more once there are as many as a batch takes', async () => {
    const worker = road.settlement({ pace: patient, maxBatchOrders: 2 });
    await road.order(1n);
    await acceptOrders(worker);
    expect(await submitPayouts(worker)).toBe(0);
    await road.order(1n);
    await acceptOrders(worker);
    expect(await submitPayouts(worker)).toBe(2);
  });
});
