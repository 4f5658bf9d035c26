import type { Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';

/** What of a network's payouts is not done yet, for an operator. */
export interface Waiting {
  /** Why payouts could not be signed when they were last tried: the most frequent reasons. */
  readonly reasons: readonly { readonly reason: string; readonly payouts: number }[];
  /** When the oldest attempt whose fate is not proven was made. */
  readonly oldestOpenAttempt: Date | null;
}

const MOST_REASONS = 5;

export async function findWaiting(db: Queryable, network: NetworkId): Promise<Waiting> {
  const reasons = await db.query<{ waiting_for: string; payouts: bigint }>(
    `SELECT waiting_for, count(*) AS payouts FROM settlement_orders
     WHERE network = $1 AND state = 'QUEUED' AND waiting_for IS NOT NULL
     GROUP BY waiting_for ORDER BY payouts DESC, waiting_for LIMIT $2`,
    [network, MOST_REASONS],
  );
  const [oldest] = await db.query<{ created_at: Date | null }>(
    `SELECT min(created_at) AS created_at FROM settlement_attempts
     WHERE network = $1 AND state = 'OPEN'`,
    [network],
  );
  return {
    reasons: reasons.map((row) => ({ reason: row.waiting_for, payouts: Number(row.payouts) })),
    oldestOpenAttempt: oldest?.created_at ?? null,
  };
}
