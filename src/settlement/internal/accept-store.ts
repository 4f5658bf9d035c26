import type { Queryable } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';
import type { Order } from '../order.ts';

export type NewOrder = Pick<
  Order,
  'network' | 'payoutId' | 'businessId' | 'token' | 'units' | 'toAddress' | 'traceId'
>;

/**
 * Adds orders of one network, each once: one that is there already stays as it is. In the order of
 * their payouts, so that two workers with the same orders do not wait for each other.
 */
export async function insertOrders(
  db: Queryable,
  orders: readonly NewOrder[],
  at: Date,
): Promise<void> {
  const [first] = orders;
  if (first === undefined) return;
  await db.query(
    `INSERT INTO settlement_orders
       (network, payout_id, business_id, token, units, to_address, state, available_at, claim_token,
        version, reported_version, created_at, updated_at, trace_id)
     SELECT $1, o.payout_id, o.business_id, o.token, o.units, o.to_address, 'QUEUED', $8, 0, 0, 0, $8, $8,
            o.trace_id
     FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::numeric[], $6::text[],
                 $7::text[])
       AS o (payout_id, business_id, token, units, to_address, trace_id)
     ORDER BY o.payout_id
     ON CONFLICT (network, payout_id) DO NOTHING`,
    [
      first.network,
      orders.map((order) => order.payoutId),
      orders.map((order) => order.businessId),
      orders.map((order) => order.token),
      orders.map((order) => order.units),
      orders.map((order) => order.toAddress),
      orders.map((order) => order.traceId),
      at,
    ],
  );
}

/** Those of the payouts that have an order. */
export async function listOrdered(
  db: Queryable,
  network: NetworkId,
  payoutIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (payoutIds.length === 0) return new Set();
  const rows = await db.query<{ payout_id: string }>(
    `SELECT payout_id FROM settlement_orders WHERE network = $1 AND payout_id = ANY($2::uuid[])`,
    [network, payoutIds],
  );
  return new Set(rows.map((row) => row.payout_id));
}
