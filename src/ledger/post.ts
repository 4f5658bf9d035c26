import { assert, present } from '../base/assert.ts';
import type { Tx } from '../database/database.ts';
import type { Token } from '../money/asset.ts';
import { openAccount } from './account.ts';
import { finishHold } from './release.ts';
import { recordTransfer } from './transfer.ts';

/**
 * Spends a payout's hold: the units leave the API account for SETTLED. Asserts that the hold is
 * still open, so a payout is spent once.
 */
export async function post(
  tx: Tx,
  order: {
    readonly businessId: string;
    readonly payoutId: string;
    readonly transferId: string;
    /** Used if the business has no SETTLED account for the token yet. */
    readonly newAccountId: string;
    readonly at: Date;
  },
): Promise<void> {
  const { businessId, payoutId, at } = order;
  const { accountId, units } = await finishHold(tx, { businessId, payoutId, state: 'POSTED', at });
  const [debited] = await tx.query<{ token: Token }>(
    `UPDATE ledger_accounts
     SET balance_units = balance_units - $3, held_units = held_units - $3, updated_at = $4
     WHERE business_id = $1 AND account_id = $2
     RETURNING token`,
    [businessId, accountId, units, at],
  );
  const { token } = present(debited, 'the account of a hold exists');
  const settledId = await openAccount(tx, {
    businessId,
    accountId: order.newAccountId,
    kind: 'SETTLED',
    token,
    at,
  });
  const credited = await tx.query(
    `UPDATE ledger_accounts SET balance_units = balance_units + $3, updated_at = $4
     WHERE business_id = $1 AND account_id = $2
     RETURNING account_id`,
    [businessId, settledId, units, at],
  );
  assert(credited.length === 1, 'the SETTLED account exists');
  await recordTransfer(tx, {
    businessId,
    transferId: order.transferId,
    kind: 'POST',
    debitAccountId: accountId,
    creditAccountId: settledId,
    units,
    referenceId: payoutId,
    at,
  });
}
