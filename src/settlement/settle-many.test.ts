import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createSettlementDesk, type SettlementDesk } from '../../test/harness/settlement-desk.ts';
import { ConnectionLost } from '../database/sql-failure.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { findPayouts } from '../payouts/find-payouts.ts';
import type { Payout } from '../payouts/payout.ts';
import { present } from '../base/assert.ts';
import { acceptOrders } from './accept-orders.ts';
import { createSetAside } from './internal/set-aside.ts';
import { settlePayouts } from './settle-payout.ts';

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

async function accepted(count: number): Promise<Payout[]> {
  const payouts = await desk.order(count);
  await acceptOrders(desk.worker());
  desk.statements.length = 0;
  return payouts;
}

const STATES = {
  IN_FLIGHT: `state = 'IN_FLIGHT', fence = 'f', transaction_hash = '0xaa'`,
  PAID: `state = 'PAID', fence = 'f', transaction_hash = '0xaa', proof = '{}'`,
  REFUSED: `state = 'REFUSED', transaction_hash = NULL, info = 'no', proof = '{}'`,
} as const;

/** What confirming would have recorded. */
async function record(payouts: readonly Payout[], state: keyof typeof STATES): Promise<void> {
  await desk.db.database.query(
    `UPDATE settlement_orders SET ${STATES[state]}, version = version + 1, updated_at = $2
     WHERE payout_id = ANY($1::uuid[])`,
    [payouts.map(({ payoutId }) => payoutId), desk.clock.now()],
  );
}

async function statusesOf(payouts: readonly Payout[]): Promise<string[]> {
  const found = await findPayouts(desk.db.database, payouts);
  return payouts.map(({ payoutId }) => {
    const payout = found.find((each) => each.payoutId === payoutId);
    return payout?.status ?? 'missing';
  });
}

async function expectBalanced(): Promise<void> {
  for (const { businessId } of desk.businesses) {
    expect(await checkBooks(desk.db.database, businessId)).toEqual([]);
  }
}

const all = <T>(payouts: readonly Payout[], value: T): T[] => payouts.map(() => value);

it.each([2, 24])('tells %d payouts with the same few statements', async (count) => {
  const payouts = await accepted(count);
  const reached: string[] = [];
  const reach = async (checkpoint: string): Promise<void> => {
    reached.push(checkpoint);
    await Promise.resolve();
  };
  await record(payouts, 'IN_FLIGHT');
  expect(await settlePayouts(desk.worker({ reach }))).toBe(count);
  expect(await statusesOf(payouts)).toEqual(all(payouts, 'PROCESSING'));
  expect(desk.statements).toHaveLength(6);
  desk.statements.length = 0;
  const refused = payouts.filter((_, index) => index % 2 === 1);
  await record(
    payouts.filter((_, index) => index % 2 === 0),
    'PAID',
  );
  await record(refused, 'REFUSED');
  expect(await settlePayouts(desk.worker({ reach }))).toBe(count);
  expect(await statusesOf(payouts)).toEqual(
    payouts.map((_, index) => (index % 2 === 0 ? 'COMPLETED' : 'FAILED')),
  );
  expect(desk.statements).toHaveLength(13);
  expect(reached).toEqual(['reported', 'reported']);
  expect(await settlePayouts(desk.worker())).toBe(0);
  await expectBalanced();
});

it('brings each payout that has heard of its payment into the total, once', async () => {
  const payouts = await accepted(6);
  await record(payouts, 'IN_FLIGHT');
  await settlePayouts(desk.worker());
  const before = await totalUnits();
  await record(payouts.slice(0, 4), 'PAID');
  await record(payouts.slice(4), 'REFUSED');
  await Promise.all([settlePayouts(desk.worker()), settlePayouts(desk.worker())]);
  await settlePayouts(desk.worker());
  const paid = payouts.slice(0, 4).reduce((sum, { units }) => sum + units, 0n);
  expect((await totalUnits()) - before).toBe(paid / 10n ** 12n);
  await expectBalanced();
});

async function totalUnits(): Promise<bigint> {
  const [row] = await desk.db.database.query<{ units: bigint }>(
    `SELECT coalesce(sum(units), 0) AS units FROM settlement_totals`,
  );
  return row?.units ?? 0n;
}

it('knows of each refused payout whether anything was ever signed for it', async () => {
  const payouts = await accepted(4);
  const signed = payouts.slice(0, 2);
  for (const { payoutId } of signed) {
    await desk.db.database.query(
      `INSERT INTO settlement_attempt_items (network, attempt_id, payout_id, position, fate, proof)
       VALUES ('MATIC_MAINNET', $1, $2, 0, 'DEAD', '{}')`,
      [desk.ids.next(), payoutId],
    );
  }
  await record(payouts, 'REFUSED');
  expect(await settlePayouts(desk.worker())).toBe(4);
  const rows = await desk.db.database.query<{ statuses: string }>(
    `SELECT string_agg(status, ' ' ORDER BY number) AS statuses FROM payout_changes
     WHERE payout_id = ANY($1::uuid[]) GROUP BY payout_id ORDER BY payout_id`,
    [payouts.map(({ payoutId }) => payoutId)],
  );
  const wasSigned = new Set(signed.map(({ payoutId }) => payoutId));
  expect(rows.map(({ statuses }) => statuses)).toEqual(
    payouts
      .map(({ payoutId }) => payoutId)
      .toSorted()
      .map((id) => (wasSigned.has(id) ? 'PENDING PROCESSING FAILED' : 'PENDING FAILED')),
  );
});

it('sets aside the news that cannot be recorded, wherever it stands, and alarms once for each', async () => {
  const payouts = await accepted(33);
  await record(payouts, 'PAID');
  const poisons = [payouts[0], payouts[17], payouts[18], payouts[32]].flatMap((each) =>
    each === undefined ? [] : [each],
  );
  const ids = poisons.map(({ payoutId }) => payoutId);
  const taint = `UPDATE ledger_holds SET state = $2, finished_at = $3 WHERE payout_id = ANY($1::uuid[])`;
  await desk.db.database.query(taint, [ids, 'RELEASED', desk.clock.now()]);
  expect(await settlePayouts(desk.worker())).toBe(29);
  expect(await statusesOf(payouts)).toEqual(
    payouts.map((payout) => (poisons.includes(payout) ? 'PENDING' : 'COMPLETED')),
  );
  expect(desk.alarms.map((alarm) => alarm.slice(0, 36)).toSorted()).toEqual(ids.toSorted());
  expect(await settlePayouts(desk.worker({ roundSize: 1 }))).toBe(0);
  await desk.db.database.query(taint, [ids, 'HELD', null]);
  expect(await settlePayouts(desk.worker())).toBe(4);
  await expectBalanced();
});

it('is not kept back by many that can never be told', async () => {
  const count = 150;
  const { network, businessId } = present((await accepted(1))[0], 'it is made');
  await desk.db.database.query(
    `INSERT INTO settlement_orders
       (network, payout_id, business_id, token, units, to_address, state, fence, transaction_hash, proof,
        available_at, claim_token, version, reported_version, created_at, updated_at)
     SELECT $1, ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $2, 'USDT', 1, '0x', 'PAID', 'f',
       '0xaa', '{}', $3, 0, 2, 0, $3, $3 FROM generate_series(1, $4::integer) AS i`,
    [network, businessId, desk.clock.now(), count],
  );
  const aside = createSetAside();
  const first = await accepted(5);
  desk.clock.advance(1_000);
  await record(first, 'PAID');
  expect(await settlePayouts(desk.worker(), aside)).toBe(5);
  expect(desk.alarms).toHaveLength(count);
  const second = await accepted(5);
  await record(second, 'PAID');
  desk.statements.length = 0;
  expect(await settlePayouts(desk.worker(), aside)).toBe(5);
  expect(desk.statements.length).toBeLessThan(20);
  expect(desk.alarms).toHaveLength(count);
  // Once they have waited they are tried again, beside what is new.
  desk.clock.advance(10_000);
  const third = await accepted(5);
  await record(third, 'PAID');
  expect(await settlePayouts(desk.worker(), aside)).toBe(5);
  expect(desk.alarms).toHaveLength(2 * count);
  expect(await statusesOf([...first, ...second, ...third])).toEqual(
    Array.from({ length: 15 }, () => 'COMPLETED'),
  );
  await desk.db.database.query(
    `DELETE FROM settlement_orders WHERE payout_id::text LIKE '00000000-%'`,
  );
});

it('tells all again after a crash between the two sides, to no effect', async () => {
  const payouts = await accepted(12);
  await record(payouts, 'PAID');
  const reach = async (): Promise<void> => await Promise.reject(new Error('it ends here'));
  expect(await settlePayouts(desk.worker({ reach }))).toBe(0);
  expect(await statusesOf(payouts)).toEqual(all(payouts, 'COMPLETED'));
  expect(await settlePayouts(desk.worker())).toBe(12);
  const [row] = await desk.db.database.query<{ lines: bigint; events: bigint }>(
    `SELECT
       (SELECT count(*) FROM payout_changes WHERE payout_id = ANY($1::uuid[])) AS lines,
       (SELECT count(*) FROM outbox_items
        WHERE topic = 'payout-events' AND payload->>'payoutId' = ANY($1::text[])) AS events`,
    [payouts.map(({ payoutId }) => payoutId)],
  );
  expect(row).toEqual({ lines: 36n, events: 12n });
  await expectBalanced();
});

it('is told once by many workers at once', async () => {
  const payouts = await accepted(40);
  await record(payouts, 'PAID');
  await Promise.all([1, 2, 3, 4].map(async () => await settlePayouts(desk.worker())));
  expect(await statusesOf(payouts)).toEqual(all(payouts, 'COMPLETED'));
  expect(desk.alarms).toEqual([]);
  await expectBalanced();
});

it('news that has grown older while it was told is told anew', async () => {
  const payouts = await accepted(3);
  await record(payouts, 'IN_FLIGHT');
  const reach = async (): Promise<void> => await record(payouts, 'PAID');
  expect(await settlePayouts(desk.worker({ reach }))).toBe(3);
  expect(await statusesOf(payouts)).toEqual(all(payouts, 'PROCESSING'));
  expect(await settlePayouts(desk.worker())).toBe(3);
  expect(await statusesOf(payouts)).toEqual(all(payouts, 'COMPLETED'));
});

it('a lost database is the fault of no payout', async () => {
  const payouts = await accepted(5);
  await record(payouts, 'PAID');
  const worker = desk.worker();
  let tries = 0;
  const database: typeof worker.database = {
    ...worker.database,
    transaction: async () => {
      tries += 1;
      return await Promise.reject(new ConnectionLost(new Error('cut')));
    },
  };
  await expect(settlePayouts({ ...worker, database })).rejects.toThrow(ConnectionLost);
  expect([tries, desk.alarms]).toEqual([1, []]);
  expect(await settlePayouts(worker)).toBe(5);
});
