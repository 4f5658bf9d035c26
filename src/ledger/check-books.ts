import type { Queryable } from '../database/database.ts';

/** A sentence for each way in which a business's books do not balance; empty where they do. */
export async function checkBooks(db: Queryable, businessId: string): Promise<string[]> {
  const [totals, balances, holds] = await Promise.all([
    unbalancedTokens(db, businessId),
    wrongBalances(db, businessId),
    wrongHolds(db, businessId),
  ]);
  return [...totals, ...balances, ...holds];
}

async function unbalancedTokens(db: Queryable, businessId: string): Promise<string[]> {
  const rows = await db.query<{ token: string; difference: bigint }>(
    `SELECT token, sum(CASE WHEN kind = 'CUSTODY' THEN balance_units ELSE -balance_units END) AS difference
     FROM ledger_accounts WHERE business_id = $1 GROUP BY token
     HAVING sum(CASE WHEN kind = 'CUSTODY' THEN balance_units ELSE -balance_units END) <> 0`,
    [businessId],
  );
  return rows.map((row) => `${row.token}: debits less credits are ${row.difference} units`);
}

/** Each balance must be the sum of the account's transfers. */
async function wrongBalances(db: Queryable, businessId: string): Promise<string[]> {
  const rows = await db.query<{ kind: string; token: string; difference: bigint }>(
    `SELECT a.kind, a.token, a.balance_units - coalesce(t.net, 0) AS difference
     FROM ledger_accounts a
     LEFT JOIN (
       SELECT side.account_id, sum(side.units) AS net FROM (
         SELECT credit_account_id AS account_id, units FROM ledger_transfers WHERE business_id = $1
         UNION ALL
         SELECT debit_account_id, CASE WHEN kind = 'CREDIT' THEN units ELSE -units END
         FROM ledger_transfers WHERE business_id = $1
       ) side GROUP BY side.account_id
     ) t ON t.account_id = a.account_id
     WHERE a.business_id = $1 AND a.balance_units <> coalesce(t.net, 0)`,
    [businessId],
  );
  return rows.map(
    (row) => `${row.kind} ${row.token}: balance less transfers is ${row.difference} units`,
  );
}

async function wrongHolds(db: Queryable, businessId: string): Promise<string[]> {
  const rows = await db.query<{ token: string; difference: bigint }>(
    `SELECT a.token, a.held_units - coalesce(h.units, 0) AS difference
     FROM ledger_accounts a
     LEFT JOIN (
       SELECT account_id, sum(units) AS units FROM ledger_holds
       WHERE business_id = $1 AND state = 'HELD' GROUP BY account_id
     ) h ON h.account_id = a.account_id
     WHERE a.business_id = $1 AND a.held_units <> coalesce(h.units, 0)`,
    [businessId],
  );
  return rows.map((row) => `${row.token}: held less open holds is ${row.difference} units`);
}
