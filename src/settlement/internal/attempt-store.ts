import { assert } from '../../base/assert.ts';
import { later } from '../../base/clock.ts';
import type { Json } from '../../base/json.ts';
import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';
import type { BlockReference, SignedAttempt } from '../../networks/network.ts';
import type { Order } from '../order.ts';

/** An attempt that the database holds. Only what carries such an attempt is ever sent. */
export interface RecordedAttempt {
  readonly network: NetworkId;
  readonly attemptId: string;
  readonly fence: string;
  readonly payer: string;
  readonly authority: Uint8Array;
  readonly authorityHash: string;
  readonly validUntil: Date | null;
  readonly validUntilBlock: bigint | null;
  readonly sinceBlock: bigint;
  readonly createdAt: Date;
  readonly orders: readonly Pick<Order, 'payoutId' | 'token' | 'units' | 'toAddress' | 'traceId'>[];
  /** Newest first. */
  readonly transactionHashes: readonly string[];
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
       (network, attempt_id, fence, payer, authority, authority_hash, valid_until, valid_until_block,
        since_block, state, next_check_at, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'OPEN', $10, $11, $11)`,
    [
      network,
      attemptId,
      signed.fence,
      signed.payer,
      Buffer.from(signed.authority),
      signed.authorityHash,
      signed.validUntil,
      signed.validUntilBlock,
      signed.sinceBlock,
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

/** Asserts what the orders' states say already: nothing alive pays one of these payouts. */
export async function assertNothingAlive(
  tx: Tx,
  network: NetworkId,
  payoutIds: readonly string[],
): Promise<void> {
  const alive = await tx.query<{ payout_id: string }>(
    `SELECT payout_id FROM settlement_attempt_items
     WHERE network = $1 AND payout_id = ANY($2::uuid[]) AND fate IN ('OPEN', 'PAID')`,
    [network, payoutIds],
  );
  const [first] = alive;
  assert(first === undefined, `payout ${first?.payout_id} has a live attempt`);
}

/** Those of the attempts that are recorded. */
export async function listKnownAttempts(
  db: Queryable,
  network: NetworkId,
  attemptIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ attempt_id: string }>(
    `SELECT attempt_id FROM settlement_attempts
     WHERE network = $1 AND attempt_id = ANY($2::uuid[])`,
    [network, attemptIds],
  );
  return new Set(rows.map((row) => row.attempt_id));
}

/**
 * Open attempts whose next check is due; their next check is moved on, so that workers share them. One
 * that lies beyond the longest wait was set by a clock that ran ahead, and is due as well.
 */
export async function claimDueAttempts(
  db: Queryable,
  want: { network: NetworkId; limit: number; leaseMs: number; longestMs: number; now: Date },
): Promise<RecordedAttempt[]> {
  const beyond = later(want.now, 2 * want.longestMs);
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

/** What lies in a block that has become final since is due now. */
export async function wakeIncluded(
  db: Queryable,
  want: { network: NetworkId; finalNumber: bigint; now: Date },
): Promise<void> {
  await db.query(
    `UPDATE settlement_attempts SET next_check_at = $3
     WHERE network = $1 AND state = 'OPEN' AND block_number <= $2 AND next_check_at > $3`,
    [want.network, want.finalNumber, want.now],
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
  payer: string;
  authority: Buffer;
  authority_hash: string;
  valid_until: Date | null;
  valid_until_block: bigint | null;
  since_block: bigint;
  created_at: Date;
}

interface ItemRow {
  attempt_id: string;
  payout_id: string;
  token: Token;
  units: bigint;
  to_address: string;
  trace_id: string | null;
}

export async function loadAttempts(
  db: Queryable,
  network: NetworkId,
  attemptIds: readonly string[],
): Promise<RecordedAttempt[]> {
  if (attemptIds.length === 0) return [];
  const attempts = await db.query<AttemptRow>(
    `SELECT attempt_id, fence, payer, authority, authority_hash, valid_until, valid_until_block,
            since_block, created_at
     FROM settlement_attempts
     WHERE network = $1 AND attempt_id = ANY($2::uuid[]) ORDER BY created_at, attempt_id`,
    [network, attemptIds],
  );
  const items = await db.query<ItemRow>(
    `SELECT i.attempt_id, o.payout_id, o.token, o.units, o.to_address, o.trace_id
     FROM settlement_attempt_items i
     JOIN settlement_orders o ON o.network = i.network AND o.payout_id = i.payout_id
     WHERE i.network = $1 AND i.attempt_id = ANY($2::uuid[]) ORDER BY i.attempt_id, i.position`,
    [network, attemptIds],
  );
  const carriers = await db.query<{ attempt_id: string; transaction_hash: string }>(
    `SELECT attempt_id, transaction_hash FROM settlement_transactions
     WHERE network = $1 AND attempt_id = ANY($2::uuid[])
     ORDER BY attempt_id, created_at DESC, transaction_hash`,
    [network, attemptIds],
  );
  const itemsOf = Map.groupBy(items, (row) => row.attempt_id);
  const carriersOf = Map.groupBy(carriers, (row) => row.attempt_id);
  return attempts.map((row) => ({
    ...toAttempt(network, row),
    orders: ordersOf(itemsOf.get(row.attempt_id) ?? []),
    transactionHashes: (carriersOf.get(row.attempt_id) ?? []).map((it) => it.transaction_hash),
  }));
}

function toAttempt(
  network: NetworkId,
  row: AttemptRow,
): Omit<RecordedAttempt, 'orders' | 'transactionHashes'> {
  return {
    network,
    attemptId: row.attempt_id,
    fence: row.fence,
    payer: row.payer,
    authority: new Uint8Array(row.authority),
    authorityHash: row.authority_hash,
    validUntil: row.valid_until,
    validUntilBlock: row.valid_until_block,
    sinceBlock: row.since_block,
    createdAt: row.created_at,
  };
}

function ordersOf(rows: readonly ItemRow[]): RecordedAttempt['orders'] {
  assert(rows.length > 0, 'an attempt has at least one payout');
  return rows.map((row) => ({
    payoutId: row.payout_id,
    token: row.token,
    units: row.units,
    toAddress: row.to_address,
    traceId: row.trace_id,
  }));
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
    landed: { transactionHash: string; block: BlockReference; feeUnits: bigint } | null;
    at: Date;
  },
): Promise<boolean> {
  const changed = await tx.query(
    `UPDATE settlement_attempts
     SET state = $3, last_sighting = $4, proof = $5, transaction_hash = $6, block_number = $7,
         block_hash = $8, fee_units = $9, updated_at = $10
     WHERE network = $1 AND attempt_id = $2 AND state = 'OPEN'
     RETURNING attempt_id`,
    [
      attempt.network,
      attempt.attemptId,
      end.state,
      end.sighting.slice(0, 500),
      JSON.stringify(end.proof),
      end.landed?.transactionHash ?? null,
      end.landed?.block.number ?? null,
      end.landed?.block.hash ?? null,
      end.landed?.feeUnits ?? null,
      end.at,
    ],
  );
  return changed.length === 1;
}

export interface ItemEnd {
  readonly payoutId: string;
  readonly fate: 'PAID' | 'REFUSED' | 'DEAD';
  readonly reason: string | null;
  readonly proof: Json;
  readonly feeUnits: bigint | null;
}

/** Sets the fates of open items of an attempt. Gives how many changed. */
export async function setFates(
  tx: Tx,
  attempt: Pick<RecordedAttempt, 'network' | 'attemptId'>,
  ends: readonly ItemEnd[],
): Promise<number> {
  const changed = await tx.query(
    `UPDATE settlement_attempt_items AS i
     SET fate = e.fate, reason = e.reason, proof = e.proof, fee_units = e.fee_units
     FROM unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::numeric[])
       AS e (payout_id, fate, reason, proof, fee_units)
     WHERE i.network = $1 AND i.attempt_id = $2 AND i.payout_id = e.payout_id AND i.fate = 'OPEN'
     RETURNING i.payout_id`,
    [
      attempt.network,
      attempt.attemptId,
      ends.map((end) => end.payoutId),
      ends.map((end) => end.fate),
      ends.map((end) => end.reason),
      ends.map((end) => JSON.stringify(end.proof)),
      ends.map((end) => end.feeUnits),
    ],
  );
  return changed.length;
}
