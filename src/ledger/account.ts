import { present } from '../base/assert.ts';
import type { Queryable, Tx } from '../database/database.ts';
import type { Token } from '../money/asset.ts';

/** The chart of accounts: see migrations/0002-ledger.sql. Accounts are locked in this order. */
export type AccountKind = 'CUSTODY' | 'BUSINESS_WALLET' | 'API_ACCOUNT' | 'SETTLED';

/** All units here are ledger units: 10^-18 of the token. */
export interface LedgerAccount {
  readonly businessId: string;
  readonly accountId: string;
  readonly kind: AccountKind;
  readonly token: Token;
  readonly balanceUnits: bigint;
  /** The part of the balance that open payouts have reserved. */
  readonly heldUnits: bigint;
  /** When the balance or the holds last changed. */
  readonly updatedAt: Date;
}

interface AccountKey {
  readonly businessId: string;
  readonly kind: AccountKind;
  readonly token: Token;
}

/** Opens the account if the business has none of that kind and token; gives its id either way. */
export async function openAccount(
  tx: Tx,
  account: AccountKey & { readonly accountId: string; readonly at: Date },
): Promise<string> {
  await tx.query(
    `INSERT INTO ledger_accounts
       (business_id, account_id, kind, token, balance_units, held_units, created_at, updated_at)
     VALUES ($1, $2, $3, $4, 0, 0, $5, $5)
     ON CONFLICT (business_id, kind, token) DO NOTHING`,
    [account.businessId, account.accountId, account.kind, account.token, account.at],
  );
  return present(await findAccount(tx, account), 'an opened account exists').accountId;
}

export async function findAccount(
  db: Queryable,
  key: AccountKey,
): Promise<LedgerAccount | undefined> {
  const [row] = await db.query<AccountRow>(
    `SELECT ${COLUMNS} FROM ledger_accounts WHERE business_id = $1 AND kind = $2 AND token = $3`,
    [key.businessId, key.kind, key.token],
  );
  return row === undefined ? undefined : toAccount(row);
}

/** Every account of a business, by token and kind. */
export async function listAccounts(db: Queryable, businessId: string): Promise<LedgerAccount[]> {
  const rows = await db.query<AccountRow>(
    `SELECT ${COLUMNS} FROM ledger_accounts WHERE business_id = $1 ORDER BY token, kind`,
    [businessId],
  );
  return rows.map(toAccount);
}

const COLUMNS = 'business_id, account_id, kind, token, balance_units, held_units, updated_at';

interface AccountRow {
  business_id: string;
  account_id: string;
  kind: AccountKind;
  token: Token;
  balance_units: bigint;
  held_units: bigint;
  updated_at: Date;
}

function toAccount(row: AccountRow): LedgerAccount {
  return {
    businessId: row.business_id,
    accountId: row.account_id,
    kind: row.kind,
    token: row.token,
    balanceUnits: row.balance_units,
    heldUnits: row.held_units,
    updatedAt: row.updated_at,
  };
}
