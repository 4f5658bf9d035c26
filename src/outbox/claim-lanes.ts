import { later } from '../base/clock.ts';
import type { Queryable } from '../database/database.ts';
import { isRetryable } from '../database/sql-failure.ts';
import { takeItems, type Candidate } from './internal/take-items.ts';
import type { ClaimedItem } from './outbox.ts';

/** A claimed item of one lane of several. */
export interface LaneItem extends ClaimedItem {
  readonly lane: string;
}

export interface LaneClaims {
  readonly items: readonly LaneItem[];
  /** The lanes that had fewer due than was asked for: there is nothing more to be had of them now. */
  readonly emptied: readonly string[];
  /** How many another worker was quicker to take: there may be more behind them. */
  readonly lost: number;
}

/**
 * {@link claim} for several lanes of a topic at once, oldest first in each, at most so many of each as
 * `wanted` says. It is as safe: candidates are read without a lock and taken by comparing their token, so a
 * worker that loses a race gets fewer.
 */
export async function claimLanes(
  db: Queryable,
  want: {
    readonly topic: string;
    readonly wanted: ReadonlyMap<string, number>;
    readonly leaseMs: number;
    readonly now: Date;
  },
): Promise<LaneClaims> {
  if (want.wanted.size === 0) return { items: [], emptied: [], lost: 0 };
  const candidates = await listDue(db, want);
  const found = Map.groupBy(candidates, (row) => row.lane);
  const emptied = [...want.wanted]
    .filter(([lane, count]) => (found.get(lane)?.length ?? 0) < count)
    .map(([lane]) => lane);
  const items = candidates.length === 0 ? [] : await take(db, candidates, want);
  return { items, emptied, lost: candidates.length - items.length };
}

interface DueItem extends Candidate {
  readonly lane: string;
}

async function listDue(
  db: Queryable,
  want: { topic: string; wanted: ReadonlyMap<string, number>; now: Date },
): Promise<DueItem[]> {
  const rows = await db.query<DueItem>(
    `SELECT w.lane, due.business_id, due.item_id, due.claim_token
     FROM unnest($2::text[], $3::integer[]) AS w (lane, wanted)
     CROSS JOIN LATERAL (
       SELECT o.business_id, o.item_id, o.claim_token FROM outbox_items o
       WHERE o.topic = $1 AND o.lane = w.lane AND o.available_at <= $4
       ORDER BY o.available_at LIMIT w.wanted
     ) due`,
    [want.topic, [...want.wanted.keys()], [...want.wanted.values()], want.now],
  );
  // In one order everywhere, so that two workers after the same items wait in a line.
  return rows.sort((a, b) => (a.item_id < b.item_id ? -1 : 1));
}

async function take(
  db: Queryable,
  candidates: readonly Candidate[],
  want: { readonly leaseMs: number; readonly now: Date },
): Promise<LaneItem[]> {
  try {
    return await takeItems(db, candidates, later(want.now, want.leaseMs));
  } catch (error) {
    // A deadlock with another worker after the same items is a race that both have lost.
    if (isRetryable(error)) return [];
    throw error;
  }
}

/** {@link postpone} for any number of items, in one statement. Gives those whose claim was not stale. */
export async function postponeAll(
  db: Queryable,
  postponed: readonly { readonly item: ClaimedItem; readonly availableAt: Date }[],
): Promise<ClaimedItem[]> {
  if (postponed.length === 0) return [];
  const changed = await db.query<{ business_id: string; item_id: string }>(
    `UPDATE outbox_items AS o SET available_at = c.available_at, claim_token = o.claim_token + 1
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[])
       AS c (business_id, item_id, claim_token, available_at)
     WHERE o.business_id = c.business_id AND o.item_id = c.item_id AND o.claim_token = c.claim_token
     RETURNING o.business_id, o.item_id`,
    [
      postponed.map(({ item }) => item.businessId),
      postponed.map(({ item }) => item.itemId),
      postponed.map(({ item }) => item.claimToken),
      postponed.map(({ availableAt }) => availableAt),
    ],
  );
  const changes = new Set(changed.map((row) => `${row.business_id} ${row.item_id}`));
  return postponed
    .filter(({ item }) => changes.has(`${item.businessId} ${item.itemId}`))
    .map(({ item }) => item);
}
