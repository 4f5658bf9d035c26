import { formatTime } from '../../base/time.ts';
import { getApiAccount, type ApiAccount } from '../../businesses/api-account.ts';
import type { Queryable } from '../../database/database.ts';
import { formatUnitsFixed, LEDGER_DECIMALS } from '../../money/amount.ts';
import { success } from '../answer.ts';
import type { AnswerData } from '../answer-schemas.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { SAMPLE_WALLET } from './samples.ts';

export const getPayoutWalletContract = contractOf({
  operationId: 'getPayoutWallet',
  method: 'GET',
  path: '/api/v1/business-api-services-wallets/{id}',
  tag: 'Payout wallets',
  summary: 'Read a payout wallet',
  description:
    'The amount is what a new payout can spend: the balance less what open payouts hold.',
  access: 'payout-wallets:read',
  success: {
    status: 200,
    description: 'The wallet.',
    message: 'Payout wallet fetched successfully',
    schema: 'PayoutWallet',
    example: SAMPLE_WALLET,
  },
  faults: ['NOT_FOUND'],
});

export function getPayoutWalletOperation(deps: { readonly database: Queryable }): TenantOperation {
  return {
    contract: getPayoutWalletContract,
    handle: async (call) => {
      const { businessId } = call.caller;
      const { id: apiAccountId = '' } = call.path;
      const account = await getApiAccount(deps.database, { businessId, apiAccountId });
      return success({
        status: 200,
        message: getPayoutWalletContract.success.message,
        data: payoutWalletData(account),
      });
    },
  };
}

export function payoutWalletData(account: ApiAccount): AnswerData<'PayoutWallet'> {
  return {
    token: account.token,
    userId: account.userId,
    amount: formatUnitsFixed(account.availableUnits, LEDGER_DECIMALS),
    id: account.apiAccountId,
    updatedAt: formatTime(account.updatedAt),
    createdAt: formatTime(account.createdAt),
  };
}
