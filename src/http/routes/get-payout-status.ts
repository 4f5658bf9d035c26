import type { Queryable } from '../../database/database.ts';
import type { Payout } from '../../payouts/payout.ts';
import { success } from '../answer.ts';
import type { AnswerData } from '../answer-schemas.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { payoutOfPath } from './get-payout.ts';
import { SAMPLE_HASH } from './samples.ts';

export const getPayoutStatusContract = contractOf({
  operationId: 'getPayoutStatus',
  method: 'GET',
  path: '/api/v1/payouts/{id}/status',
  tag: 'Payouts',
  summary: 'Ask the chain for a payout',
  description:
    'Asks the chain now, records what is proven and tells the status. Where the chain gives no answer within seconds, the status is the last one known.',
  access: 'payouts:read',
  success: {
    status: 200,
    description: 'The status.',
    message: 'Payout status fetched successfully',
    schema: 'PayoutStatus',
    example: { status: 'COMPLETED', transactionHash: SAMPLE_HASH },
  },
  faults: ['NOT_FOUND'],
});

/** Asks the chain and lets settlement record what is proven. Never throws; gives up after seconds. */
export type ConfirmNow = (payout: Payout) => Promise<void>;

export function getPayoutStatusOperation(deps: {
  readonly database: Queryable;
  readonly confirmNow: ConfirmNow;
}): TenantOperation {
  return {
    contract: getPayoutStatusContract,
    handle: async (call) => {
      const before = await payoutOfPath(deps.database, call);
      const isOpen = before.status === 'PENDING' || before.status === 'PROCESSING';
      if (isOpen) await deps.confirmNow(before);
      const payout = isOpen ? await payoutOfPath(deps.database, call) : before;
      const { status, transactionHash } = payout;
      const data: AnswerData<'PayoutStatus'> = { status, transactionHash };
      return success({ status: 200, message: getPayoutStatusContract.success.message, data });
    },
  };
}
