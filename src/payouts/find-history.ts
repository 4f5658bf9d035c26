import type { Queryable } from '../database/database.ts';
import type { PayoutStatus } from './payout.ts';

/** One change of a payout's state. */
export interface PayoutChange {
  /** From 1, without a gap. */
  readonly number: number;
  readonly status: PayoutStatus;
  readonly detail: string | null;
  readonly changedAt: Date;
}

/** Every state that a payout has had, in order. */
export async function findHistory(
  db: Queryable,
  payout: { readonly businessId: string; readonly payoutId: string },
): Promise<PayoutChange[]> {
  const rows = await db.query<{
    number: number;
    status: PayoutStatus;
    detail: string | null;
    changed_at: Date;
  }>(
    `SELECT number, status, detail, changed_at FROM payout_changes
     WHERE business_id = $1 AND payout_id = $2 ORDER BY number`,
    [payout.businessId, payout.payoutId],
  );
  return rows.map((row) => ({
    number: row.number,
    status: row.status,
    detail: row.detail,
    changedAt: row.changed_at,
  }));
}
