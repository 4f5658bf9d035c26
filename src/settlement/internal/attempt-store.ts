import { assert } from '../../base/assert.ts';
import { later } from '../../base/clock.ts';
import type { Json } from '../../base/json.ts';
import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';
import type { BlockReference, SignedAttempt } from '../../networks/network.ts';
import type { Order } from '../order.ts';

/** An attempt that the database holds. Only such an attempt is ever sent. */
export interface RecordedAttempt {
  readonly recorded: true;
  readonly network: NetworkId;
  readonly attemptId: string;
  readonly fence: string;
  readonly sender: string;
  readonly sequence: bigint;
  readonly transactionHash: string;
  readonly rawTransaction: Uint8Array;
  readonly broadcastCount: number;
  readonly lastBroadcastAt: Date | null;
  readonly createdAt: Date;
  readonly orders: readonly Pick<Order, 'payoutId' | 'token' | 'units' | 'toAddress'>[];
}

export async function insertAttempt(
  tx: Tx,
  attempt: {
    network: NetworkId;
    attemptId: string;
    signed: SignedAttempt;
    nextCheckAt: Date;
    at: Date;
  },
): Promise<void> {
  const { network, attemptId, signed } = attempt;
  await tx.query(
    `INSERT INTO settlement_attempts
       (network, attempt_id, fence, sender, sequence, transaction_hash, raw_transaction, state,
        next_check_at, broadcast_count, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'OPEN', $8, 0, $9, $9)`,
    [
      network,
      attemptId,
      signed.fence,
      signed.sender,
      signed.sequence,
      signed.transactionHash,
      Buffer.from(signed.rawTransaction),
      attempt.nextCheckAt,
      attempt.at,
    ],
  );
  await tx.query(
    `INSERT INTO settlement_attempt_items (network, attempt_id, payout_id, position, fate)
     SELECT $1::text, $2::uuid, i.payout_id, i.position - 1, 'OPEN'
     FROM unnest($3::uuid[]) WITH ORDINALITY AS i (payout_id, position)`,
    [network, attemptId, signed.payoutIds],
  );
}

/** Asserts what the order's state says already: nothing alive pays this payout under another fence. */
export async function assertNothingAlive(
  tx: Tx,
  order: Pick<Order, 'network' | 'payoutId'>,
  fence: string,
): Promise<void> {
  const alive = await tx.query(
    `SELECT i.attempt_id FROM settlement_attempt_items i
     JOIN settlement_attempts a ON a.network = i.network AND a.attempt_id = i.attempt_id
     WHERE i.network = $1 AND i.payout_id = $2 AND i.fate IN ('OPEN', 'PAID') AND a.fence <> $3`,
    [order.network, order.payoutId, fence],
  );
  assert(alive.length === 0, `payout ${order.payoutId} has a live attempt`);
}

/**
 * Open attempts whose next check is due; their next check is moved on, so that workers share them. One
 * that lies beyond two leases was set by a clock that ran ahead, and is due as well.
 */
export async function claimDueAttempts(
  db: Queryable,
  want: { network: NetworkId; limit: number; leaseMs: number; now: Date },
): Promise<RecordedAttempt[]> {
  const beyond = later(want.now, 2 * want.leaseMs);
  const due = await db.query<{ attempt_id: string }>(
    `SELECT attempt_id FROM settlement_attempts
     WHERE network = $1 AND state = 'OPEN' AND (next_check_at <= $2 OR next_check_at > $4)
     ORDER BY next_check_at LIMIT $3`,
    [want.network, want.now, want.limit, beyond],
  );
  if (due.length === 0) return [];
  const claimed = await db.query<{ attempt_id: string }>(
    `UPDATE settlement_attempts SET next_check_at = $3
     WHERE network = $1 AND attempt_id = ANY($2::uuid[]) AND state = 'OPEN'
       AND (next_check_at <= $4 OR next_check_at > $5)
     RETURNING attempt_id`,
    [
      want.network,
      due.map((row) => row.attempt_id),
      later(want.now, want.leaseMs),
      want.now,
      beyond,
    ],
  );
  return await loadAttempts(
    db,
    want.network,
    claimed.map((row) => row.attempt_id),
  );
}

/** The open attempts of one payout. */
export async function findOpenAttempts(
  db: Queryable,
  network: NetworkId,
  payoutId: string,
): Promise<RecordedAttempt[]> {
  const rows = await db.query<{ attempt_id: string }>(
    `SELECT a.attempt_id FROM settlement_attempts a
     JOIN settlement_attempt_items i ON i.network = a.network AND i.attempt_id = a.attempt_id
     WHERE a.network = $1 AND i.payout_id = $2 AND a.state = 'OPEN'`,
    [network, payoutId],
  );
  return await loadAttempts(
    db,
    network,
    rows.map((row) => row.attempt_id),
  );
}

interface AttemptRow {
  attempt_id: string;
  fence: string;
  sender: string;
  sequence: bigint;
  transaction_hash: string;
  raw_transaction: Buffer;
  broadcast_count: number;
  last_broadcast_at: Date | null;
  created_at: Date;
  payout_id: string;
  token: Token;
  units: bigint;
  to_address: string;
}

async function loadAttempts(
  db: Queryable,
  network: NetworkId,
  attemptIds: readonly string[],
): Promise<RecordedAttempt[]> {
  if (attemptIds.length === 0) return [];
  const rows = await db.query<AttemptRow>(
    `SELECT a.attempt_id, a.fence, a.sender, a.sequence, a.transaction_hash, a.raw_transaction,
            a.broadcast_count, a.last_broadcast_at, a.created_at,
            o.payout_id, o.token, o.units, o.to_address
     FROM settlement_attempts a
     JOIN settlement_attempt_items i ON i.network = a.network AND i.attempt_id = a.attempt_id
     JOIN settlement_orders o ON o.network = i.network AND o.payout_id = i.payout_id
     WHERE a.network = $1 AND a.attempt_id = ANY($2::uuid[])
     ORDER BY a.sequence, a.attempt_id, i.position`,
    [network, attemptIds],
  );
  const byId = Map.groupBy(rows, (row) => row.attempt_id);
  return [...byId.values()].map((group) => toAttempt(network, group));
}

function toAttempt(network: NetworkId, rows: readonly AttemptRow[]): RecordedAttempt {
  const [first] = rows;
  assert(first !== undefined, 'an attempt has at least one payout');
  return {
    recorded: true,
    network,
    attemptId: first.attempt_id,
    fence: first.fence,
    sender: first.sender,
    sequence: first.sequence,
    transactionHash: first.transaction_hash,
    rawTransaction: new Uint8Array(first.raw_transaction),
    broadcastCount: first.broadcast_count,
    lastBroadcastAt: first.last_broadcast_at,
    createdAt: first.created_at,
    orders: rows.map((row) => ({
      payoutId: row.payout_id,
      token: row.token,
      units: row.units,
      toAddress: row.to_address,
    })),
  };
}

/** How many transactions of the sender wait in the nodes' pools: those that are in no block. */
export async function countWaitingAttempts(
  db: Queryable,
  network: NetworkId,
  sender: string,
): Promise<number> {
  const [row] = await db.query<{ waiting: bigint }>(
    `SELECT count(*) AS waiting FROM settlement_attempts
     WHERE network = $1 AND state = 'OPEN' AND sender = $2 AND block_number IS NULL`,
    [network, sender],
  );
  return Number(row?.waiting ?? 0n);
}

export async function noteBroadcast(
  db: Queryable,
  attempt: RecordedAttempt,
  note: { answer: string; nextCheckAt: Date; at: Date },
): Promise<void> {
  await db.query(
    `UPDATE settlement_attempts
     SET broadcast_count = broadcast_count + 1, last_broadcast_at = $3, last_sighting = $4,
         next_check_at = $5, updated_at = $3
     WHERE network = $1 AND attempt_id = $2 AND state = 'OPEN'`,
    [attempt.network, attempt.attemptId, note.at, note.answer, note.nextCheckAt],
  );
}

/** Notes a sighting that ends nothing. A block that is gone is forgotten. `nextCheckAt` null: as it was. */
export async function noteSighting(
  db: Queryable,
  attempt: RecordedAttempt,
  note: {
    sighting: string;
    block: BlockReference | null | 'unchanged';
    nextCheckAt: Date | null;
    at: Date;
  },
): Promise<void> {
  const values = [
    attempt.network,
    attempt.attemptId,
    note.sighting.slice(0, 500),
    note.nextCheckAt,
    note.at,
  ];
  if (note.block === 'unchanged') {
    await db.query(
      `UPDATE settlement_attempts
       SET last_sighting = $3, next_check_at = coalesce($4, next_check_at), updated_at = $5
       WHERE network = $1 AND attempt_id = $2 AND state = 'OPEN'`,
      values,
    );
    return;
  }
  await db.query(
    `UPDATE settlement_attempts
     SET last_sighting = $3, next_check_at = coalesce($4, next_check_at), updated_at = $5,
         block_number = $6, block_hash = $7
     WHERE network = $1 AND attempt_id = $2 AND state = 'OPEN'`,
    [...values, note.block?.number ?? null, note.block?.hash ?? null],
  );
}

/** Ends an open attempt. False where another worker has ended it. */
export async function endAttempt(
  tx: Tx,
  attempt: Pick<RecordedAttempt, 'network' | 'attemptId'>,
  end: {
    state: 'LANDED' | 'DEAD';
    sighting: string;
    proof: Json;
    block: BlockReference | null;
    feeUnits: bigint | null;
    at: Date;
  },
): Promise<boolean> {
  const changed = await tx.query(
    `UPDATE settlement_attempts
     SET state = $3, last_sighting = $4, proof = $5, block_number = $6, block_hash = $7,
         fee_units = $8, updated_at = $9
     WHERE network = $1 AND attempt_id = $2 AND state = 'OPEN'
     RETURNING attempt_id`,
    [
      attempt.network,
      attempt.attemptId,
      end.state,
      end.sighting.slice(0, 500),
      JSON.stringify(end.proof),
      end.block?.number ?? null,
      end.block?.hash ?? null,
      end.feeUnits,
      end.at,
    ],
  );
  return changed.length === 1;
}

/** Sets the fate of open items of an attempt: of one payout, or of all. Gives how many changed. */
export async function setFate(
  tx: Tx,
  item: {
    network: NetworkId;
    attemptId: string;
    payoutId: string | null;
    fate: 'PAID' | 'REFUSED' | 'DEAD';
    reason: string | null;
    proof: Json;
  },
): Promise<number> {
  const changed = await tx.query(
    `UPDATE settlement_attempt_items SET fate = $4, reason = $5, proof = $6
     WHERE network = $1 AND attempt_id = $2 AND fate = 'OPEN'
       AND ($3::uuid IS NULL OR payout_id = $3)
     RETURNING payout_id`,
    [
      item.network,
      item.attemptId,
      item.payoutId,
      item.fate,
      item.reason,
      JSON.stringify(item.proof),
    ],
  );
  return changed.length;
}

/** The other attempts under a fence that are not proven dead. */
export async function listLiveSiblings(
  tx: Tx,
  attempt: Pick<RecordedAttempt, 'network' | 'attemptId' | 'fence'>,
): Promise<{ attemptId: string; state: 'OPEN' | 'LANDED' }[]> {
  const rows = await tx.query<{ attempt_id: string; state: 'OPEN' | 'LANDED' }>(
    `SELECT attempt_id, state FROM settlement_attempts
     WHERE network = $1 AND fence = $2 AND attempt_id <> $3 AND state <> 'DEAD'`,
    [attempt.network, attempt.fence, attempt.attemptId],
  );
  return rows.map((row) => ({ attemptId: row.attempt_id, state: row.state }));
}

/** Whether anything was ever signed for a payout. */
export async function wasEverSigned(
  db: Queryable,
  network: NetworkId,
  payoutId: string,
): Promise<boolean> {
  const rows = await db.query(
    `SELECT attempt_id FROM settlement_attempt_items WHERE network = $1 AND payout_id = $2 LIMIT 1`,
    [network, payoutId],
  );
  return rows.length > 0;
}

/** Whether a transaction is one of settlement's own attempts. */
export async function isRecorded(
  db: Queryable,
  network: NetworkId,
  transactionHash: string,
): Promise<boolean> {
  const rows = await db.query(
    `SELECT attempt_id FROM settlement_attempts WHERE network = $1 AND transaction_hash = $2`,
    [network, transactionHash],
  );
  return rows.length > 0;
}
