import { assert, present } from '../base/assert.ts';
import { silentLog, type Log } from '../base/log.ts';
import type { NetworkId } from '../money/asset.ts';
import { isEvmNetwork } from './evm/evm-network.ts';
import { createEvmReader } from './evm/reader.ts';
import type { NetworkReader } from './network.ts';
import type { AssetRegistry } from './registry.ts';

/** What a process without keys asks a network through. */
export function openReader(
  network: NetworkId,
  settings: {
    readonly registry: AssetRegistry;
    readonly rpcUrls: readonly string[];
    /** Names nodes that fail or contradict the others. Default: nowhere. */
    readonly log?: Log;
  },
): NetworkReader {
  assert(isEvmNetwork(network), `${network} has a reader`);
  return createEvmReader({
    network,
    chainId: present(settings.registry.network(network).chainId, 'an EVM network has a chain id'),
    rpcUrls: settings.rpcUrls,
    log: settings.log ?? silentLog,
  });
}
