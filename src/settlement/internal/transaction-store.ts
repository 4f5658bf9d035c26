import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';
import type {
  BlockReference,
  Chore,
  NewTransaction,
  SignedTransaction,
} from '../../networks/network.ts';
import { StaleClaim } from '../stale-claim.ts';
import { freeCoins, takeCoins } from './coin-store.ts';

export type TransactionPurpose = 'CARRY' | 'FILL' | Chore['purpose'];

/** A transaction that the database holds. Only such a transaction is ever sent. */
export interface RecordedTransaction extends SignedTransaction {
  readonly recorded: true;
  readonly network: NetworkId;
  readonly purpose: TransactionPurpose;
  /** Of CARRY. */
  readonly attemptId: string | null;
  readonly broadcastCount: number;
  readonly lastBroadcastAt: Date | null;
  readonly isInBlock: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/**
 * Stores a transaction before it is first sent, with the coins that it spends, and gives it as what may be
 * sent. Throws a {@link StaleClaim} where another has one of the coins.
 */
export async function insertTransaction(
  tx: Tx,
  order: {
    readonly network: NetworkId;
    readonly signed: NewTransaction;
    readonly purpose: TransactionPurpose;
    readonly attemptId: string | null;
    readonly at: Date;
  },
): Promise<RecordedTransaction> {
  const { network, signed, purpose, attemptId, at } = order;
  const { sender, sequence } = signed;
  if (!(await takeCoins(tx, { network, sender, sequence, at }, signed.spends))) {
    throw new StaleClaim('another transaction spends one of its coins');
  }
  await tx.query(
    `INSERT INTO settlement_transactions
       (network, transaction_hash, sender, sequence, purpose, attempt_id, raw_transaction, state,
        broadcast_count, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'OPEN', 0, $8, $8)`,
    [
      network,
      signed.transactionHash,
      sender,
      sequence,
      purpose,
      attemptId,
      Buffer.from(signed.rawTransaction),
      at,
    ],
  );
  return {
    recorded: true,
    network,
    sender,
    sequence,
    transactionHash: signed.transactionHash,
    rawTransaction: signed.rawTransaction,
    purpose,
    attemptId,
    broadcastCount: 0,
    lastBroadcastAt: null,
    isInBlock: false,
    createdAt: at,
    updatedAt: at,
  };
}

interface TransactionRow {
  transaction_hash: string;
  sender: string;
  sequence: bigint;
  purpose: TransactionPurpose;
  attempt_id: string | null;
  raw_transaction: Buffer;
  broadcast_count: number;
  last_broadcast_at: Date | null;
  block_number: bigint | null;
  created_at: Date;
  updated_at: Date;
}

/** A sender's transactions that may still land, in their order; newest last where they share a sequence. */
export async function listOpenTransactions(
  db: Queryable,
  lane: { readonly network: NetworkId; readonly sender: string },
): Promise<RecordedTransaction[]> {
  const rows = await db.query<TransactionRow>(
    `SELECT transaction_hash, sender, sequence, purpose, attempt_id, raw_transaction,
            broadcast_count, last_broadcast_at, block_number, created_at, updated_at
     FROM settlement_transactions
     WHERE network = $1 AND sender = $2 AND state = 'OPEN'
     ORDER BY sequence, created_at, transaction_hash`,
    [lane.network, lane.sender],
  );
  return rows.map((row) => ({
    recorded: true,
    network: lane.network,
    sender: row.sender,
    sequence: row.sequence,
    transactionHash: row.transaction_hash,
    rawTransaction: new Uint8Array(row.raw_transaction),
    purpose: row.purpose,
    attemptId: row.attempt_id,
    broadcastCount: row.broadcast_count,
    lastBroadcastAt: row.last_broadcast_at,
    isInBlock: row.block_number !== null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }));
}

/** How many sequences of each sender wait in the nodes' pools: those that are in no block. */
export async function countWaiting(
  db: Queryable,
  network: NetworkId,
): Promise<ReadonlyMap<string, number>> {
  const rows = await db.query<{ sender: string; waiting: bigint }>(
    `SELECT sender, count(*) AS waiting FROM (
       SELECT sender, sequence FROM settlement_transactions
       WHERE network = $1 AND state = 'OPEN'
       GROUP BY sender, sequence HAVING bool_and(block_number IS NULL)
     ) AS w GROUP BY sender`,
    [network],
  );
  return new Map(rows.map((row) => [row.sender, Number(row.waiting)]));
}

/** The open attempts that lie in no block, as far as is known. */
export async function listWaitingAttempts(
  db: Queryable,
  network: NetworkId,
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ attempt_id: string }>(
    `SELECT attempt_id FROM settlement_attempts
     WHERE network = $1 AND state = 'OPEN' AND block_number IS NULL`,
    [network],
  );
  return new Set(rows.map((row) => row.attempt_id));
}

/** How many open attempts lie in no block. */
export async function countWaitingAttempts(db: Queryable, network: NetworkId): Promise<number> {
  const [row] = await db.query<{ waiting: bigint }>(
    `SELECT count(*) AS waiting FROM settlement_attempts
     WHERE network = $1 AND state = 'OPEN' AND block_number IS NULL`,
    [network],
  );
  return Number(row?.waiting ?? 0n);
}

/** Notes an answer to sending. `at` is when, for the next time. */
export async function noteBroadcast(
  db: Queryable,
  transaction: Pick<RecordedTransaction, 'network' | 'transactionHash'>,
  note: { answer: string; at: Date },
): Promise<void> {
  await db.query(
    `UPDATE settlement_transactions
     SET broadcast_count = broadcast_count + 1, last_broadcast_at = $3, last_sighting = $4,
         updated_at = $3
     WHERE network = $1 AND transaction_hash = $2 AND state = 'OPEN'`,
    [transaction.network, transaction.transactionHash, note.at, note.answer.slice(0, 500)],
  );
}

/** Notes where an open transaction is. A block that is gone is forgotten. */
export async function noteBlock(
  db: Queryable,
  transaction: Pick<RecordedTransaction, 'network' | 'transactionHash'>,
  note: { block: BlockReference | null; at: Date },
): Promise<void> {
  await db.query(
    `UPDATE settlement_transactions SET block_number = $3, block_hash = $4, updated_at = $5
     WHERE network = $1 AND transaction_hash = $2 AND state = 'OPEN'`,
    [
      transaction.network,
      transaction.transactionHash,
      note.block?.number ?? null,
      note.block?.hash ?? null,
      note.at,
    ],
  );
}

/** The transaction has taken its sequence for good. False where it has ended before. */
export async function finishTransaction(
  tx: Tx,
  transaction: Pick<RecordedTransaction, 'network' | 'transactionHash'>,
  end: { block: BlockReference; succeeded: boolean; feeUnits: bigint; at: Date },
): Promise<boolean> {
  const changed = await tx.query(
    `UPDATE settlement_transactions
     SET state = 'FINAL', block_number = $3, block_hash = $4, succeeded = $5, fee_units = $6,
         last_sighting = 'final', updated_at = $7
     WHERE network = $1 AND transaction_hash = $2 AND state = 'OPEN'
     RETURNING transaction_hash`,
    [
      transaction.network,
      transaction.transactionHash,
      end.block.number,
      end.block.hash,
      end.succeeded,
      end.feeUnits,
      end.at,
    ],
  );
  return changed.length === 1;
}

/** Another transaction has taken the sequence for good: what is still open on it never lands. */
export async function endReplaced(
  tx: Tx,
  lane: { network: NetworkId; sender: string; sequence: bigint; at: Date },
): Promise<void> {
  await tx.query(
    `UPDATE settlement_transactions
     SET state = 'REPLACED', block_number = NULL, block_hash = NULL, last_sighting = 'replaced',
         updated_at = $4
     WHERE network = $1 AND sender = $2 AND sequence = $3 AND state = 'OPEN'`,
    [lane.network, lane.sender, lane.sequence, lane.at],
  );
}

/**
 * Ends what carried an attempt that has ended, where nothing else ends it: what landed is final, its other
 * versions can never be. Their coins are spent, or free.
 */
export async function endCarriers(
  tx: Tx,
  attempt: { readonly network: NetworkId; readonly attemptId: string },
  end: {
    readonly landed: {
      readonly transactionHash: string;
      readonly block: BlockReference;
      readonly feeUnits: bigint;
      readonly succeeded: boolean;
    } | null;
    readonly at: Date;
  },
): Promise<void> {
  const { network, attemptId } = attempt;
  const { landed, at } = end;
  if (landed !== null) await finishTransaction(tx, { network, ...landed }, { ...landed, at });
  const rows = await tx.query<{ sender: string; sequence: bigint }>(
    `SELECT DISTINCT sender, sequence FROM settlement_transactions
     WHERE network = $1 AND attempt_id = $2`,
    [network, attemptId],
  );
  for (const position of rows) {
    await endReplaced(tx, { network, ...position, at });
    await freeCoins(tx, { network, ...position });
  }
}

/**
 * Open attempts in no block that no open transaction carries any more, and on which no worker is at work:
 * their transactions all lost or took their sequences without carrying them out, and fewer than
 * `mostCarriers` of them took gas. Only those that may take effect after `validAfter`.
 */
export async function listAdrift(
  db: Queryable,
  want: {
    network: NetworkId;
    limit: number;
    createdUntil: Date;
    validAfter: Date;
    mostCarriers: number;
  },
): Promise<string[]> {
  const rows = await db.query<{ attempt_id: string }>(
    `SELECT a.attempt_id FROM settlement_attempts a
     WHERE a.network = $1 AND a.state = 'OPEN' AND a.block_number IS NULL AND a.created_at <= $3
       AND (a.valid_until IS NULL OR a.valid_until > $4)
       AND NOT EXISTS (
         SELECT 1 FROM settlement_transactions t
         WHERE t.network = $1 AND t.attempt_id = a.attempt_id AND t.state = 'OPEN'
       )
       AND (
         SELECT count(*) FROM settlement_transactions c
         WHERE c.network = $1 AND c.attempt_id = a.attempt_id AND c.state = 'FINAL'
       ) < $5
     ORDER BY a.created_at LIMIT $2`,
    [want.network, want.limit, want.createdUntil, want.validAfter, want.mostCarriers],
  );
  return rows.map((row) => row.attempt_id);
}

/** Whether Knit has signed it. */
export async function isOwnTransaction(
  db: Queryable,
  network: NetworkId,
  transactionHash: string,
): Promise<boolean> {
  const rows = await db.query(
    'SELECT sender FROM settlement_transactions WHERE network = $1 AND transaction_hash = $2',
    [network, transactionHash],
  );
  return rows.length === 1;
}

/** Whether a transaction that carries the attempt may still land. */
export async function isCarried(
  db: Queryable,
  attempt: { network: NetworkId; attemptId: string },
): Promise<boolean> {
  const rows = await db.query(
    `SELECT transaction_hash FROM settlement_transactions
     WHERE network = $1 AND attempt_id = $2 AND state = 'OPEN' LIMIT 1`,
    [attempt.network, attempt.attemptId],
  );
  return rows.length > 0;
}

/** Whether what a transaction does may still be needed: false once the attempt that it carries has ended. */
export async function isStillWanted(
  db: Queryable,
  transaction: Pick<RecordedTransaction, 'network' | 'attemptId'>,
): Promise<boolean> {
  if (transaction.attemptId === null) return true;
  const rows = await db.query(
    `SELECT attempt_id FROM settlement_attempts
     WHERE network = $1 AND attempt_id = $2 AND state = 'OPEN'`,
    [transaction.network, transaction.attemptId],
  );
  return rows.length === 1;
}

/** The fence of the attempt that a transaction carries; null where it carries none. */
export async function findFence(
  db: Queryable,
  transaction: Pick<RecordedTransaction, 'network' | 'attemptId'>,
): Promise<string | null> {
  if (transaction.attemptId === null) return null;
  const [row] = await db.query<{ fence: string }>(
    'SELECT fence FROM settlement_attempts WHERE network = $1 AND attempt_id = $2',
    [transaction.network, transaction.attemptId],
  );
  return row?.fence ?? null;
}
