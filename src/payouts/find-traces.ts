import type { Queryable } from '../database/database.ts';
import type { PayoutKey } from './progress.ts';

/**
 * The traces that payouts were asked for in, by payout id. A payout from before traces were kept, or that
 * was asked for without one, is not among them.
 */
export async function findTraces(
  db: Queryable,
  keys: readonly PayoutKey[],
): Promise<ReadonlyMap<string, string>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query<{ payout_id: string; trace_id: string }>(
    `SELECT a.payout_id, a.trace_id
     FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)
     JOIN payout_audits a ON a.business_id = k.business_id AND a.payout_id = k.payout_id
     WHERE a.trace_id IS NOT NULL`,
    [keys.map((key) => key.businessId), keys.map((key) => key.payoutId)],
  );
  return new Map(rows.map((row) => [row.payout_id, row.trace_id]));
}
