import type { Json } from '../base/json.ts';
import type { Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';

/** One attempt to pay a payout, its fate and the proof of that fate, for the merchant to read. */
export interface AttemptView {
  readonly attemptId: string;
  readonly transactionHash: string;
  /** Of all attempts with one fence at most one can take effect on chain. */
  readonly fence: string;
  readonly state: 'OPEN' | 'LANDED' | 'DEAD';
  /** This payout's fate in the attempt. */
  readonly fate: 'OPEN' | 'PAID' | 'REFUSED' | 'DEAD';
  readonly reason: string | null;
  readonly proof: Json | null;
  readonly blockNumber: string | null;
  readonly blockHash: string | null;
  /** In the smallest unit of the chain's coin; null until it is final. */
  readonly feeUnits: string | null;
  readonly broadcastCount: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Every attempt that was ever signed for a payout, oldest first. */
export async function findAttempts(
  db: Queryable,
  payout: { readonly network: NetworkId; readonly payoutId: string },
): Promise<AttemptView[]> {
  const rows = await db.query<AttemptViewRow>(
    `SELECT a.attempt_id, a.transaction_hash, a.fence, a.state, i.fate, i.reason, i.proof,
            a.block_number, a.block_hash, a.fee_units, a.broadcast_count, a.created_at, a.updated_at
     FROM settlement_attempt_items i
     JOIN settlement_attempts a ON a.network = i.network AND a.attempt_id = i.attempt_id
     WHERE i.network = $1 AND i.payout_id = $2
     ORDER BY a.attempt_id`,
    [payout.network, payout.payoutId],
  );
  return rows.map((row) => ({
    attemptId: row.attempt_id,
    transactionHash: row.transaction_hash,
    fence: row.fence,
    state: row.state,
    fate: row.fate,
    reason: row.reason,
    proof: row.proof,
    blockNumber: row.block_number?.toString() ?? null,
    blockHash: row.block_hash,
    feeUnits: row.fee_units?.toString() ?? null,
    broadcastCount: row.broadcast_count,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }));
}

interface AttemptViewRow {
  attempt_id: string;
  transaction_hash: string;
  fence: string;
  state: AttemptView['state'];
  fate: AttemptView['fate'];
  reason: string | null;
  proof: Json | null;
  block_number: bigint | null;
  block_hash: string | null;
  fee_units: bigint | null;
  broadcast_count: number;
  created_at: Date;
  updated_at: Date;
}
