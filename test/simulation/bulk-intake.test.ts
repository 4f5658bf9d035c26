import { afterAll, beforeAll, expect, it } from 'vitest';
import { createIdSource } from '../../src/base/id.ts';
import type { Row } from '../../src/database/database.ts';
import { createPayout } from '../../src/payouts/create-payout.ts';
import type { PayoutOrder } from '../../src/payouts/payout-order.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createManualClock } from '../harness/manual-clock.ts';
import { createTestBusiness, testIds, testOrder } from '../harness/world.ts';
import { createInBulk } from './bulk-intake.ts';
import { createSeededRandom } from '../harness/seeded-random.ts';

const TABLES = [
  'payouts',
  'payout_changes',
  'payout_audits',
  'outbox_items',
  'ledger_holds',
  'ledger_accounts',
  'ledger_transfers',
  'idempotency_keys',
];

let one: TestDatabase;
let bulk: TestDatabase;
beforeAll(async () => {
  [one, bulk] = [await createTestDatabase(), await createTestDatabase()];
});
afterAll(async () => {
  await one.drop();
  await bulk.drop();
});

async function rowsOf({ database }: TestDatabase): Promise<Record<string, Row[]>> {
  const rows: Record<string, Row[]> = {};
  for (const table of TABLES) {
    rows[table] = await database.query(`SELECT * FROM ${table} ORDER BY 1, 2, 3`);
  }
  return rows;
}

/** The same business in both databases, row for row. */
async function copyBusinesses(): Promise<PayoutOrder[]> {
  const units = 10n ** 30n;
  const orders: PayoutOrder[] = [];
  for (const token of ['USDT', 'USDC'] as const) {
    const business = await createTestBusiness(one.database, { units, token });
    for (const size of [1n, 2n, 3n]) {
      const order = testOrder(business, {
        units: size * 10n ** 12n,
        merchantReference: `r${size}`,
      });
      orders.push({ ...order, requester: { ...order.requester, credentialId: testIds.next() } });
    }
  }
  for (const table of [
    'businesses',
    'users',
    'ledger_accounts',
    'ledger_transfers',
    'api_accounts',
  ]) {
    const rows = await one.database.query(`SELECT to_jsonb(t) AS row FROM ${table} t`);
    for (const { row } of rows) {
      const text = `INSERT INTO ${table} SELECT * FROM jsonb_populate_record(NULL::${table}, $1)`;
      await bulk.database.query(text, [JSON.stringify(row)]);
    }
  }
  return orders;
}

it('writes what createPayout writes, row for row', async () => {
  const orders = await copyBusinesses();
  const clock = createManualClock();
  const sources = ['a', 'a'].map((seed) => createIdSource(clock, createSeededRandom(seed)));
  const [first, second] = sources;
  if (first === undefined || second === undefined) throw new Error('two sources');
  for (const order of orders) {
    await createPayout({ database: one.database, ids: first }, order);
  }
  const identified = orders.map((order) => ({
    order,
    payoutId: second.next(),
    itemId: second.next(),
  }));
  await bulk.database.transaction(async (tx) => await createInBulk(tx, identified));
  const [singly, inBulk] = [await rowsOf(one), await rowsOf(bulk)];
  expect(singly['payouts']).toHaveLength(orders.length);
  expect(inBulk).toEqual(singly);
});
