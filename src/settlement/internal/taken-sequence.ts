import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';

/**
 * Whether a sequence that is taken for good was taken by a transaction of Knit's own. `takenBy`: which one
 * it was, where the chain names it.
 */
export async function isTakenByOwn(
  db: Queryable,
  taken: { network: NetworkId; sender: string; sequence: bigint; takenBy: string | null },
): Promise<boolean> {
  const rows = await db.query(
    `SELECT transaction_hash FROM settlement_transactions
     WHERE network = $1 AND sender = $2 AND sequence = $3
       AND (state = 'FINAL' OR transaction_hash = $4)`,
    [taken.network, taken.sender, taken.sequence, taken.takenBy],
  );
  return rows.length > 0;
}

/** Whether a recorded transaction may still land. Its row stays so to the end of `tx`. */
export async function holdOpen(
  tx: Tx,
  transaction: { readonly network: NetworkId; readonly transactionHash: string },
): Promise<boolean> {
  const rows = await tx.query(
    `SELECT transaction_hash FROM settlement_transactions
     WHERE network = $1 AND transaction_hash = $2 AND state = 'OPEN' FOR UPDATE`,
    [transaction.network, transaction.transactionHash],
  );
  return rows.length === 1;
}
