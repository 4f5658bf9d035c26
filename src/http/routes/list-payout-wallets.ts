import { listApiAccounts } from '../../businesses/api-account.ts';
import type { Queryable } from '../../database/database.ts';
import { success } from '../answer.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { payoutWalletData } from './get-payout-wallet.ts';
import { SAMPLE_WALLET } from './samples.ts';

export const listPayoutWalletsContract = contractOf({
  operationId: 'listPayoutWallets',
  method: 'GET',
  path: '/api/v1/business-api-services-wallets',
  tag: 'Payout wallets',
  summary: 'List the payout wallets',
  description: 'One for each token at most, oldest first.',
  access: 'payout-wallets:read',
  success: {
    status: 200,
    description: 'The wallets.',
    message: 'Payout wallets fetched successfully',
    schema: 'PayoutWallet',
    list: 'PLAIN',
    example: SAMPLE_WALLET,
  },
  faults: [],
});

export function listPayoutWalletsOperation(deps: {
  readonly database: Queryable;
}): TenantOperation {
  return {
    contract: listPayoutWalletsContract,
    handle: async (call) => {
      const accounts = await listApiAccounts(deps.database, call.caller.businessId);
      return success({
        status: 200,
        message: listPayoutWalletsContract.success.message,
        data: accounts.map(payoutWalletData),
      });
    },
  };
}
