import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import { acceptOrders } from './accept-orders.ts';
import { confirmPayouts } from './confirm-payouts.ts';
import { holdLane, leaveLane } from './lanes.ts';
import { submitPayouts } from './submit-payouts.ts';

// A clock may jump, and be set right again. It decides only when to look.

const YEAR_MS = 365 * 24 * 3_600_000;

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

/** What happens while the clock is a year ahead. */
async function aYearAhead<T>(work: () => Promise<T>): Promise<T> {
  road.clock.advance(YEAR_MS);
  const result = await work();
  road.clock.advance(-YEAR_MS);
  return result;
}

describe('a clock that ran a year ahead and was set right', () => {
  it('does not keep an attempt from being followed and sent again', async () => {
    const payout = await road.order(1n);
    const worker = road.settlement();
    await aYearAhead(async () => {
      await road.submit(worker);
    });
    await road.chain.rpc('anvil_dropAllTransactions');
    const sentBefore = road.sent.length;
    expect(await confirmPayouts(worker)).toBe(1);
    await road.tend(worker);
    expect(road.sent[sentBefore]).toBe(road.sent[sentBefore - 1]);
    await road.finalize();
    await road.follow(worker);
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
  });

  it('does not keep a claimed payout from being taken over', async () => {
    const payout = await road.order(1n);
    const crash = async (): Promise<never> => await Promise.reject(new Error('it ends here'));
    await aYearAhead(async () => await acceptOrders(road.settlement({ reach: crash })));
    await road.db.database.query('DELETE FROM settlement_orders WHERE payout_id = $1', [
      payout.payoutId,
    ]);
    const worker = road.settlement();
    expect(await acceptOrders(worker)).toBe(1);
    expect(await acceptOrders(worker)).toBe(0);
    expect(await road.orderRow(payout)).toMatchObject({ state: 'QUEUED' });
  });

  it('does not keep a claimed order from being signed', async () => {
    const payout = await road.order(1n);
    const worker = road.settlement();
    await acceptOrders(worker);
    const crash = async (): Promise<never> => await Promise.reject(new Error('it ends here'));
    await aYearAhead(async () => {
      await expect(submitPayouts({ ...worker, reach: crash })).rejects.toThrow('it ends here');
    });
    expect(await submitPayouts(worker)).toBe(1);
    expect(await road.attempts(payout)).toHaveLength(1);
  });

  it('leaves no payout that was changed before it was created', async () => {
    const payout = await road.order(1n);
    road.clock.advance(-YEAR_MS);
    await road.db.database.query('UPDATE outbox_items SET available_at = $1', [road.clock.now()]);
    const worker = road.settlement();
    await acceptOrders(worker);
    await road.submit(worker);
    await road.follow(worker);
    const { status, createdAt, updatedAt } = await road.read(payout);
    expect(status).toBe('PROCESSING');
    expect(updatedAt.getTime()).toBeGreaterThanOrEqual(createdAt.getTime());
    road.clock.advance(YEAR_MS);
  });
});

describe('a lane', () => {
  it('whose holder ended with a clock that ran ahead is free again, and the holder is fenced', async () => {
    const lane = { network: road.chain.network, sender: road.treasury.driver.treasury };
    const ids = road.settlement().ids;
    const want = { ...lane, leaseMs: PACE.leaseMs };
    const reach = async () =>
      await holdLane(road.db.database, { ...want, holderId: ids.next(), now: road.clock.now() });
    const ended = await aYearAhead(reach);
    const heir = await reach();
    expect(heir?.leaseToken).toBe((ended?.leaseToken ?? 0n) + 1n);
    // One lease ahead is no jump: clocks differ.
    road.clock.advance(-PACE.leaseMs);
    expect(await reach()).toBeUndefined();
    road.clock.advance(PACE.leaseMs);
    if (heir !== undefined) await leaveLane(road.db.database, heir, road.clock.now());
  });
});

describe('a transaction of a clock that ran ahead', () => {
  it('is replaced, and what replaced it counts as the newest', async () => {
    const payout = await road.order(1n);
    const worker = road.settlement();
    await aYearAhead(async () => await road.submit(worker));
    const hashes = async (): Promise<string[]> =>
      (await road.attempts(payout)).flatMap(({ transactions }) =>
        transactions.map((it) => it.transactionHash),
      );
    await road.tend(worker);
    const [first, second] = await hashes();
    expect(await hashes()).toHaveLength(2);
    expect(await road.attempts(payout)).toMatchObject([{ transactionHash: second }]);
    await road.tend(worker);
    expect(await hashes()).toEqual([first, second]);
    // Each raise waits twice as long as the one before.
    road.clock.advance(PACE.replaceAfterMs);
    await road.tend(worker);
    expect(await hashes()).toEqual([first, second]);
    road.clock.advance(PACE.replaceAfterMs);
    await road.tend(worker);
    expect(await hashes()).toHaveLength(3);
    expect((await hashes()).slice(0, 2)).toEqual([first, second]);
  });
});
