import { present } from '../base/assert.ts';
import { createPayouts, type CreateDeps } from './create-payouts.ts';
import { createdOrThrow, type CreateOutcome, type PayoutOrder } from './payout-order.ts';

/**
 * Creates one payout: a batch of one. All of it is committed when this returns, or none of it where it
 * throws a fault: VALIDATION_FAILED (merchantReference taken), IDEMPOTENCY_KEY_REUSED,
 * API_ACCOUNT_NOT_FOUND, INSUFFICIENT_BALANCE. UNAVAILABLE: it may or may not have been created.
 */
export async function createPayout(deps: CreateDeps, order: PayoutOrder): Promise<CreateOutcome> {
  const [outcome] = await createPayouts(deps, [order]);
  return createdOrThrow(present(outcome, 'an order has an outcome'));
}
