import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  losingCommits,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import type { Payout } from '../payouts/payout.ts';
import { acceptOrders } from './accept-orders.ts';
import { confirmPayouts } from './confirm-payouts.ts';
import { findOrder } from './internal/order-store.ts';
import type { Order } from './order.ts';
import { settlePayout, settlePayouts } from './settle-payout.ts';
import { submitPayouts } from './submit-payouts.ts';

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

async function orderOf(payout: Payout): Promise<Order> {
  const order = await findOrder(road.db.database, payout.network, payout.payoutId);
  if (order === undefined) throw new Error('no order');
  return order;
}

/** Signed, final on chain, recorded as PAID; the payout has heard nothing. */
async function paidAndUntold(): Promise<Payout> {
  const payout = await road.order(1n);
  await road.submit();
  await road.finalize();
  road.clock.advance(PACE.checkEveryMs);
  await confirmPayouts(road.settlement());
  expect(await orderOf(payout)).toMatchObject({ state: 'PAID' });
  expect(await road.read(payout)).toMatchObject({ status: 'PENDING' });
  return payout;
}

async function linesOf(payout: Payout): Promise<unknown[]> {
  return await road.db.database.query(
    'SELECT status, detail FROM payout_changes WHERE payout_id = $1 ORDER BY number',
    [payout.payoutId],
  );
}

describe('news of a payout', () => {
  it('that skipped a step is told in order', async () => {
    const payout = await paidAndUntold();
    expect(await settlePayouts(road.settlement())).toBe(1);
    const { transactionHash } = await road.read(payout);
    expect(await linesOf(payout)).toEqual([
      { status: 'PENDING', detail: null },
      { status: 'PROCESSING', detail: transactionHash },
      { status: 'COMPLETED', detail: transactionHash },
    ]);
  });

  it('that comes twice, or late, changes nothing', async () => {
    const payout = await road.order(1n);
    await road.submit();
    const inFlight = await orderOf(payout);
    await settlePayout(road.settlement(), inFlight);
    await road.finalize();
    road.clock.advance(PACE.checkEveryMs);
    await confirmPayouts(road.settlement());
    const paid = await orderOf(payout);
    for (const order of [paid, paid, inFlight, paid]) {
      await settlePayout(road.settlement(), order);
    }
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(await linesOf(payout)).toHaveLength(3);
    expect(await road.orderRow(payout)).toMatchObject({ reported_version: 2 });
  });

  it('that comes to many at once is told once', async () => {
    const payout = await paidAndUntold();
    await Promise.all([1, 2, 3, 4].map(async () => await settlePayouts(road.settlement())));
    expect(await linesOf(payout)).toHaveLength(3);
  });

  it('is told again after a crash between the two transactions, to no effect', async () => {
    const payout = await paidAndUntold();
    const crash = async (checkpoint: string): Promise<void> => {
      if (checkpoint === 'reported') throw new Error('the process ends here');
      await Promise.resolve();
    };
    await settlePayouts(road.settlement({ reach: crash }));
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(await road.orderRow(payout)).toMatchObject({ version: 2, reported_version: 0 });
    expect(await settlePayouts(road.settlement())).toBe(1);
    expect(await linesOf(payout)).toHaveLength(3);
  });

  it.each(['committed', 'rolled back'] as const)(
    'whose commit is unknown and was %s arrives once',
    async (outcome) => {
      const payout = await paidAndUntold();
      const database = losingCommits(road.db.database, outcome);
      await settlePayouts(road.settlement({ database }));
      expect(await road.orderRow(payout)).toMatchObject({ reported_version: 0 });
      const status = outcome === 'committed' ? 'COMPLETED' : 'PENDING';
      expect(await road.read(payout)).toMatchObject({ status });
      expect(await settlePayouts(road.settlement())).toBe(1);
      expect(await linesOf(payout)).toHaveLength(3);
    },
  );

  it('contrary to what is final is refused, and moves no money', async () => {
    const payout = await paidAndUntold();
    const paid = await orderOf(payout);
    await settlePayouts(road.settlement());
    const refused: Order = { ...paid, state: 'REFUSED', info: 'a lie' };
    await expect(settlePayout(road.settlement(), refused)).rejects.toThrow(/is COMPLETED/);
    expect(await road.holdState(payout)).toBe('POSTED');
  });

  it('that cannot be recorded neither keeps back the others nor spins', async () => {
    const poisons = [await paidAndUntold(), await paidAndUntold(), await paidAndUntold()];
    const good = await paidAndUntold();
    const taint = async (from: string, to: string): Promise<void> => {
      const ids = poisons.map(({ payoutId }) => payoutId);
      await road.db.database.query(
        `UPDATE ledger_holds SET state = $2, finished_at = $3
         WHERE payout_id = ANY($1::uuid[]) AND state = $4`,
        [ids, to, to === 'HELD' ? null : road.clock.now(), from],
      );
    };
    await taint('HELD', 'RELEASED');
    const worker = road.settlement({ roundSize: 2 });
    expect(await settlePayouts(worker)).toBe(1);
    expect(await road.read(good)).toMatchObject({ status: 'COMPLETED' });
    expect(await settlePayouts(worker)).toBe(0);
    for (const poison of poisons) {
      expect(await road.read(poison)).toMatchObject({ status: 'PENDING' });
    }
    await taint('RELEASED', 'HELD');
  });

  it('of a refusal after a signature goes by PROCESSING, and gives the reason once', async () => {
    const payout = await road.order(1n, 'USDC');
    const short = road.treasury.driverWith({ lifetimeSeconds: 20n });
    const worker = road.settlement({
      driver: {
        sign: async (order) => await short.sign(order),
        broadcast: async () => await Promise.resolve({ kind: 'accepted' }),
      },
    });
    await road.submit(worker);
    await road.passTime(30);
    await road.chain.mine(2);
    road.clock.advance(PACE.checkEveryMs);
    await confirmPayouts(worker);
    expect(await orderOf(payout)).toMatchObject({ state: 'QUEUED' });
    await road.chain.setBlacklisted('USDC', payout.toAddress, true);
    await road.chain.mine(2);
    await road.submit();
    expect(await orderOf(payout)).toMatchObject({ state: 'REFUSED' });
    await settlePayouts(road.settlement());
    const info = 'The recipient address is blacklisted by the issuer of USDC.';
    expect(await road.read(payout)).toMatchObject({ status: 'FAILED', info });
    expect(await linesOf(payout)).toEqual([
      { status: 'PENDING', detail: null },
      { status: 'PROCESSING', detail: null },
      { status: 'FAILED', detail: info },
    ]);
  });
});

describe('a new payout', () => {
  it('is accepted once, though the process ends between the order and the item', async () => {
    const payout = await road.order(1n);
    const crash = async (): Promise<void> => await Promise.reject(new Error('it ends here'));
    expect(await acceptOrders(road.settlement({ reach: crash }))).toBe(1);
    const order = await orderOf(payout);
    expect(await acceptOrders(road.settlement())).toBe(0);
    // It is signed, and then even paid, before the item comes again.
    await submitPayouts(road.settlement());
    road.clock.advance(PACE.leaseMs);
    expect(await acceptOrders(road.settlement({ reach: crash }))).toBe(1);
    expect(await orderOf(payout)).toMatchObject({ state: 'IN_FLIGHT' });
    await road.finalize();
    await road.follow();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    road.clock.advance(PACE.leaseMs);
    expect(await acceptOrders(road.settlement())).toBe(1);
    expect(await orderOf(payout)).toMatchObject({ state: 'PAID', units: order.units });
    expect(await acceptOrders(road.settlement())).toBe(0);
  });

  it('that is not PENDING and has no order is not taken for new', async () => {
    const payout = await road.order(1n);
    const set = async (status: string): Promise<void> => {
      const text = 'UPDATE payouts SET status = $2 WHERE payout_id = $1';
      await road.db.database.query(text, [payout.payoutId, status]);
    };
    await set('PROCESSING');
    const other = await road.order(2n);
    const before = road.log.length;
    await acceptOrders(road.settlement());
    await expect(orderOf(payout)).rejects.toThrow('no order');
    expect(await orderOf(other)).toMatchObject({ state: 'QUEUED' });
    const [alarm, ...more] = road.log.slice(before).filter(({ level }) => level === 'error');
    expect(alarm).toMatchObject({ fields: { alarm: true } });
    expect(more).toEqual([]);
    await set('PENDING');
  });

  it('whose asset has left the registry waits, and the others go on', async () => {
    const payout = await road.order(1n, 'USDC');
    const other = await road.order(2n);
    const { assetOf } = road.settlement();
    const worker = road.settlement({
      assetOf: (network, token) => (token === 'USDC' ? undefined : assetOf(network, token)),
    });
    await road.submit(worker);
    expect(await orderOf(other)).toMatchObject({ state: 'IN_FLIGHT' });
    await expect(orderOf(payout)).rejects.toThrow('no order');
  });
});
