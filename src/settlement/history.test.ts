import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import type { Row, Tx } from '../database/database.ts';
import * as attempts from './internal/attempt-store.ts';
import { listEndedAttempts } from './internal/ended-attempt-store.ts';
import * as movements from './internal/movement-store.ts';
import * as orders from './internal/order-store.ts';
import { sumPaid } from './internal/order-sums.ts';
import { listUnreported, markReported, type OrderNews } from './internal/report-store.ts';
import { isTakenByOwn } from './internal/taken-sequence.ts';
import * as transactions from './internal/transaction-store.ts';
import { findNewestIncluded } from './internal/watched-blocks.ts';
import { setSequenceBack } from './lanes.ts';

// What has ended is kept for ever. These questions are asked all the time, and must not read it.

const PAST = 30_000;
const OPEN = 20;
const network = 'MATIC_MAINNET';
const sender = '0x01';
const now = new Date('2026-01-01T00:00:00Z');
const key = { network, token: 'USDT' } as const;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  for (const statement of HISTORY) await db.database.query(statement);
  await db.database.query(
    `INSERT INTO settlement_totals (network, token, units) VALUES ('MATIC_MAINNET', 'USDT', ${PAST})`,
  );
  await db.database.query('ANALYZE');
});
afterAll(async () => {
  await db.drop();
});

const SERIES = `generate_series(1, ${PAST + OPEN}) AS i, LATERAL (SELECT md5('h' || i) AS hash,
  ('01890000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid AS id, i <= ${PAST} AS past,
  '${now.toISOString()}'::timestamptz AS at) AS r`;

const HISTORY = [
  `INSERT INTO settlement_orders
     (network, payout_id, business_id, token, units, to_address, state, fence, proof, available_at,
      claim_token, version, reported_version, is_totalled, created_at, updated_at)
   SELECT 'MATIC_MAINNET', id, id, 'USDT', 1, hash, CASE WHEN past THEN 'PAID' ELSE 'IN_FLIGHT' END, hash,
     CASE WHEN past THEN '{}'::jsonb END, at, 1, 2, CASE WHEN past THEN 2 ELSE 0 END,
     CASE WHEN past THEN true END, at, at FROM ${SERIES}`,
  `INSERT INTO settlement_orders
     (network, payout_id, business_id, token, units, to_address, state, available_at, claim_token, version,
      reported_version, created_at, updated_at)
   SELECT 'MATIC_MAINNET', ('01890000-0000-7000-9000-' || lpad(i::text, 12, '0'))::uuid, id, 'USDT', 1, hash,
     'QUEUED', at, 1, 0, 0, at, at FROM ${SERIES} WHERE NOT past`,
  `INSERT INTO settlement_attempts
     (network, attempt_id, fence, payer, authority, authority_hash, since_block, state, next_check_at,
      block_number, block_hash, proof, reconciled_at, created_at, updated_at)
   SELECT 'MATIC_MAINNET', id, hash, '0x02', decode(hash, 'hex'), hash, 0,
     CASE WHEN past THEN 'LANDED' ELSE 'OPEN' END, at, CASE WHEN past THEN i END,
     CASE WHEN past THEN hash END, '{}'::jsonb, CASE WHEN past THEN at END, at, at FROM ${SERIES}`,
  `INSERT INTO settlement_attempt_items (network, attempt_id, payout_id, position, fate, proof)
   SELECT 'MATIC_MAINNET', id, id, 0, CASE WHEN past THEN 'PAID' ELSE 'OPEN' END, '{}'::jsonb
   FROM ${SERIES}`,
  `INSERT INTO settlement_transactions
     (network, transaction_hash, sender, sequence, purpose, attempt_id, raw_transaction, state,
      broadcast_count, block_number, block_hash, succeeded, fee_units, created_at, updated_at)
   SELECT 'MATIC_MAINNET', hash, '0x01', i, 'CARRY', id, decode(hash, 'hex'),
     CASE WHEN past THEN 'FINAL' ELSE 'OPEN' END, 1, CASE WHEN past THEN i END,
     CASE WHEN past THEN hash END, true, 1, at, at FROM ${SERIES}`,
  `INSERT INTO settlement_movements
     (network, transaction_hash, log_index, direction, token, units, counterparty, block_number, block_hash,
      attempt_id, payout_id, kind, is_own_fee, created_at)
   SELECT 'MATIC_MAINNET', hash, 0, 'OUT', 'USDT', 1, hash, i, hash, id, id, 'TRANSFER', false, at
   FROM ${SERIES} WHERE past`,
];

/** How many blocks of the tables and indexes the statements touch; nothing of it stays. */
async function blocksOf(ask: (tx: Tx) => Promise<unknown>): Promise<number> {
  let blocks = 0;
  const undo = new Error('undone');
  const asking = db.database.transaction(async (tx) => {
    const watched: Tx = {
      inTransaction: true,
      async query<R extends object = Row>(text: string, values?: readonly unknown[]): Promise<R[]> {
        const [row] = await tx.query<{ 'QUERY PLAN': Explained[] }>(
          `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
          values,
        );
        const plan = row?.['QUERY PLAN'][0]?.Plan;
        if (plan !== undefined) blocks += plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
        return /^\s*SELECT/.test(text) ? await tx.query<R>(text, values) : [];
      },
    };
    await ask(watched);
    throw undo;
  });
  await expect(asking).rejects.toBe(undo);
  return blocks;
}

interface Explained {
  readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number };
}

const idOf = (number: number): string =>
  `01890000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const due = { ...key, limit: 240, leaseMs: 60_000, now };
const news: readonly OrderNews[] = [1, 2, 3].map((step) => ({
  network,
  payoutId: idOf(PAST + step),
  businessId: idOf(1),
  state: 'IN_FLIGHT',
  transactionHash: '0xaa',
  info: null,
  version: 2,
}));
const lane = { network, sender, nextSequence: 3n, leaseToken: 0n } as const;

/** Each of the tables has more. */
const MOST_BLOCKS = 300;

const QUESTIONS: readonly (readonly [string, (tx: Tx) => Promise<unknown>])[] = [
  ['is something due?', async (tx) => await orders.findDue(tx, due)],
  ['what is claimed?', async (tx) => await orders.claimQueued(tx, due)],
  ['what is on the way?', async (tx) => await orders.unitsOnTheWay(tx, network, 'USDT')],
  ['what is in this flight?', async (tx) => await orders.lockFlight(tx, { network, fence: 'f' })],
  [
    'is anything alive?',
    async (tx) => await attempts.assertNothingAlive(tx, network, [idOf(PAST * 2), idOf(PAST * 3)]),
  ],
  [
    'which attempts are due?',
    async (tx) => {
      const want = { network, limit: 500, leaseMs: 1, longestMs: 60_000, now } as const;
      await attempts.claimDueAttempts(tx, want);
      await attempts.loadAttempts(tx, network, [idOf(PAST + 1), idOf(PAST + 2)]);
    },
  ],
  [
    'what has become final?',
    async (tx) => await attempts.wakeIncluded(tx, { network, finalNumber: 10n ** 6n, now }),
  ],
  [
    'what has news?',
    async (tx) =>
      await listUnreported(tx, { network, limit: 500, except: [], signedUntil: now, now }),
  ],
  ['which news were told?', async (tx) => await markReported(tx, news)],
  ['what waits in the pools?', async (tx) => await transactions.countWaiting(tx, network)],
  ['how many attempts wait?', async (tx) => await transactions.countWaitingAttempts(tx, network)],
  ['what does a lane hold?', async (tx) => await transactions.listOpenTransactions(tx, lane)],
  [
    'what is adrift?',
    async (tx) => {
      const times = { createdUntil: now, validAfter: now };
      await transactions.listAdrift(tx, { network, limit: 8, mostCarriers: 5, ...times });
    },
  ],
  [
    'who took the sequence?',
    async (tx) => await isTakenByOwn(tx, { network, sender, sequence: 5n, takenBy: null }),
  ],
  [
    'may the lane go back?',
    async (tx) => await setSequenceBack(tx, lane, { sequence: BigInt(PAST) - 5n, at: now }),
  ],
  [
    'what is included?',
    async (tx) => await findNewestIncluded(tx, { network, above: 1n, upTo: 10n ** 6n }),
  ],
  ['what has ended?', async (tx) => await listEndedAttempts(tx, { ...key, upTo: 10n ** 6n })],
  ['what explains transfers?', async (tx) => await movements.findExplanations(tx, key, ['f', 'g'])],
  [
    'what moved in the newest blocks?',
    async (tx) =>
      await movements.sumMovements(tx, { ...key, after: BigInt(PAST) - 9n, upTo: BigInt(PAST) }),
  ],
  ['what is unexplained?', async (tx) => await movements.listUnexplained(tx, network)],
  ['what is signed and open?', async (tx) => await movements.sumOpenUnits(tx, key)],
  ['what was paid?', async (tx) => await sumPaid(tx, 'all')],
  ['what was told?', async (tx) => await sumPaid(tx, 'told')],
];

it.each(QUESTIONS)('%s is answered without reading what has ended', async (_, ask) => {
  expect(await blocksOf(ask)).toBeLessThan(MOST_BLOCKS);
});

it.each(['orders', 'attempts', 'attempt_items', 'transactions', 'movements'])(
  'all of the %s are more than that',
  async (table) => {
    const blocks = await blocksOf(
      async (tx) => await tx.query(`SELECT * FROM settlement_${table}`),
    );
    expect(blocks).toBeGreaterThan(MOST_BLOCKS);
  },
);
