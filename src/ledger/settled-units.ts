import type { Queryable } from '../database/database.ts';
import type { Token } from '../money/asset.ts';

/** What all businesses together have paid out for good, by token, in ledger units (10^-18). */
export async function sumSettled(db: Queryable): Promise<ReadonlyMap<Token, bigint>> {
  const rows = await db.query<{ token: Token; units: bigint }>(
    `SELECT token, sum(balance_units) AS units FROM ledger_accounts
     WHERE kind = 'SETTLED' GROUP BY token`,
  );
  return new Map(rows.map((row) => [row.token, row.units]));
}
