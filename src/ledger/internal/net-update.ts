import { assert } from '../../base/assert.ts';
import type { Tx } from '../../database/database.ts';
import type { Token } from '../../money/asset.ts';

type Kind = 'API_ACCOUNT' | 'SETTLED';

export interface AccountToLock {
  readonly businessId: string;
  readonly kind: Kind;
  readonly token: Token;
  /** The account's own; of a SETTLED account, the one that it gets if it is opened here. */
  readonly accountId: string;
  readonly at: Date;
}

/**
 * Locks accounts in the order given, to the transaction's end, and opens SETTLED accounts that are
 * not there. An INSERT takes its rows one after another, and ON CONFLICT locks each row that is there
 * even where its WHERE lets nothing be written. Of an UPDATE with a join the plan would decide the order, and
 * two transactions that share accounts could wait for each other; SELECT FOR UPDATE over several
 * businesses is more than a distributed engine takes.
 */
export async function lockAccounts(tx: Tx, accounts: readonly AccountToLock[]): Promise<void> {
  const opened = await tx.query<{ kind: Kind }>(
    `INSERT INTO ledger_accounts
       (business_id, account_id, kind, token, balance_units, held_units, created_at, updated_at)
     SELECT k.business_id, k.account_id, k.kind, k.token, 0, 0, k.at, k.at
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
       WITH ORDINALITY AS k (business_id, account_id, kind, token, at, position)
     ORDER BY k.position
     ON CONFLICT (business_id, kind, token) DO UPDATE SET updated_at = excluded.updated_at WHERE false
     RETURNING kind`,
    [
      accounts.map((account) => account.businessId),
      accounts.map((account) => account.accountId),
      accounts.map((account) => account.kind),
      accounts.map((account) => account.token),
      accounts.map((account) => account.at),
    ],
  );
  assert(
    opened.every(({ kind }) => kind === 'SETTLED'),
    'the account of a hold exists',
  );
}

/** Ledger units to add; below zero where they are taken. */
export interface AccountChange {
  readonly businessId: string;
  readonly kind: Kind;
  readonly token: Token;
  readonly balanceUnits: bigint;
  readonly heldUnits: bigint;
  readonly at: Date;
}

/** Changes locked accounts, each named once. Gives their ids by "business kind token". */
export async function addToAccounts(
  tx: Tx,
  changes: readonly AccountChange[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.query<AccountRow>(
    `UPDATE ledger_accounts AS a
     SET balance_units = a.balance_units + n.balance_units, held_units = a.held_units + n.held_units,
         updated_at = n.at
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[], $5::numeric[], $6::timestamptz[])
       AS n (business_id, kind, token, balance_units, held_units, at)
     WHERE a.business_id = n.business_id AND a.kind = n.kind AND a.token = n.token
     RETURNING a.business_id, a.account_id, a.kind, a.token`,
    [
      changes.map((change) => change.businessId),
      changes.map((change) => change.kind),
      changes.map((change) => change.token),
      changes.map((change) => change.balanceUnits),
      changes.map((change) => change.heldUnits),
      changes.map((change) => change.at),
    ],
  );
  assert(rows.length === changes.length, 'each account is there and is changed once');
  return new Map(
    rows.map((row) => [`${row.business_id} ${row.kind} ${row.token}`, row.account_id]),
  );
}

interface AccountRow {
  business_id: string;
  account_id: string;
  kind: Kind;
  token: Token;
}
