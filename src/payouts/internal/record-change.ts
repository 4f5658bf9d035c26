import type { Tx } from '../../database/database.ts';
import type { PayoutStatus } from '../payout.ts';

/** Writes a line of the payout's history. The row's number is one more than the last. */
export async function recordChange(
  tx: Tx,
  change: {
    readonly businessId: string;
    readonly payoutId: string;
    readonly status: PayoutStatus;
    readonly detail: string | null;
    readonly at: Date;
  },
): Promise<void> {
  await tx.query(
    `INSERT INTO payout_changes (business_id, payout_id, number, status, detail, changed_at)
     SELECT $1::uuid, $2::uuid, coalesce(max(number), 0) + 1, $3, $4, $5
     FROM payout_changes WHERE business_id = $1 AND payout_id = $2`,
    [change.businessId, change.payoutId, change.status, change.detail, change.at],
  );
}
