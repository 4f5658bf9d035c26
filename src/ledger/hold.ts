import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { Tx } from '../database/database.ts';

/**
 * Reserves ledger units of an API account for one payout, once. Throws the fault
 * INSUFFICIENT_BALANCE where balance less holds is smaller. The account's row is changed last and
 * should be the transaction's last statement: it is the row that others wait for.
 */
export async function hold(
  tx: Tx,
  order: {
    readonly businessId: string;
    readonly accountId: string;
    readonly payoutId: string;
    readonly units: bigint;
    readonly at: Date;
  },
): Promise<void> {
  assert(order.units > 0n, 'a hold is greater than zero');
  const { businessId, accountId, payoutId, units, at } = order;
  await tx.query(
    `INSERT INTO ledger_holds (business_id, payout_id, account_id, units, state, created_at)
     VALUES ($1, $2, $3, $4, 'HELD', $5)`,
    [businessId, payoutId, accountId, units, at],
  );
  const reserved = await tx.query(
    `UPDATE ledger_accounts SET held_units = held_units + $3, updated_at = $4
     WHERE business_id = $1 AND account_id = $2 AND kind = 'API_ACCOUNT'
       AND balance_units - held_units >= $3
     RETURNING account_id`,
    [businessId, accountId, units, at],
  );
  if (reserved.length === 0) throw new Fault('INSUFFICIENT_BALANCE', 'Insufficient balance');
}
