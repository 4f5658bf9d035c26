import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { validationFault } from '../../base/fault.ts';
import type { IdSource } from '../../base/id.ts';
import { formatTime } from '../../base/time.ts';
import { createApiAccount } from '../../businesses/api-account.ts';
import type { Database } from '../../database/database.ts';
import { isToken, type NetworkId, type Token } from '../../money/asset.ts';
import type { AssetRegistry } from '../../networks/registry.ts';
import { success } from '../answer.ts';
import type { AnswerData } from '../answer-schemas.ts';
import { tokenField } from '../fields.ts';
import type { JsonObject } from '../json-number.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { readFields } from '../read-fields.ts';
import { SAMPLE_WALLET } from './samples.ts';

const BODY = z.object({ token: tokenField });

export const createPayoutWalletContract = contractOf({
  operationId: 'createPayoutWallet',
  method: 'POST',
  path: '/api/v1/business-api-services-wallets',
  tag: 'Payout wallets',
  summary: 'Create a payout wallet',
  description:
    "Opens the business's balance of a token that payouts spend, on whatever network. It is empty until it is funded from the business wallet.",
  access: 'payout-wallets:write',
  body: { schema: BODY, example: { token: 'USDT' } },
  success: {
    status: 201,
    description: 'The wallet is open.',
    message: 'Payout wallet created successfully',
    schema: 'CreatedPayoutWallet',
    example: { ...SAMPLE_WALLET, amount: 0 },
  },
  faults: ['API_ACCOUNT_EXISTS'],
});

export interface CreatePayoutWalletDeps {
  readonly database: Database;
  readonly registry: AssetRegistry;
  readonly enabledNetworks: readonly NetworkId[];
  readonly ids: IdSource;
  readonly clock: Clock;
}

export function createPayoutWalletOperation(deps: CreatePayoutWalletDeps): TenantOperation {
  return {
    contract: createPayoutWalletContract,
    handle: async (call) => {
      const token = readToken(deps, call.body);
      const { businessId, userId } = call.caller;
      const order = { businessId, userId, token, at: deps.clock.now() };
      const account = await deps.database.transaction(
        async (tx) => await createApiAccount(tx, deps.ids, order),
      );
      const data: AnswerData<'CreatedPayoutWallet'> = {
        token,
        userId,
        amount: 0,
        id: account.apiAccountId,
        updatedAt: formatTime(account.updatedAt),
        createdAt: formatTime(account.createdAt),
      };
      const { message } = createPayoutWalletContract.success;
      return success({ status: 201, message, data });
    },
  };
}

/** A token that no enabled network pays out could be funded and never spent. */
function readToken(deps: CreatePayoutWalletDeps, body: JsonObject): Token {
  const { fields, errors } = readFields(BODY, body);
  const { token } = fields;
  if (token === undefined) throw validationFault(errors);
  const isSpendable =
    isToken(token) &&
    deps.enabledNetworks.some(
      (network) => deps.registry.asset(network, token)?.payoutsEnabled === true,
    );
  if (!isSpendable) throw validationFault({ token: ['The selected token is invalid.'] });
  return token;
}
