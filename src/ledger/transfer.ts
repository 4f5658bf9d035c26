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
