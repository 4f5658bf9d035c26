import { assert, present } from '../base/assert.ts';
import type { NetworkId } from '../money/asset.ts';
import type { AccountReader } from './account-reader.ts';
import { createEvmAccountReader } from './evm/account-reader.ts';
import { isEvmNetwork } from './evm/evm-network.ts';
import type { NetworkAccess } from './network-access.ts';

/** What shows an operator the platform's own accounts. It needs no key. */
export function openAccountReader(network: NetworkId, access: NetworkAccess): AccountReader {
  assert(isEvmNetwork(network), `${network} has an account reader`);
  return createEvmAccountReader({
    network,
    chainId: present(access.registry.network(network).chainId, 'an EVM network has a chain id'),
    rpcUrls: access.rpcUrls,
  });
}
