import { present } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { isUuid, type IdSource } from '../base/id.ts';
import type { Queryable, Tx } from '../database/database.ts';
import { listAccounts, openAccount, type LedgerAccount } from '../ledger/account.ts';
import type { Token } from '../money/asset.ts';

/**
 * The balance of one token that payouts spend ("payout wallet" in the API). Its id is that of its
 * ledger account. All units are ledger units: 10^-18 of the token.
 */
export interface ApiAccount {
  readonly businessId: string;
  readonly apiAccountId: string;
  readonly token: Token;
  /** The user who opened it. */
  readonly userId: string;
  readonly balanceUnits: bigint;
  /** The part of the balance that open payouts have reserved. */
  readonly heldUnits: bigint;
  /** What a new payout can spend: balance less holds. */
  readonly availableUnits: bigint;
  readonly createdAt: Date;
  /** When the balance or the holds last changed. */
  readonly updatedAt: Date;
}

/** Opens the account of a token, empty. Throws API_ACCOUNT_EXISTS: a business has one a token. */
export async function createApiAccount(
  tx: Tx,
  ids: IdSource,
  order: {
    readonly businessId: string;
    readonly userId: string;
    readonly token: Token;
    readonly at: Date;
  },
): Promise<ApiAccount> {
  const { businessId, userId, token, at } = order;
  const apiAccountId = await openAccount(tx, {
    businessId,
    accountId: ids.next(),
    kind: 'API_ACCOUNT',
    token,
    at,
  });
  // Whichever key the second of two requests meets, it has come too late.
  const written = await tx.query(
    `INSERT INTO api_accounts (business_id, api_account_id, token, user_id, created_at)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT DO NOTHING
     RETURNING api_account_id`,
    [businessId, apiAccountId, token, userId, at],
  );
  if (written.length === 0) {
    throw new Fault('API_ACCOUNT_EXISTS', 'Payout wallet already exists');
  }
  return await getApiAccount(tx, { businessId, apiAccountId });
}

/** The accounts of a business, oldest first. */
export async function listApiAccounts(db: Queryable, businessId: string): Promise<ApiAccount[]> {
  const rows = await db.query<ApiAccountRow>(
    `SELECT ${COLUMNS} FROM api_accounts WHERE business_id = $1 ORDER BY api_account_id`,
    [businessId],
  );
  return await withBalances(db, businessId, rows);
}

/** Throws NOT_FOUND, for another business's account too. */
export async function getApiAccount(
  db: Queryable,
  key: { readonly businessId: string; readonly apiAccountId: string },
): Promise<ApiAccount> {
  const rows = isUuid(key.apiAccountId)
    ? await db.query<ApiAccountRow>(
        `SELECT ${COLUMNS} FROM api_accounts WHERE business_id = $1 AND api_account_id = $2`,
        [key.businessId, key.apiAccountId],
      )
    : [];
  const [account] = await withBalances(db, key.businessId, rows);
  if (account === undefined) throw new Fault('NOT_FOUND', 'Payout wallet not found');
  return account;
}

/** Throws API_ACCOUNT_NOT_FOUND where the business has opened none for the token. */
export async function getApiAccountOfToken(
  db: Queryable,
  key: { readonly businessId: string; readonly token: Token },
): Promise<ApiAccount> {
  const rows = await db.query<ApiAccountRow>(
    `SELECT ${COLUMNS} FROM api_accounts WHERE business_id = $1 AND token = $2`,
    [key.businessId, key.token],
  );
  const [account] = await withBalances(db, key.businessId, rows);
  if (account === undefined) {
    throw new Fault('API_ACCOUNT_NOT_FOUND', 'Wallet not found for the specified token');
  }
  return account;
}

const COLUMNS = 'api_account_id, token, user_id, created_at';

interface ApiAccountRow {
  api_account_id: string;
  token: Token;
  user_id: string;
  created_at: Date;
}

/** The rows were read first, and a ledger account is never removed, so each has its account. */
async function withBalances(
  db: Queryable,
  businessId: string,
  rows: readonly ApiAccountRow[],
): Promise<ApiAccount[]> {
  if (rows.length === 0) return [];
  const accounts = new Map(
    (await listAccounts(db, businessId)).map((account) => [account.accountId, account]),
  );
  return rows.map((row) => {
    const account = accounts.get(row.api_account_id);
    return toApiAccount(row, present(account, 'an API account has a ledger account'));
  });
}

function toApiAccount(row: ApiAccountRow, account: LedgerAccount): ApiAccount {
  return {
    businessId: account.businessId,
    apiAccountId: row.api_account_id,
    token: row.token,
    userId: row.user_id,
    balanceUnits: account.balanceUnits,
    heldUnits: account.heldUnits,
    availableUnits: account.balanceUnits - account.heldUnits,
    createdAt: row.created_at,
    updatedAt: account.updatedAt,
  };
}
