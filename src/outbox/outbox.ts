import type { Json } from '../base/json.ts';
import { later } from '../base/clock.ts';
import type { Queryable, Tx } from '../database/database.ts';
import { columnOfIds, columnOfTimes, type Statement } from '../database/statement.ts';
import { takeItems, type Candidate } from './internal/take-items.ts';

/** Work left by a transaction for a worker. `lane` separates what must not wait for each other. */
export interface NewItem {
  readonly businessId: string;
  readonly itemId: string;
  readonly topic: string;
  readonly lane: string;
  readonly payload: Json;
  readonly at: Date;
}

/** A claimed item. `claimToken` fences: after the lease has passed to another, it is stale. */
export interface ClaimedItem {
  readonly businessId: string;
  readonly itemId: string;
  readonly claimToken: bigint;
  /** How often the item was claimed before this claim. */
  readonly attempts: number;
  readonly payload: unknown;
}

/** Adds work to the transaction that causes it: both are committed, or neither. */
export async function append(tx: Tx, item: NewItem): Promise<void> {
  await appendAll(tx, [item]);
}

/** {@link append} for any number of items, of any businesses, in one statement. */
export async function appendAll(tx: Tx, items: readonly NewItem[]): Promise<void> {
  if (items.length === 0) return;
  const { text, values } = appending(items);
  await tx.query(text, values);
}

/** The statement of {@link appendAll}, to be part of a larger one. */
export function appending(items: readonly NewItem[]): Statement {
  return {
    text: `INSERT INTO outbox_items
       (business_id, item_id, topic, lane, payload, available_at, claim_token, attempts, created_at)
     SELECT i.business_id, i.item_id, i.topic, i.lane, i.payload::jsonb, i.at, 0, 0, i.at
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
       AS i (business_id, item_id, topic, lane, payload, at)`,
    values: [
      columnOfIds(items.map((item) => item.businessId)),
      columnOfIds(items.map((item) => item.itemId)),
      items.map((item) => item.topic),
      items.map((item) => item.lane),
      items.map((item) => JSON.stringify(item.payload)),
      columnOfTimes(items.map((item) => item.at)),
    ],
  };
}

/**
 * Claims up to `limit` due items of a lane, oldest first, for `leaseMs`. Candidates are read without
 * a lock and then taken by comparing their token, so it is correct with any number of workers and on
 * engines without SKIP LOCKED; a worker that loses a race gets fewer items. With `longestMs`, an item
 * that is put off for longer was put off by a clock that ran ahead, and is due as well.
 */
export async function claim(
  db: Queryable,
  want: {
    readonly topic: string;
    readonly lane: string;
    readonly limit: number;
    readonly leaseMs: number;
    readonly longestMs?: number;
    readonly now: Date;
  },
): Promise<ClaimedItem[]> {
  const candidates = await listDue(db, want);
  if (candidates.length === 0) return [];
  return await takeItems(db, candidates, later(want.now, want.leaseMs));
}

/** In two ranges of the index, so that what lies between them, which others hold, is not read. */
async function listDue(
  db: Queryable,
  want: Pick<Parameters<typeof claim>[1], 'topic' | 'lane' | 'limit' | 'longestMs' | 'now'>,
): Promise<Candidate[]> {
  const { topic, lane, limit, longestMs, now } = want;
  const list = async (condition: string, bound: Date, most: number): Promise<Candidate[]> =>
    await db.query<Candidate>(
      `SELECT business_id, item_id, claim_token FROM outbox_items
       WHERE topic = $1 AND lane = $2 AND available_at ${condition} $3
       ORDER BY available_at LIMIT $4`,
      [topic, lane, bound, most],
    );
  const due = await list('<=', now, limit);
  if (longestMs === undefined || due.length === limit) return due;
  return [...due, ...(await list('>', later(now, longestMs), limit - due.length))];
}

/** Ends an item. False where the claim is stale: then another worker has it, or has ended it. */
export async function finish(db: Queryable, item: ClaimedItem): Promise<boolean> {
  return (await finishAll(db, [item])).length === 1;
}

/** {@link finish} for any number of items, in one statement. Gives those whose claim was not stale. */
export async function finishAll(
  db: Queryable,
  items: readonly ClaimedItem[],
): Promise<ClaimedItem[]> {
  if (items.length === 0) return [];
  const removed = await db.query<Pick<Candidate, 'business_id' | 'item_id'>>(
    `DELETE FROM outbox_items AS o
     USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS c (business_id, item_id, claim_token)
     WHERE o.business_id = c.business_id AND o.item_id = c.item_id AND o.claim_token = c.claim_token
     RETURNING o.business_id, o.item_id`,
    [
      columnOfIds(items.map((item) => item.businessId)),
      columnOfIds(items.map((item) => item.itemId)),
      items.map((item) => item.claimToken),
    ],
  );
  const ended = new Set(removed.map((row) => `${row.business_id} ${row.item_id}`));
  return items.filter((item) => ended.has(`${item.businessId} ${item.itemId}`));
}

/** Gives an item back until `availableAt`. False where the claim is stale. */
export async function postpone(
  db: Queryable,
  item: ClaimedItem,
  availableAt: Date,
): Promise<boolean> {
  const changed = await db.query(
    `UPDATE outbox_items SET available_at = $4, claim_token = claim_token + 1
     WHERE business_id = $1 AND item_id = $2 AND claim_token = $3
     RETURNING item_id`,
    [item.businessId, item.itemId, item.claimToken, availableAt],
  );
  return changed.length === 1;
}

/**
 * The lanes of a topic that have an item due, in the database's order, from the first one beyond `after`:
 * at most `limit`. The oldest item of a lane tells whether one is due, so from lane to lane one entry of the
 * index is read: what the lanes hold does not count, only how many there are.
 */
export async function dueLanes(
  db: Queryable,
  want: {
    readonly topic: string;
    readonly now: Date;
    readonly after?: string;
    readonly limit?: number;
  },
): Promise<string[]> {
  const rows = await db.query<{ lane: string }>(
    `WITH RECURSIVE lanes AS (
       (SELECT lane, available_at FROM outbox_items WHERE topic = $1 AND lane > $3
        ORDER BY lane, available_at LIMIT 1)
       UNION ALL
       SELECT next.lane, next.available_at FROM lanes CROSS JOIN LATERAL (
         SELECT lane, available_at FROM outbox_items WHERE topic = $1 AND lane > lanes.lane
         ORDER BY lane, available_at LIMIT 1
       ) next
     )
     SELECT lane FROM lanes WHERE available_at <= $2 LIMIT $4`,
    [want.topic, want.now, want.after ?? '', want.limit ?? null],
  );
  return rows.map((row) => row.lane);
}
