import { assert, present } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import type { Tx } from '../database/database.ts';
import type { Token } from '../money/asset.ts';
import { findAccount, openAccount } from './account.ts';
import { recordTransfer } from './transfer.ts';

/** An order to move ledger units (10^-18) of a business. Its reference moves money once. */
export interface MoveOrder {
  readonly businessId: string;
  readonly token: Token;
  readonly units: bigint;
  readonly referenceId: string;
  readonly at: Date;
}

/** `moved`: now. `repeated`: the same order had moved the money before; nothing was done. */
export type MoveOutcome = 'moved' | 'repeated';

/** A deposit from outside: CUSTODY to BUSINESS_WALLET. */
export async function credit(tx: Tx, ids: IdSource, order: MoveOrder): Promise<MoveOutcome> {
  assert(order.units > 0n, 'a credit is greater than zero');
  const custody = await openAccount(tx, { ...order, kind: 'CUSTODY', accountId: ids.next() });
  const wallet = await openAccount(tx, {
    ...order,
    kind: 'BUSINESS_WALLET',
    accountId: ids.next(),
  });
  const isNew = await recordTransfer(tx, {
    ...order,
    transferId: ids.next(),
    kind: 'CREDIT',
    debitAccountId: custody,
    creditAccountId: wallet,
  });
  if (!isNew) return await repeated(tx, { ...order, kind: 'CREDIT', creditAccountId: wallet });
  // CUSTODY's normal side is debit: what comes in raises it.
  await addToBalance(tx, { ...order, accountId: custody });
  await addToBalance(tx, { ...order, accountId: wallet });
  return 'moved';
}

/** BUSINESS_WALLET to API_ACCOUNT. Throws the fault INSUFFICIENT_BALANCE where the wallet is short. */
export async function fund(tx: Tx, ids: IdSource, order: MoveOrder): Promise<MoveOutcome> {
  assert(order.units > 0n, 'a funding is greater than zero');
  const target = await findAccount(tx, { ...order, kind: 'API_ACCOUNT' });
  const { accountId: apiAccount } = present(target, 'the API account exists');
  const wallet = await openAccount(tx, {
    ...order,
    kind: 'BUSINESS_WALLET',
    accountId: ids.next(),
  });
  const isNew = await recordTransfer(tx, {
    ...order,
    transferId: ids.next(),
    kind: 'FUND',
    debitAccountId: wallet,
    creditAccountId: apiAccount,
  });
  if (!isNew) return await repeated(tx, { ...order, kind: 'FUND', creditAccountId: apiAccount });
  const taken = await tx.query(
    `UPDATE ledger_accounts SET balance_units = balance_units - $3, updated_at = $4
     WHERE business_id = $1 AND account_id = $2 AND balance_units >= $3
     RETURNING account_id`,
    [order.businessId, wallet, order.units, order.at],
  );
  if (taken.length === 0) throw new Fault('INSUFFICIENT_BALANCE', 'Insufficient balance');
  await addToBalance(tx, { ...order, accountId: apiAccount });
  return 'moved';
}

async function addToBalance(
  tx: Tx,
  change: { businessId: string; accountId: string; units: bigint; at: Date },
): Promise<void> {
  const changed = await tx.query(
    `UPDATE ledger_accounts SET balance_units = balance_units + $3, updated_at = $4
     WHERE business_id = $1 AND account_id = $2
     RETURNING account_id`,
    [change.businessId, change.accountId, change.units, change.at],
  );
  assert(changed.length === 1, 'the account exists');
}

/** A reference used before must have moved the same units to the same account. */
async function repeated(
  tx: Tx,
  order: MoveOrder & { kind: 'CREDIT' | 'FUND'; creditAccountId: string },
): Promise<MoveOutcome> {
  const [row] = await tx.query<{ units: bigint; credit_account_id: string }>(
    `SELECT units, credit_account_id FROM ledger_transfers
     WHERE business_id = $1 AND kind = $2 AND reference_id = $3`,
    [order.businessId, order.kind, order.referenceId],
  );
  const earlier = present(row, 'the conflicting transfer exists');
  if (earlier.units === order.units && earlier.credit_account_id === order.creditAccountId) {
    return 'repeated';
  }
  throw new Fault(
    'IDEMPOTENCY_KEY_REUSED',
    'The reference was used before for another amount or token.',
  );
}
