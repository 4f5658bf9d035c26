import { validationFault } from '../../base/fault.ts';
import { isUuid } from '../../base/id.ts';
import { MAX_UNITS } from '../../money/amount.ts';

/** Refuses an order to move money that no ledger entry could hold. Throws VALIDATION_FAILED. */
export function checkMove(order: { readonly units: bigint; readonly referenceId: string }): void {
  if (order.units <= 0n) {
    throw validationFault({ amount: ['The amount must be greater than zero.'] });
  }
  if (order.units > MAX_UNITS) {
    throw validationFault({ amount: ['The amount is too large.'] });
  }
  if (!isUuid(order.referenceId)) {
    throw validationFault({ referenceId: ['The reference must be a UUID.'] });
  }
}
