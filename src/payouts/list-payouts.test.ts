import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { createTestBusiness, type TestBusiness } from '../../test/harness/world.ts';
import { lowestIdAt } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import { NETWORK_IDS, TOKENS } from '../money/asset.ts';
import { listPayouts, type PayoutFilter } from './find-payouts.ts';
import { PAYOUT_STATUSES, type Payout } from './payout.ts';

const PAYOUTS = 6_000;
const STEP_MS = 1_000;
const START = Date.UTC(2026, 0, 1);
const LIMIT = 26;

let db: TestDatabase;
let business: TestBusiness;
let all: readonly Payout[];

beforeAll(async () => {
  db = await createTestDatabase();
  business = await createTestBusiness(db.database, { units: 1n });
  const other = await createTestBusiness(db.database, { units: 1n });
  await insertPayouts(business.businessId);
  await insertPayouts(other.businessId);
  await db.database.query('ANALYZE payouts');
  const { businessId } = business;
  all = await listPayouts(db.database, { businessId, limit: PAYOUTS + 1 });
});
afterAll(async () => {
  await db.drop();
});

/** Of every kind, some often and some seldom; BTC only in the oldest, which alone is of its network. */
async function insertPayouts(businessId: string): Promise<void> {
  await db.database.query(
    `INSERT INTO payouts
       (business_id, payout_id, user_id, api_account_id, network, token, units, to_address,
        merchant_reference, status, transaction_hash, info, created_at, updated_at)
     SELECT $1::uuid, (lpad(to_hex($2::bigint + i * $3), 12, '0') || '7000' || '8' || substr(md5($1::uuid::text || i), 1, 15))::uuid,
       $1, $1, CASE i WHEN 0 THEN 'BITCOIN_MAINNET' ELSE (ARRAY['MATIC_MAINNET', 'TRON_MAINNET', 'SOL_MAINNET'])[1 + i % 3] END,
       CASE WHEN i = 0 THEN 'BTC' WHEN i % 7 = 0 THEN 'USDC' ELSE 'USDT' END, 1 + i, 'somewhere',
       CASE WHEN i % 2 = 0 THEN 'order-' || i END,
       CASE WHEN i > 5990 THEN 'PENDING' WHEN i > 5900 THEN 'PROCESSING' WHEN i % 50 = 1 THEN 'FAILED' ELSE 'COMPLETED' END,
       'hash', 'why', to_timestamp(($2::bigint + i * $3) / 1000), to_timestamp(($2::bigint + i * $3) / 1000)
     FROM generate_series(0, $4::integer - 1) AS i`,
    [businessId, START, STEP_MS, PAYOUTS],
  );
}

/** What a page is, said without an index. */
function pageOf(filter: Omit<PayoutFilter, 'businessId'>): string[] {
  const { from, to, beforeId } = filter;
  const isWanted = (payout: Payout): boolean =>
    (filter.status ?? payout.status) === payout.status &&
    (filter.network ?? payout.network) === payout.network &&
    (filter.token ?? payout.token) === payout.token &&
    (filter.merchantReference ?? payout.merchantReference) === payout.merchantReference &&
    (from === undefined || payout.createdAt >= from) &&
    (to === undefined || payout.createdAt <= to) &&
    (beforeId === undefined || payout.payoutId < beforeId);
  const found = all.filter(isWanted).slice(0, filter.limit);
  return found.map(({ payoutId }) => payoutId);
}

const moments = fc
  .integer({ min: -5, max: PAYOUTS + 5 })
  .map((number) => new Date(START + number * STEP_MS));
const filters = fc.record(
  {
    status: fc.constantFrom(...PAYOUT_STATUSES),
    network: fc.constantFrom(...NETWORK_IDS),
    token: fc.constantFrom(...TOKENS),
    merchantReference: fc.integer({ min: 0, max: PAYOUTS }).map((number) => `order-${number}`),
    from: moments,
    to: moments,
    beforeId: moments.map(lowestIdAt),
    limit: fc.constantFrom(1, 2, LIMIT, 200),
  },
  { requiredKeys: ['limit'] },
);

it('finds of any filter what is there, newest first', async () => {
  expect(all).toHaveLength(PAYOUTS);
  await fc.assert(
    fc.asyncProperty(filters, async (filter) => {
      const { businessId } = business;
      const page = await listPayouts(db.database, { businessId, ...filter });
      expect(page.map(({ payoutId }) => payoutId)).toEqual(pageOf(filter));
    }),
    { numRuns: 200 },
  );
});

describe('how much is read does not depend on how much is there', () => {
  const cases: readonly (readonly [string, Omit<PayoutFilter, 'businessId' | 'limit'>])[] = [
    ['no filter', {}],
    ['the most frequent status', { status: 'COMPLETED' }],
    ['a rare status', { status: 'FAILED' }],
    ['a network', { network: 'SOL_MAINNET' }],
    ['a token', { token: 'USDC' }],
    ['a network and a status', { network: 'TRON_MAINNET', status: 'FAILED' }],
    ['what only the oldest is', { network: 'BITCOIN_MAINNET' }],
    ['a token that only the oldest has', { token: 'BTC' }],
    ['nothing', { network: 'ETHEREUM_MAINNET', status: 'PENDING' }],
    ['a token before all of it', { token: 'USDT', to: new Date(START - 1) }],
    ['a reference', { merchantReference: 'order-2', token: 'USDT' }],
    ['far back', { status: 'COMPLETED', beforeId: lowestIdAt(new Date(START + 60_000)) }],
  ];

  it.each(cases)('%s', async (_, filter) => {
    const read = await db.database.transaction(async (tx) => {
      const before = await rowsRead(tx);
      await listPayouts(tx, { businessId: business.businessId, limit: LIMIT, ...filter });
      return (await rowsRead(tx)) - before;
    });
    // A page of each of 24 kinds, and the page itself.
    expect(read).toBeGreaterThanOrEqual(0);
    expect(read).toBeLessThanOrEqual(25 * LIMIT);
  });

  it('and would be seen', async () => {
    const read = await db.database.transaction(async (tx) => {
      const before = await rowsRead(tx);
      await tx.query(`SELECT 1 FROM payouts WHERE business_id = $1 AND to_address = 'nowhere'`, [
        business.businessId,
      ]);
      return (await rowsRead(tx)) - before;
    });
    expect(read).toBeGreaterThanOrEqual(PAYOUTS);
  });
});

/** Rows and entries of indexes that the transaction has read of payouts until now. */
async function rowsRead(db: Queryable): Promise<number> {
  const [row] = await db.query<{ read: number }>(
    `SELECT (pg_stat_get_xact_tuples_returned('payouts'::regclass)
       + sum(pg_stat_get_xact_tuples_returned(indexrelid)))::float8 AS read
     FROM pg_index WHERE indrelid = 'payouts'::regclass`,
  );
  return row?.read ?? Number.NaN;
}
