import { later } from '../../base/clock.ts';
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

/**
 * Whether a transaction may still land and is the newest of its sequence. All that may land there stay
 * locked to the end of `tx`. Those of a clock that ran ahead are dated before `at`: what is signed in
 * their place at that time is the newest.
 */
export async function holdNewest(
  tx: Tx,
  transaction: {
    readonly network: NetworkId;
    readonly sender: string;
    readonly sequence: bigint;
    readonly transactionHash: string;
  },
  at: Date,
): Promise<boolean> {
  const { network, sender, sequence, transactionHash } = transaction;
  const open = await tx.query<{ transaction_hash: string }>(
    `SELECT transaction_hash FROM settlement_transactions
     WHERE network = $1 AND sender = $2 AND sequence = $3 AND state = 'OPEN'
     ORDER BY created_at, transaction_hash FOR UPDATE`,
    [network, sender, sequence],
  );
  if (open.at(-1)?.transaction_hash !== transactionHash) return false;
  await tx.query(
    `UPDATE settlement_transactions SET created_at = $4
     WHERE network = $1 AND sender = $2 AND sequence = $3 AND state = 'OPEN' AND created_at > $4`,
    [network, sender, sequence, later(at, -1)],
  );
  return true;
}
