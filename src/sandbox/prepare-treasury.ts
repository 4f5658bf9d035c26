import type { RpcEndpoint } from '../networks/nodes/json-rpc.ts';
import {
  DELEGATED_CODE,
  DEPLOYMENT_DATA,
  DEPLOYMENT_PROXY,
} from '../networks/evm/treasury-code.ts';
import { sendAsOwner } from './deploy-tokens.ts';

/**
 * Sets a treasury up on a new local chain as a worker would by transactions of its own (deploy, delegate,
 * top up), at once, so that the first payout need not wait for their blocks.
 */
export async function prepareTreasury(
  endpoint: RpcEndpoint,
  accounts: {
    readonly treasury: string;
    readonly gasAccounts: readonly string[];
    readonly wei: bigint;
  },
): Promise<void> {
  await sendAsOwner(endpoint, [{ to: DEPLOYMENT_PROXY, data: DEPLOYMENT_DATA }]);
  await endpoint.request('anvil_setCode', [accounts.treasury, DELEGATED_CODE]);
  for (const account of accounts.gasAccounts) {
    await endpoint.request('anvil_setBalance', [account, `0x${accounts.wei.toString(16)}`]);
  }
}
