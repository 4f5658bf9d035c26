import { Fault } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import type { Tx } from '../database/database.ts';
import { credit, type MoveOrder, type MoveOutcome } from '../ledger/move.ts';
import { findBusiness } from './business.ts';
import { checkMove } from './internal/check-move.ts';

/**
 * Enters a deposit of ledger units (10^-18 of the token) into the business wallet. The reference
 * moves money once: the same order again gives `repeated` and does nothing.
 * Throws VALIDATION_FAILED, NOT_FOUND (no such business), IDEMPOTENCY_KEY_REUSED (the reference was
 * used for another amount or token).
 */
export async function creditBusinessWallet(
  tx: Tx,
  ids: IdSource,
  order: MoveOrder,
): Promise<MoveOutcome> {
  checkMove(order);
  if ((await findBusiness(tx, order.businessId)) === undefined) {
    throw new Fault('NOT_FOUND', 'Business not found');
  }
  return await credit(tx, ids, order);
}
