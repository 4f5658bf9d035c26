import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  createSettlementDesk,
  LEASE_MS,
  type SettlementDesk,
} from '../../test/harness/settlement-desk.ts';
import type { Json } from '../base/json.ts';
import { appendAll } from '../outbox/outbox.ts';
import { SETTLEMENT_TOPIC } from '../payouts/outbox-topics.ts';
import type { Payout } from '../payouts/payout.ts';
import { acceptOrders } from './accept-orders.ts';
import { createSetAside } from './internal/set-aside.ts';

let desk: SettlementDesk;
beforeAll(async () => {
  desk = await createSettlementDesk();
});
afterAll(async () => {
  await desk.close();
});
beforeEach(() => {
  desk.alarms.length = 0;
  desk.statements.length = 0;
});
afterEach(async () => {
  await desk.db.database.query('DELETE FROM outbox_items WHERE topic = $1', [SETTLEMENT_TOPIC]);
});

async function ordersOf(payouts: readonly Payout[]): Promise<object[]> {
  return await desk.db.database.query(
    `SELECT payout_id, business_id, token, units, state, version FROM settlement_orders
     WHERE payout_id = ANY($1::uuid[]) ORDER BY payout_id`,
    [payouts.map((payout) => payout.payoutId)],
  );
}

function queued(payouts: readonly Payout[]): object[] {
  return payouts
    .map(({ payoutId, businessId, token, units }) => ({
      payout_id: payoutId,
      business_id: businessId,
      token,
      units: units / 10n ** 12n,
      state: 'QUEUED',
      version: 0,
    }))
    .toSorted((a, b) => (a.payout_id < b.payout_id ? -1 : 1));
}

async function itemsLeft(): Promise<number> {
  const rows = await desk.db.database.query('SELECT item_id FROM outbox_items WHERE topic = $1', [
    SETTLEMENT_TOPIC,
  ]);
  return rows.length;
}

async function addItem(businessId: string, payload: Json): Promise<string> {
  const itemId = desk.ids.next();
  const item = { businessId, itemId, topic: SETTLEMENT_TOPIC, lane: 'MATIC_MAINNET', payload };
  await desk.db.database.transaction(
    async (tx) => await appendAll(tx, [{ ...item, at: desk.clock.now() }]),
  );
  return itemId;
}

it.each([1, 23])('takes %d payouts over with the same few statements', async (count) => {
  const payouts = await desk.order(count);
  const reached: string[] = [];
  const reach = async (checkpoint: string): Promise<void> => {
    reached.push(checkpoint);
    // The orders are written, and the items are not ended yet.
    expect(await ordersOf(payouts)).toHaveLength(count);
    expect(await itemsLeft()).toBe(count);
  };
  expect(await acceptOrders(desk.worker({ reach }))).toBe(count);
  expect(reached).toEqual(['accepted']);
  expect(await ordersOf(payouts)).toEqual(queued(payouts));
  expect(await itemsLeft()).toBe(0);
  expect(desk.statements).toEqual([
    // What is due, and what a clock that ran ahead has put off.
    'SELECT business_id, item_id,',
    'SELECT business_id, item_id,',
    'UPDATE outbox_items AS',
    'SELECT p.business_id, p.payout_id,',
    'INSERT INTO settlement_orders',
    'DELETE FROM outbox_items',
  ]);
  expect(await acceptOrders(desk.worker())).toBe(0);
});

it('brings all again after a crash between orders and items, and changes no order', async () => {
  const payouts = await desk.order(7);
  const reach = async (): Promise<void> => await Promise.reject(new Error('it ends here'));
  expect(await acceptOrders(desk.worker({ reach }))).toBe(7);
  expect(await itemsLeft()).toBe(7);
  await desk.db.database.query(
    `UPDATE settlement_orders SET version = 1, info = 'signed meanwhile' WHERE payout_id = $1`,
    [payouts[0]?.payoutId],
  );
  const before = await ordersOf(payouts);
  expect(await acceptOrders(desk.worker())).toBe(0);
  desk.clock.advance(LEASE_MS);
  expect(await acceptOrders(desk.worker())).toBe(7);
  expect(await ordersOf(payouts)).toEqual(before);
  expect(await itemsLeft()).toBe(0);
});

it('leaves what it cannot take over, with an alarm each, and takes the others', async () => {
  const sound = await desk.order(6);
  const [movedOn, withOrder, elsewhere] = await desk.order(3);
  if (!movedOn || !withOrder || !elsewhere) throw new Error('three are made');
  const { database } = desk.db;
  const setStatus = 'UPDATE payouts SET status = $2 WHERE payout_id = $1';
  for (const payout of [movedOn, withOrder]) {
    await database.query(setStatus, [payout.payoutId, 'PROCESSING']);
  }
  await database.query(
    `INSERT INTO settlement_orders
       (network, payout_id, business_id, token, units, to_address, state, available_at, claim_token,
        version, reported_version, created_at, updated_at)
     VALUES ('MATIC_MAINNET', $1, $2, 'USDT', 1, '0x', 'QUEUED', $3, 0, 0, 0, $3, $3)`,
    [withOrder.payoutId, withOrder.businessId, desk.clock.now()],
  );
  await database.query(`UPDATE payouts SET network = 'BSC_MAINNET' WHERE payout_id = $1`, [
    elsewhere.payoutId,
  ]);
  const [first] = sound;
  const businessId = first?.businessId ?? '';
  const strange = [
    await addItem(businessId, null),
    await addItem(businessId, { payoutId: 'NULL' }),
    await addItem(businessId, { payoutId: desk.ids.next() }),
    // Another business's payout is not this one's.
    await addItem(movedOn.businessId, { payoutId: first?.payoutId ?? '' }),
  ];
  // The same payout again is the same order.
  await addItem(businessId, { payoutId: first?.payoutId ?? '' });
  await acceptOrders(desk.worker());
  expect(await ordersOf(sound)).toEqual(queued(sound));
  expect(await ordersOf([movedOn, elsewhere])).toEqual([]);
  expect(await itemsLeft()).toBe(6);
  expect(desk.alarms).toHaveLength(6);
  for (const itemId of strange) {
    expect(desk.alarms.filter((alarm) => alarm.startsWith(itemId))).toHaveLength(1);
  }
  expect(desk.alarms.join()).toContain(`payout ${movedOn.payoutId} is PROCESSING and has no order`);
});

it('sets aside the one whose order the database refuses', async () => {
  const payouts = await desk.order(9);
  const [, poison] = payouts;
  const worker = desk.worker();
  const { database } = worker;
  const refusing: typeof database = {
    ...database,
    query: async (text, values = []) => {
      const isPoisoned = String(values[1]).includes(poison?.payoutId ?? '-');
      if (text.startsWith('INSERT INTO settlement_orders') && isPoisoned) throw new Error('no');
      return await database.query(text, values);
    },
  };
  expect(await acceptOrders({ ...worker, database: refusing })).toBe(9);
  expect(await ordersOf(payouts)).toHaveLength(8);
  expect(await itemsLeft()).toBe(1);
  expect(desk.alarms).toHaveLength(1);
});

it('is not kept back by a thousand items that can never be taken over', async () => {
  const [any] = await desk.order(1);
  if (any === undefined) throw new Error('it is made');
  await acceptOrders(desk.worker());
  const items = Array.from({ length: 1_000 }, () => ({
    businessId: any.businessId,
    itemId: desk.ids.next(),
    topic: SETTLEMENT_TOPIC,
    lane: 'MATIC_MAINNET',
    payload: { payoutId: desk.ids.next() },
    at: desk.clock.now(),
  }));
  await desk.db.database.transaction(async (tx) => {
    await appendAll(tx, items);
  });
  desk.clock.advance(1);
  const aside = createSetAside();
  const takeAll = async (): Promise<void> => {
    while ((await acceptOrders(desk.worker(), aside)) > 0);
  };
  await takeAll();
  expect(desk.alarms).toHaveLength(1_000);
  // Until their second try is due, they cost their claims alone.
  for (let round = 1; round <= 4; round += 1) await takeAll();
  desk.clock.advance(LEASE_MS);
  await takeAll();
  expect(desk.alarms).toHaveLength(2_000);
  desk.clock.advance(1);
  const payouts = await desk.order(30);
  desk.statements.length = 0;
  await takeAll();
  expect(await ordersOf(payouts)).toEqual(queued(payouts));
  expect(desk.statements.length).toBeLessThan(12);
  await desk.db.database.query('DELETE FROM outbox_items WHERE topic = $1', [SETTLEMENT_TOPIC]);
});

it('many workers at once make each order once', async () => {
  const payouts = await desk.order(30);
  await Promise.all([1, 2, 3].map(async () => await acceptOrders(desk.worker())));
  await acceptOrders(desk.worker());
  expect(await ordersOf(payouts)).toEqual(queued(payouts));
  expect(await itemsLeft()).toBe(0);
});

it.each([
  ['goes with its order', '4bf92f3577b34da6a3ce929d0e0e4736', '4bf92f3577b34da6a3ce929d0e0e4736'],
  ['that is none of ours is left out', "'; DROP", null],
  ['may be missing', undefined, null],
])('a trace %s', async (_, given, kept) => {
  const [payout] = await desk.order(1);
  if (payout === undefined) throw new Error('not created');
  const { businessId, payoutId } = payout;
  await desk.db.database.query('DELETE FROM outbox_items WHERE topic = $1', [SETTLEMENT_TOPIC]);
  await addItem(businessId, { payoutId, ...(given === undefined ? {} : { traceId: given }) });
  expect(await acceptOrders(desk.worker())).toBe(1);
  const [order] = await desk.db.database.query<{ trace_id: string | null }>(
    'SELECT trace_id FROM settlement_orders WHERE payout_id = $1',
    [payoutId],
  );
  expect(order?.trace_id).toBe(kept);
});
