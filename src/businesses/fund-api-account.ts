import type { IdSource } from '../base/id.ts';
import type { Tx } from '../database/database.ts';
import { fund, type MoveOrder, type MoveOutcome } from '../ledger/move.ts';
import { getApiAccountOfToken } from './api-account.ts';
import { checkMove } from './internal/check-move.ts';

/**
 * Moves ledger units (10^-18 of the token) from the business wallet to the API account of the token.
 * The reference moves money once: the same order again gives `repeated` and does nothing.
 * Throws VALIDATION_FAILED, API_ACCOUNT_NOT_FOUND, INSUFFICIENT_BALANCE (the business wallet is
 * short), IDEMPOTENCY_KEY_REUSED (the reference was used for another amount or token).
 * A fault must end the transaction: what was written before it is only undone by a rollback.
 */
export async function fundApiAccount(
  tx: Tx,
  ids: IdSource,
  order: MoveOrder,
): Promise<MoveOutcome> {
  checkMove(order);
  await getApiAccountOfToken(tx, order);
  return await fund(tx, ids, order);
}
