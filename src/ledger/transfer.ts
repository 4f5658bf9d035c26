import type { Tx } from '../database/database.ts';

export type TransferKind = 'CREDIT' | 'FUND' | 'POST';

export interface TransferRecord {
  readonly businessId: string;
  readonly transferId: string;
  readonly kind: TransferKind;
  readonly debitAccountId: string;
  readonly creditAccountId: string;
  readonly units: bigint;
  readonly referenceId: string;
  readonly at: Date;
}

/**
 * Writes one entry: a debit and a credit of the same units. Gives false, and writes nothing, where
 * the reference has moved money before in a transfer of this kind.
 */
export async function recordTransfer(tx: Tx, record: TransferRecord): Promise<boolean> {
  const written = await tx.query(
    `INSERT INTO ledger_transfers
       (business_id, transfer_id, kind, debit_account_id, credit_account_id, units, reference_id, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (business_id, kind, reference_id) DO NOTHING
     RETURNING transfer_id`,
    [
      record.businessId,
      record.transferId,
      record.kind,
      record.debitAccountId,
      record.creditAccountId,
      record.units,
      record.referenceId,
      record.at,
    ],
  );
  return written.length === 1;
}

/** The entries of payouts that were spent. A payout that has moved money before is refused (23505). */
export async function recordPosts(
  tx: Tx,
  records: readonly Omit<TransferRecord, 'kind'>[],
): Promise<void> {
  if (records.length === 0) return;
  await tx.query(
    `INSERT INTO ledger_transfers
       (business_id, transfer_id, kind, debit_account_id, credit_account_id, units, reference_id, created_at)
     SELECT t.business_id, t.transfer_id, 'POST', t.debit_account_id, t.credit_account_id, t.units,
       t.reference_id, t.at
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::numeric[], $6::uuid[], $7::timestamptz[])
       AS t (business_id, transfer_id, debit_account_id, credit_account_id, units, reference_id, at)`,
    [
      records.map((record) => record.businessId),
      records.map((record) => record.transferId),
      records.map((record) => record.debitAccountId),
      records.map((record) => record.creditAccountId),
      records.map((record) => record.units),
      records.map((record) => record.referenceId),
      records.map((record) => record.at),
    ],
  );
}
