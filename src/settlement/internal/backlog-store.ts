import type { Queryable } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';

/** How much waits, and since when the oldest of it. */
export interface Backlog {
  readonly count: number;
  /** Null where nothing waits. */
  readonly oldestAt: Date | null;
}

/** A backlog is counted so far: who watches knows enough then, and the count stays cheap. */
const MOST_COUNTED = 100_000;

/** Orders of a network that nothing is signed for, read from the index that holds no others. */
export async function countQueued(db: Queryable, network: NetworkId): Promise<Backlog> {
  return await countOf(
    db,
    `SELECT count(*)::int AS count, min(created_at) AS oldest_at
     FROM (SELECT created_at FROM settlement_orders
           WHERE network = $1 AND state = 'QUEUED' LIMIT $2) AS waiting`,
    network,
  );
}

/** Orders of a network in flight, read from the index that holds no others. */
export async function countInFlight(db: Queryable, network: NetworkId): Promise<Backlog> {
  return await countOf(
    db,
    `SELECT count(*)::int AS count, min(created_at) AS oldest_at
     FROM (SELECT created_at FROM settlement_orders
           WHERE network = $1 AND state = 'IN_FLIGHT' LIMIT $2) AS flying`,
    network,
  );
}

async function countOf(db: Queryable, sql: string, network: NetworkId): Promise<Backlog> {
  const [row] = await db.query<{ count: number; oldest_at: Date | null }>(sql, [
    network,
    MOST_COUNTED,
  ]);
  return { count: row?.count ?? 0, oldestAt: row?.oldest_at ?? null };
}
