import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';
import type { Order, OrderState } from '../order.ts';
import { addToTotals, type Totalled } from './order-sums.ts';

/** What an order says now, as of its version. */
export type OrderNews = Pick<
  Order,
  'network' | 'payoutId' | 'businessId' | 'state' | 'transactionHash' | 'info' | 'version'
>;

interface NewsRow {
  payout_id: string;
  business_id: string;
  state: OrderState;
  transaction_hash: string | null;
  info: string | null;
  version: number;
}

/**
 * Orders with news that their payouts have not had, oldest news first, but for those in `except`. That
 * one was signed is news only once it is as old as `signedUntil`; what is newer than `now` is from a clock
 * that ran ahead.
 */
export async function listUnreported(
  db: Queryable,
  want: {
    network: NetworkId;
    limit: number;
    except: readonly string[];
    signedUntil: Date;
    now: Date;
  },
): Promise<OrderNews[]> {
  const rows = await db.query<NewsRow>(
    `SELECT payout_id, business_id, state, transaction_hash, info, version FROM settlement_orders
     WHERE network = $1 AND reported_version < version AND payout_id <> ALL($3::uuid[])
       AND (state IN ('PAID', 'REFUSED') OR updated_at <= $4 OR updated_at > $5)
     ORDER BY updated_at LIMIT $2`,
    [want.network, want.limit, want.except, want.signedUntil, want.now],
  );
  return rows.map((row) => ({
    network: want.network,
    payoutId: row.payout_id,
    businessId: row.business_id,
    state: row.state,
    transactionHash: row.transaction_hash,
    info: row.info,
    version: row.version,
  }));
}

/** Those of the payouts for which anything was ever signed. */
export async function listEverSigned(
  db: Queryable,
  network: NetworkId,
  payoutIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (payoutIds.length === 0) return new Set();
  const rows = await db.query<{ payout_id: string }>(
    `SELECT DISTINCT payout_id FROM settlement_attempt_items
     WHERE network = $1 AND payout_id = ANY($2::uuid[])`,
    [network, payoutIds],
  );
  return new Set(rows.map((row) => row.payout_id));
}

/**
 * Notes that payouts of one network have heard of their orders' versions; what has been noted already
 * stays. A payout that has heard that it is paid is brought into the total of its asset, once. The orders are locked in the order of their payouts first: the plan of an UPDATE with a join
 * has an order of its own, and would wait for others that wait for it.
 */
export async function markReported(tx: Tx, news: readonly OrderNews[]): Promise<void> {
  const [first] = news;
  if (first === undefined) return;
  const payoutIds = news.map((order) => order.payoutId);
  await tx.query(
    `SELECT payout_id FROM settlement_orders
     WHERE network = $1 AND payout_id = ANY($2::uuid[]) ORDER BY payout_id FOR UPDATE`,
    [first.network, payoutIds],
  );
  // Without ANY a plan made before there are statistics reads every order of the network.
  const noted = await tx.query<Totalled & { is_totalled: boolean | null }>(
    `UPDATE settlement_orders AS o SET reported_version = r.version,
       is_totalled = CASE WHEN o.state = 'PAID' AND o.version = r.version THEN true END
     FROM unnest($2::uuid[], $3::integer[]) AS r (payout_id, version)
     WHERE o.network = $1 AND o.payout_id = ANY($2::uuid[]) AND o.payout_id = r.payout_id
       AND o.reported_version < r.version
     RETURNING o.token, o.units, o.is_totalled`,
    [first.network, payoutIds, news.map((order) => order.version)],
  );
  const totalled = noted.filter((order) => order.is_totalled === true);
  await addToTotals(tx, first.network, totalled);
}
