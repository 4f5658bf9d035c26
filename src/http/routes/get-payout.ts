import { isUuid } from '../../base/id.ts';
import { Fault } from '../../base/fault.ts';
import type { Queryable } from '../../database/database.ts';
import { findPayout } from '../../payouts/find-payouts.ts';
import type { Payout } from '../../payouts/payout.ts';
import { success } from '../answer.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { payoutData } from '../payout-data.ts';
import type { TenantCall } from '../visit.ts';
import { SAMPLE_PAYOUT } from './samples.ts';

export const getPayoutContract = contractOf({
  operationId: 'getPayout',
  method: 'GET',
  path: '/api/v1/payouts/{id}',
  tag: 'Payouts',
  summary: 'Read a payout',
  description: 'The payout as it was last recorded.',
  access: 'payouts:read',
  success: {
    status: 200,
    description: 'The payout.',
    message: 'Payout fetched successfully',
    schema: 'Payout',
    example: { amount: '0.020000000000000000', ...SAMPLE_PAYOUT },
  },
  faults: ['NOT_FOUND'],
});

export function getPayoutOperation(deps: { readonly database: Queryable }): TenantOperation {
  return {
    contract: getPayoutContract,
    handle: async (call) =>
      success({
        status: 200,
        message: getPayoutContract.success.message,
        data: payoutData(await payoutOfPath(deps.database, call)),
      }),
  };
}

/** The caller's payout that the path names. Throws NOT_FOUND, for another business's payout too. */
export async function payoutOfPath(db: Queryable, call: TenantCall): Promise<Payout> {
  const { id = '' } = call.path;
  const payout = isUuid(id) ? await findPayout(db, call.caller.businessId, id) : undefined;
  if (payout === undefined) throw new Fault('NOT_FOUND', 'Payout not found');
  return payout;
}
