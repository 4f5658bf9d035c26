import { assert, present } from '../base/assert.ts';
import type { Tx } from '../database/database.ts';

/** Gives a payout's hold back to its API account. Asserts that the hold is still open. */
export async function release(
  tx: Tx,
  order: { readonly businessId: string; readonly payoutId: string; readonly at: Date },
): Promise<void> {
  const { accountId, units } = await finishHold(tx, { ...order, state: 'RELEASED' });
  const changed = await tx.query(
    `UPDATE ledger_accounts SET held_units = held_units - $3, updated_at = $4
     WHERE business_id = $1 AND account_id = $2
     RETURNING account_id`,
    [order.businessId, accountId, units, order.at],
  );
  assert(changed.length === 1, 'the account of a hold exists');
}

/** Ends a hold, once: only an open one can end, whoever asks first. */
export async function finishHold(
  tx: Tx,
  order: {
    readonly businessId: string;
    readonly payoutId: string;
    readonly state: 'POSTED' | 'RELEASED';
    readonly at: Date;
  },
): Promise<{ accountId: string; units: bigint }> {
  const [row] = await tx.query<{ account_id: string; units: bigint }>(
    `UPDATE ledger_holds SET state = $3, finished_at = $4
     WHERE business_id = $1 AND payout_id = $2 AND state = 'HELD'
     RETURNING account_id, units`,
    [order.businessId, order.payoutId, order.state, order.at],
  );
  const found = present(row, `the hold of payout ${order.payoutId} is open`);
  return { accountId: found.account_id, units: found.units };
}
