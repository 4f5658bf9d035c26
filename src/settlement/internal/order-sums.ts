import type { Database, Queryable, Tx } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';

/** In units of the asset. */
export interface PaidSum {
  readonly network: NetworkId;
  readonly token: Token;
  readonly units: bigint;
}

/**
 * The PAID orders of every network: all, or those whose payouts were told so. Reads the total that is kept
 * of the told ones, and the few orders that are not in it yet: one statement, so that each is counted once.
 */
export async function sumPaid(db: Queryable, which: 'all' | 'told'): Promise<PaidSum[]> {
  const rows = await db.query<PaidSum>(
    `SELECT s.network, s.token, sum(s.units) AS units FROM (
       SELECT network, token, units FROM settlement_totals
       UNION ALL
       SELECT network, token, units FROM settlement_orders
       WHERE state = 'PAID' AND is_totalled IS NULL AND (reported_version = version OR $1)
     ) AS s GROUP BY s.network, s.token ORDER BY s.network, s.token`,
    [which === 'all'],
  );
  return rows.map(({ network, token, units }) => ({ network, token, units }));
}

/** The same by the orders alone. Reads every one. */
export async function recountPaid(db: Queryable, which: 'all' | 'told'): Promise<PaidSum[]> {
  const rows = await db.query<PaidSum>(
    `SELECT network, token, sum(units) AS units FROM settlement_orders
     WHERE state = 'PAID' AND (reported_version = version OR $1)
     GROUP BY network, token ORDER BY network, token`,
    [which === 'all'],
  );
  return rows.map(({ network, token, units }) => ({ network, token, units }));
}

/** A total that is kept, and what the orders that are marked as being in it add up to, where these differ. */
export interface WrongTotal {
  readonly network: NetworkId;
  readonly token: Token;
  readonly keptUnits: bigint;
  readonly countedUnits: bigint;
}

/** Reads every order. */
export async function findWrongTotals(db: Queryable): Promise<WrongTotal[]> {
  const rows = await db.query<{ network: NetworkId; token: Token; kept: bigint; counted: bigint }>(
    `SELECT s.network, s.token, sum(s.kept) AS kept, sum(s.counted) AS counted FROM (
       SELECT network, token, units AS kept, 0 AS counted FROM settlement_totals
       UNION ALL
       SELECT network, token, 0, units FROM settlement_orders WHERE is_totalled
     ) AS s GROUP BY s.network, s.token HAVING sum(s.kept) <> sum(s.counted)
     ORDER BY s.network, s.token`,
  );
  return rows.map(({ network, token, kept, counted }) => ({
    network,
    token,
    keptUnits: kept,
    countedUnits: counted,
  }));
}

/** An order that has just been marked as totalled. */
export interface Totalled {
  readonly token: Token;
  readonly units: bigint;
}

/** For the transaction that marks them, as its last statement: others wait for the row. */
export async function addToTotals(
  tx: Tx,
  network: NetworkId,
  orders: readonly Totalled[],
): Promise<void> {
  if (orders.length === 0) return;
  const sums = [...Map.groupBy(orders, ({ token }) => token)]
    .map(([token, group]) => ({ token, units: group.reduce((sum, { units }) => sum + units, 0n) }))
    .sort((a, b) => (a.token < b.token ? -1 : 1));
  await tx.query(
    `INSERT INTO settlement_totals (network, token, units)
     SELECT $1::text, t.token, t.units FROM unnest($2::text[], $3::numeric[]) AS t (token, units)
     ORDER BY t.token
     ON CONFLICT (network, token) DO UPDATE SET units = settlement_totals.units + excluded.units`,
    [network, sums.map(({ token }) => token), sums.map(({ units }) => units)],
  );
}

/**
 * Brings orders into the totals whose telling was noted without that: by a version before. Those after a
 * payout, in the order of their payouts. Gives the last of them; undefined where there is none.
 */
export async function totalOlder(
  database: Database,
  want: { readonly network: NetworkId; readonly after: string; readonly limit: number },
): Promise<string | undefined> {
  return await database.transaction(async (tx) => {
    const orders = await tx.query<{ payout_id: string }>(
      `SELECT payout_id FROM settlement_orders
       WHERE network = $1 AND payout_id > $2 AND state = 'PAID' AND is_totalled IS NULL
         AND reported_version = version
       ORDER BY payout_id LIMIT $3 FOR UPDATE`,
      [want.network, want.after, want.limit],
    );
    if (orders.length === 0) return undefined;
    const marked = await tx.query<Totalled>(
      `UPDATE settlement_orders SET is_totalled = true
       WHERE network = $1 AND payout_id = ANY($2::uuid[]) AND is_totalled IS NULL
       RETURNING token, units`,
      [want.network, orders.map((order) => order.payout_id)],
    );
    await addToTotals(tx, want.network, marked);
    return orders.at(-1)?.payout_id;
  });
}
