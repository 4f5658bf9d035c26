import type { Queryable } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';

/** In units of the asset. */
export interface PaidSum {
  readonly network: NetworkId;
  readonly token: Token;
  readonly units: bigint;
}

/** The PAID orders of every network: all, or those whose payouts were told so. Reads every order. */
export async function sumPaid(db: Queryable, which: 'all' | 'told'): Promise<PaidSum[]> {
  const rows = await db.query<PaidSum>(
    `SELECT network, token, sum(units) AS units FROM settlement_orders
     WHERE state = 'PAID' AND (reported_version = version OR $1)
     GROUP BY network, token ORDER BY network, token`,
    [which === 'all'],
  );
  return rows.map(({ network, token, units }) => ({ network, token, units }));
}
