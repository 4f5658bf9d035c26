import type { Json } from '../../base/json.ts';
import { later } from '../../base/clock.ts';
import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';
import type { Order, OrderState } from '../order.ts';

const COLUMNS = `network, payout_id, business_id, token, units, to_address, state, fence, claim_token,
  transaction_hash, info, version, trace_id`;

interface OrderRow {
  network: NetworkId;
  payout_id: string;
  business_id: string;
  token: Token;
  units: bigint;
  to_address: string;
  state: OrderState;
  fence: string | null;
  claim_token: bigint;
  transaction_hash: string | null;
  info: string | null;
  version: number;
  trace_id: string | null;
}

function toOrder(row: OrderRow): Order {
  return {
    network: row.network,
    payoutId: row.payout_id,
    businessId: row.business_id,
    token: row.token,
    units: row.units,
    toAddress: row.to_address,
    state: row.state,
    fence: row.fence,
    claimToken: row.claim_token,
    transactionHash: row.transaction_hash,
    info: row.info,
    version: row.version,
    traceId: row.trace_id,
  };
}

export async function findOrder(
  db: Queryable,
  network: NetworkId,
  payoutId: string,
): Promise<Order | undefined> {
  const [row] = await db.query<OrderRow>(
    `SELECT ${COLUMNS} FROM settlement_orders WHERE network = $1 AND payout_id = $2`,
    [network, payoutId],
  );
  return row === undefined ? undefined : toOrder(row);
}

export interface DueQuestion {
  readonly network: NetworkId;
  readonly token: Token;
  readonly limit: number;
  /** Payouts that are left out. */
  readonly except?: readonly string[];
  readonly leaseMs: number;
  readonly now: Date;
}

/** What is due of one token: how many, up to the limit, and since when the oldest of them waits. */
export interface DueOrders {
  readonly count: number;
  readonly since: Date;
}

/** Undefined where nothing of the token is due. */
export async function findDue(db: Queryable, want: DueQuestion): Promise<DueOrders | undefined> {
  const rows = await db.query<{ available_at: Date }>(
    `SELECT available_at FROM settlement_orders
     WHERE network = $1 AND token = $2 AND state = 'QUEUED'
       AND (available_at <= $3 OR available_at > $5) AND payout_id <> ALL($6::uuid[])
     ORDER BY available_at LIMIT $4`,
    [
      want.network,
      want.token,
      want.now,
      want.limit,
      later(want.now, 2 * want.leaseMs),
      want.except ?? [],
    ],
  );
  const [first] = rows;
  return first === undefined ? undefined : { count: rows.length, since: first.available_at };
}

/**
 * Claims queued orders of one token, oldest first, by raising their tokens: a stale claim can record
 * nothing. An order put off beyond two leases was put off by a clock that ran ahead, and may be claimed
 * as well.
 */
export async function claimQueued(db: Queryable, want: DueQuestion): Promise<Order[]> {
  const beyond = later(want.now, 2 * want.leaseMs);
  const candidates = await db.query<{ payout_id: string; claim_token: bigint }>(
    `SELECT payout_id, claim_token FROM settlement_orders
     WHERE network = $1 AND token = $2 AND state = 'QUEUED'
       AND (available_at <= $3 OR available_at > $5) AND payout_id <> ALL($6::uuid[])
     ORDER BY available_at, payout_id LIMIT $4`,
    [want.network, want.token, want.now, want.limit, beyond, want.except ?? []],
  );
  if (candidates.length === 0) return [];
  const rows = await db.query<OrderRow>(
    `UPDATE settlement_orders AS o
     SET claim_token = o.claim_token + 1, available_at = $4
     FROM unnest($2::uuid[], $3::bigint[]) AS c (payout_id, claim_token)
     WHERE o.network = $1 AND o.payout_id = ANY($2::uuid[]) AND o.payout_id = c.payout_id
       AND o.claim_token = c.claim_token
       AND o.state = 'QUEUED' AND (o.available_at <= $5 OR o.available_at > $6)
     RETURNING ${COLUMNS.replaceAll(/(\w+)/g, 'o.$1')}`,
    [
      want.network,
      candidates.map((row) => row.payout_id),
      candidates.map((row) => row.claim_token),
      later(want.now, want.leaseMs),
      want.now,
      beyond,
    ],
  );
  return rows.map(toOrder).sort((a, b) => (a.payoutId < b.payoutId ? -1 : 1));
}

/** Gives claimed orders back until `availableAt`, with the reason; nothing of those whose claim is stale. */
export async function postponeOrders(
  db: Queryable,
  orders: readonly Order[],
  until: { availableAt: Date; reason: string | null; at: Date },
): Promise<void> {
  const [first] = orders;
  if (first === undefined) return;
  await db.query(
    `UPDATE settlement_orders AS o
     SET available_at = $4, waiting_for = $5, updated_at = $6
     FROM unnest($2::uuid[], $3::bigint[]) AS c (payout_id, claim_token)
     WHERE o.network = $1 AND o.payout_id = ANY($2::uuid[]) AND o.payout_id = c.payout_id
       AND o.claim_token = c.claim_token
       AND o.state = 'QUEUED'`,
    [
      first.network,
      orders.map((order) => order.payoutId),
      orders.map((order) => order.claimToken),
      until.availableAt,
      until.reason,
      until.at,
    ],
  );
}

/** Ends a claimed order for which nothing signed is alive. False where the claim is stale. */
export async function refuseQueued(
  db: Queryable,
  order: Order,
  refusal: { info: string; proof: Json; at: Date },
): Promise<boolean> {
  const changed = await db.query(
    `UPDATE settlement_orders
     SET state = 'REFUSED', transaction_hash = NULL, info = $4, proof = $5, waiting_for = NULL,
         version = version + 1, updated_at = $6
     WHERE network = $1 AND payout_id = $2 AND claim_token = $3 AND state = 'QUEUED'
     RETURNING payout_id`,
    [
      order.network,
      order.payoutId,
      order.claimToken,
      refusal.info,
      JSON.stringify(refusal.proof),
      refusal.at,
    ],
  );
  return changed.length === 1;
}

/** Ties claimed, queued orders to their attempt's fence. False where the claim of one of them is stale. */
export async function putInFlight(
  tx: Tx,
  orders: readonly Order[],
  attempt: { network: NetworkId; fence: string; transactionHash: string; at: Date },
): Promise<boolean> {
  const changed = await tx.query(
    `UPDATE settlement_orders AS o
     SET state = 'IN_FLIGHT', fence = $4, transaction_hash = $5, waiting_for = NULL,
         version = o.version + 1, updated_at = $6
     FROM unnest($2::uuid[], $3::bigint[]) AS c (payout_id, claim_token)
     WHERE o.network = $1 AND o.payout_id = ANY($2::uuid[]) AND o.payout_id = c.payout_id
       AND o.claim_token = c.claim_token
       AND o.state = 'QUEUED' AND o.fence IS NULL
     RETURNING o.payout_id`,
    [
      attempt.network,
      orders.map((order) => order.payoutId),
      orders.map((order) => order.claimToken),
      attempt.fence,
      attempt.transactionHash,
      attempt.at,
    ],
  );
  return changed.length === orders.length;
}

/** The newest transaction that may pay the orders in flight under a fence. */
export async function noteNewTransaction(
  tx: Tx,
  flight: { network: NetworkId; fence: string; transactionHash: string; at: Date },
): Promise<void> {
  await tx.query(
    `UPDATE settlement_orders
     SET transaction_hash = $3, version = version + 1, updated_at = $4
     WHERE network = $1 AND fence = $2 AND state = 'IN_FLIGHT'`,
    [flight.network, flight.fence, flight.transactionHash, flight.at],
  );
}

export interface ProvenEnd {
  readonly payoutId: string;
  readonly state: 'PAID' | 'REFUSED';
  readonly info: string | null;
  readonly proof: Json;
}

/** Ends orders in flight under `fence` with what is proven. Gives how many of them were in that flight. */
export async function endInFlight(
  tx: Tx,
  flight: { network: NetworkId; fence: string; transactionHash: string; at: Date },
  ends: readonly ProvenEnd[],
): Promise<number> {
  const changed = await tx.query(
    `UPDATE settlement_orders AS o
     SET state = e.state, transaction_hash = $3, info = e.info, proof = e.proof,
         version = o.version + 1, updated_at = $4
     FROM unnest($5::uuid[], $6::text[], $7::text[], $8::jsonb[]) AS e (payout_id, state, info, proof)
     WHERE o.network = $1 AND o.payout_id = e.payout_id AND o.state = 'IN_FLIGHT' AND o.fence = $2
     RETURNING o.payout_id`,
    [
      flight.network,
      flight.fence,
      flight.transactionHash,
      flight.at,
      ends.map((end) => end.payoutId),
      ends.map((end) => end.state),
      ends.map((end) => end.info),
      ends.map((end) => JSON.stringify(end.proof)),
    ],
  );
  return changed.length;
}

/**
 * Back to the queue from the flight under `fence`, which is proven unable to pay them. Gives how many of
 * them were in that flight.
 */
export async function requeue(
  tx: Tx,
  flight: { network: NetworkId; fence: string; availableAt: Date; at: Date },
  payoutIds: readonly string[],
): Promise<number> {
  const changed = await tx.query(
    `UPDATE settlement_orders
     SET state = 'QUEUED', fence = NULL, available_at = $4, claim_token = claim_token + 1,
         updated_at = $5
     WHERE network = $1 AND state = 'IN_FLIGHT' AND fence = $2 AND payout_id = ANY($3::uuid[])
     RETURNING payout_id`,
    [flight.network, flight.fence, payoutIds, flight.availableAt, flight.at],
  );
  return changed.length;
}

/**
 * Units that are signed for but in no block yet: the treasury's balance still holds them. Looked for from
 * the few attempts that wait for a block: what lies in one and is not final yet is many times more.
 */
export async function unitsOnTheWay(
  db: Queryable,
  network: NetworkId,
  token: Token,
): Promise<bigint> {
  const [row] = await db.query<{ units: bigint }>(
    `SELECT coalesce(sum(o.units), 0) AS units FROM settlement_attempts a
     JOIN settlement_orders o
       ON o.network = $1 AND o.fence = a.fence AND o.state = 'IN_FLIGHT' AND o.token = $2
     WHERE a.network = $1 AND a.state = 'OPEN' AND a.block_number IS NULL`,
    [network, token],
  );
  return row?.units ?? 0n;
}

/**
 * The payouts in flight under an attempt's fence, sorted. Their orders stay locked to the transaction's
 * end, so that verdicts on the attempts of one fence take turns.
 */
export async function lockFlight(
  tx: Tx,
  attempt: { readonly network: NetworkId; readonly fence: string },
): Promise<string[]> {
  const rows = await tx.query<{ payout_id: string }>(
    `SELECT payout_id FROM settlement_orders
     WHERE network = $1 AND state = 'IN_FLIGHT' AND fence = $2 ORDER BY payout_id FOR UPDATE`,
    [attempt.network, attempt.fence],
  );
  return rows.map((row) => row.payout_id);
}
