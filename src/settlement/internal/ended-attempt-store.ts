import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';

/** An attempt that has ended, and is not known yet to agree with the chain's transfers. */
export interface EndedAttempt {
  readonly attemptId: string;
  readonly state: 'LANDED' | 'DEAD';
  readonly transactionHash: string | null;
  readonly blockNumber: bigint | null;
  readonly items: readonly EndedItem[];
}

export interface EndedItem {
  readonly payoutId: string;
  readonly fate: 'OPEN' | 'PAID' | 'REFUSED' | 'DEAD';
  readonly units: bigint;
  readonly toAddress: string;
  /** Of the transfer that this payout explains; null where there is none. */
  readonly movedBy: string | null;
}

/** How many one question gives. */
export const ENDED_AT_ONCE = 500;

/**
 * Dead ones, and those that landed no later than `upTo`: a transfer of a later one is not booked yet.
 */
export async function listEndedAttempts(
  db: Queryable,
  want: { network: NetworkId; token: Token; upTo: bigint },
): Promise<EndedAttempt[]> {
  const attempts = await db.query<{
    attempt_id: string;
    state: 'LANDED' | 'DEAD';
    transaction_hash: string | null;
    block_number: bigint | null;
  }>(
    `SELECT a.attempt_id, a.state, a.transaction_hash, a.block_number FROM settlement_attempts a
     JOIN settlement_attempt_items i
       ON i.network = a.network AND i.attempt_id = a.attempt_id AND i.position = 0
     JOIN settlement_orders o ON o.network = i.network AND o.payout_id = i.payout_id
     WHERE a.network = $1 AND a.state <> 'OPEN' AND a.reconciled_at IS NULL AND o.token = $2
       AND (a.state = 'DEAD' OR a.block_number <= $3)
     ORDER BY a.updated_at DESC, a.attempt_id LIMIT $4`,
    [want.network, want.token, want.upTo, ENDED_AT_ONCE],
  );
  if (attempts.length === 0) return [];
  const items = await listItems(
    db,
    want.network,
    attempts.map((row) => row.attempt_id),
  );
  return attempts.map((row) => ({
    attemptId: row.attempt_id,
    state: row.state,
    transactionHash: row.transaction_hash,
    blockNumber: row.block_number,
    items: items.get(row.attempt_id) ?? [],
  }));
}

async function listItems(
  db: Queryable,
  network: NetworkId,
  attemptIds: readonly string[],
): Promise<ReadonlyMap<string, EndedItem[]>> {
  const rows = await db.query<{
    attempt_id: string;
    payout_id: string;
    fate: EndedItem['fate'];
    units: bigint;
    to_address: string;
    moved_by: string | null;
  }>(
    `SELECT i.attempt_id, i.payout_id, i.fate, o.units, o.to_address, m.transaction_hash AS moved_by
     FROM settlement_attempt_items i
     JOIN settlement_orders o ON o.network = i.network AND o.payout_id = i.payout_id
     LEFT JOIN settlement_movements m
       ON m.network = i.network AND m.payout_id = i.payout_id AND m.attempt_id = i.attempt_id
     WHERE i.network = $1 AND i.attempt_id = ANY($2::uuid[])
     ORDER BY i.attempt_id, i.position`,
    [network, attemptIds],
  );
  const byAttempt = Map.groupBy(rows, (row) => row.attempt_id);
  return new Map(
    [...byAttempt].map(([attemptId, group]) => [
      attemptId,
      group.map((row) => ({
        payoutId: row.payout_id,
        fate: row.fate,
        units: row.units,
        toAddress: row.to_address,
        movedBy: row.moved_by,
      })),
    ]),
  );
}

/** Gives how many were not noted before. */
export async function noteReconciled(
  tx: Tx,
  note: { network: NetworkId; attemptIds: readonly string[]; at: Date },
): Promise<number> {
  const noted = await tx.query(
    `UPDATE settlement_attempts SET reconciled_at = $3
     WHERE network = $1 AND attempt_id = ANY($2::uuid[]) AND reconciled_at IS NULL
       AND state <> 'OPEN'
     RETURNING attempt_id`,
    [note.network, note.attemptIds, note.at],
  );
  return noted.length;
}
