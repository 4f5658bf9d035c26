import { assert, present } from '../base/assert.ts';
import type { NetworkId } from '../money/asset.ts';
import { isEvmNetwork } from './evm/evm-network.ts';
import { connectNodes } from './evm/nodes.ts';
import { verifyAssets } from './evm/verify-assets.ts';
import type { NetworkAccess } from './network-access.ts';

/**
 * Compares the configured assets of a network with its chain, without a key. Throws a ChainMismatch
 * where they differ; any other error means that the chain was not reached.
 */
export async function verifyNetwork(network: NetworkId, access: NetworkAccess): Promise<void> {
  const { registry, rpcUrls } = access;
  assert(isEvmNetwork(network), `${network} can be asked`);
  const chainId = present(registry.network(network).chainId, 'an EVM network has a chain id');
  const assets = registry.assets(network);
  await verifyAssets(connectNodes({ chainId, rpcUrls }), { network, assets });
}
