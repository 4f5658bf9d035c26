import type { Queryable } from '../database/database.ts';
import { PAYOUT_COLUMNS, toPayout, type PayoutRow } from './internal/payout-row.ts';
import type { Payout } from './payout.ts';
import type { PayoutKey } from './progress.ts';

/** A payout with the trace that it was asked for in. */
export interface TracedPayout {
  readonly payout: Payout;
  /** Undefined where it was asked for without one, or before traces were kept. */
  readonly traceId: string | undefined;
}

/** Those of the payouts named that exist, of any businesses, in no order. */
export async function findTracedPayouts(
  db: Queryable,
  keys: readonly PayoutKey[],
): Promise<TracedPayout[]> {
  if (keys.length === 0) return [];
  const rows = await db.query<PayoutRow & { trace_id: string | null }>(
    `SELECT ${PAYOUT_COLUMNS.replaceAll(/\w+/g, 'p.$&')}, a.trace_id
     FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)
     JOIN payouts p ON p.business_id = k.business_id AND p.payout_id = k.payout_id
     LEFT JOIN payout_audits a ON a.business_id = p.business_id AND a.payout_id = p.payout_id`,
    [keys.map((key) => key.businessId), keys.map((key) => key.payoutId)],
  );
  return rows.map((row) => ({ payout: toPayout(row), traceId: row.trace_id ?? undefined }));
}
