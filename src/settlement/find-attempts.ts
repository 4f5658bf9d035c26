import { present } from '../base/assert.ts';
import type { Json } from '../base/json.ts';
import type { Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';

/** One attempt to pay a payout, its fate and the proof of that fate, for the merchant to read. */
export interface AttemptView {
  readonly attemptId: string;
  /** What carried it out; before that is final, the newest of its transactions. */
  readonly transactionHash: string;
  /** The chain spends it once. */
  readonly fence: string;
  readonly state: 'OPEN' | 'LANDED' | 'DEAD';
  /** This payout's fate in the attempt. */
  readonly fate: 'OPEN' | 'PAID' | 'REFUSED' | 'DEAD';
  readonly reason: string | null;
  readonly proof: Json | null;
  /** It takes no effect after this moment of the chain's time; null: it never expires. */
  readonly validUntil: Date | null;
  readonly blockNumber: string | null;
  readonly blockHash: string | null;
  /** The payout's part of the fee, in the smallest unit of the chain's coin; null until it is final. */
  readonly feeUnits: string | null;
  /** How often one of its transactions was sent. */
  readonly broadcastCount: number;
  /** Every transaction ever signed to carry it, oldest first. */
  readonly transactions: readonly TransactionView[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface TransactionView {
  readonly transactionHash: string;
  readonly sender: string;
  readonly sequence: string;
  readonly state: 'OPEN' | 'FINAL' | 'REPLACED';
  readonly blockNumber: string | null;
  readonly blockHash: string | null;
  readonly broadcastCount: number;
  readonly createdAt: Date;
}

/** Every attempt that was ever signed for a payout, oldest first. */
export async function findAttempts(
  db: Queryable,
  payout: { readonly network: NetworkId; readonly payoutId: string },
): Promise<AttemptView[]> {
  const rows = await db.query<AttemptRow>(
    `SELECT a.attempt_id, a.transaction_hash, a.fence, a.state, i.fate, i.reason, i.proof,
            a.valid_until, a.block_number, a.block_hash, i.fee_units, a.created_at, a.updated_at
     FROM settlement_attempt_items i
     JOIN settlement_attempts a ON a.network = i.network AND a.attempt_id = i.attempt_id
     WHERE i.network = $1 AND i.payout_id = $2
     ORDER BY a.attempt_id`,
    [payout.network, payout.payoutId],
  );
  const attemptIds = rows.map((row) => row.attempt_id);
  const transactions = await findTransactions(db, payout.network, attemptIds);
  return rows.map((row) => toView(row, transactions.get(row.attempt_id) ?? []));
}

function toView(row: AttemptRow, transactions: readonly TransactionView[]): AttemptView {
  const newest = transactions.at(-1)?.transactionHash ?? null;
  return {
    attemptId: row.attempt_id,
    transactionHash: present(row.transaction_hash ?? newest, 'an attempt has a transaction'),
    fence: row.fence,
    state: row.state,
    fate: row.fate,
    reason: row.reason,
    proof: row.proof,
    validUntil: row.valid_until,
    blockNumber: row.block_number?.toString() ?? null,
    blockHash: row.block_hash,
    feeUnits: row.fee_units?.toString() ?? null,
    broadcastCount: transactions.reduce((sum, it) => sum + it.broadcastCount, 0),
    transactions,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

async function findTransactions(
  db: Queryable,
  network: NetworkId,
  attemptIds: readonly string[],
): Promise<ReadonlyMap<string, TransactionView[]>> {
  if (attemptIds.length === 0) return new Map();
  const rows = await db.query<TransactionRow>(
    `SELECT attempt_id, transaction_hash, sender, sequence, state, block_number, block_hash,
            broadcast_count, created_at
     FROM settlement_transactions
     WHERE network = $1 AND attempt_id = ANY($2::uuid[])
     ORDER BY created_at, transaction_hash`,
    [network, attemptIds],
  );
  const views = new Map<string, TransactionView[]>();
  for (const row of rows) {
    const view = {
      transactionHash: row.transaction_hash,
      sender: row.sender,
      sequence: row.sequence.toString(),
      state: row.state,
      blockNumber: row.block_number?.toString() ?? null,
      blockHash: row.block_hash,
      broadcastCount: row.broadcast_count,
      createdAt: row.created_at,
    };
    views.set(row.attempt_id, [...(views.get(row.attempt_id) ?? []), view]);
  }
  return views;
}

interface AttemptRow {
  attempt_id: string;
  transaction_hash: string | null;
  fence: string;
  state: AttemptView['state'];
  fate: AttemptView['fate'];
  reason: string | null;
  proof: Json | null;
  valid_until: Date | null;
  block_number: bigint | null;
  block_hash: string | null;
  fee_units: bigint | null;
  created_at: Date;
  updated_at: Date;
}

interface TransactionRow {
  attempt_id: string;
  transaction_hash: string;
  sender: string;
  sequence: bigint;
  state: TransactionView['state'];
  block_number: bigint | null;
  block_hash: string | null;
  broadcast_count: number;
  created_at: Date;
}
