import type { Queryable } from '../database/database.ts';
import { dueLanes } from './outbox.ts';

/** What of a topic could be claimed at this moment. */
export interface DueWork {
  /** Counted so far as {@link measureDue} says. */
  readonly items: number;
  /** Since when the oldest of them could be claimed. */
  readonly oldestAt: Date | undefined;
}

/** So many lanes are looked at, and of all of them together about so many items. */
const MOST_LANES = 1_000;
const MOST_COUNTED = 100_000;

/**
 * The work of a topic that is due and that nobody has claimed, in many lanes: it costs the same however much
 * there is of it, because it is counted to 100,000 at most, and no more of any lane than its part of that.
 */
export async function measureDue(
  db: Queryable,
  want: { readonly topic: string; readonly now: Date },
): Promise<DueWork> {
  const lanes = await dueLanes(db, { ...want, limit: MOST_LANES });
  if (lanes.length === 0) return { items: 0, oldestAt: undefined };
  const [row] = await db.query<{ items: number; oldest_at: Date | null }>(
    `SELECT sum(due.items)::int AS items, min(due.oldest_at) AS oldest_at
     FROM unnest($2::text[]) AS w (lane)
     CROSS JOIN LATERAL (
       SELECT count(*) AS items, min(first.available_at) AS oldest_at
       FROM (
         SELECT o.available_at FROM outbox_items o
         WHERE o.topic = $1 AND o.lane = w.lane AND o.available_at <= $3
         ORDER BY o.available_at LIMIT $4
       ) first
     ) due`,
    [want.topic, lanes, want.now, Math.ceil(MOST_COUNTED / lanes.length)],
  );
  return { items: row?.items ?? 0, oldestAt: row?.oldest_at ?? undefined };
}
