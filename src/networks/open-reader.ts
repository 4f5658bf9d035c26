import { assert, present } from '../base/assert.ts';
import { silentLog } from '../base/log.ts';
import type { NetworkId } from '../money/asset.ts';
import { isEvmNetwork } from './evm/evm-network.ts';
import { createEvmReader } from './evm/reader.ts';
import type { NetworkAccess } from './network-access.ts';
import type { NetworkReader } from './network.ts';

/** What a process without keys asks a network through. */
export function openReader(network: NetworkId, access: NetworkAccess): NetworkReader {
  assert(isEvmNetwork(network), `${network} has a reader`);
  return createEvmReader({
    network,
    chainId: present(access.registry.network(network).chainId, 'an EVM network has a chain id'),
    rpcUrls: access.rpcUrls,
    log: access.log ?? silentLog,
  });
}
