import type { Tx } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';

export async function insertAcceptance(
  tx: Tx,
  acceptance: {
    network: NetworkId;
    acceptanceId: string;
    kind: 'MOVEMENTS' | 'ATTEMPT' | 'DIFFERENCE' | 'CHAIN';
    subject: string;
    units: bigint | null;
    acceptedBy: string;
    because: string;
    at: Date;
  },
): Promise<void> {
  await tx.query(
    `INSERT INTO settlement_acceptances
       (network, acceptance_id, kind, subject, units, accepted_by, because, accepted_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      acceptance.network,
      acceptance.acceptanceId,
      acceptance.kind,
      acceptance.subject,
      acceptance.units,
      acceptance.acceptedBy,
      acceptance.because,
      acceptance.at,
    ],
  );
}

/** Of one transaction, what goes out and nothing explains. Gives how many they were. */
export async function acceptMovements(
  tx: Tx,
  want: { network: NetworkId; transactionHash: string; acceptanceId: string },
): Promise<number> {
  const accepted = await tx.query(
    `UPDATE settlement_movements SET acceptance_id = $3
     WHERE network = $1 AND transaction_hash = $2 AND direction = 'OUT'
       AND attempt_id IS NULL AND acceptance_id IS NULL AND NOT is_own_fee
     RETURNING log_index`,
    [want.network, want.transactionHash, want.acceptanceId],
  );
  return accepted.length;
}
