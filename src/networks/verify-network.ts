import { present } from '../base/assert.ts';
import type { NetworkId } from '../money/asset.ts';
import { connectNodes as connectBitcoin } from './bitcoin/nodes.ts';
import { verifyAssets as verifyBitcoin } from './bitcoin/verify-assets.ts';
import { connectNodes as connectEvm } from './evm/nodes.ts';
import { verifyAssets as verifyEvm } from './evm/verify-assets.ts';
import type { NetworkAccess } from './network-access.ts';
import { connectNodes as connectSolana } from './solana/nodes.ts';
import { verifyAssets as verifySolana } from './solana/verify-assets.ts';
import { connectNodes as connectTron } from './tron/nodes.ts';
import { verifyAssets as verifyTron } from './tron/verify-assets.ts';

/**
 * Compares the configured assets of a network with its chain, without a key. Throws a ChainMismatch
 * where they differ; any other error means that the chain was not reached.
 */
export async function verifyNetwork(network: NetworkId, access: NetworkAccess): Promise<void> {
  const { registry, rpcUrls } = access;
  const { chainId, genesis } = registry.network(network);
  const assets = registry.assets(network);
  const nodes = { rpcUrls, expectedGenesis: genesis };
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET': {
      const id = present(chainId, 'an EVM network has a chain id');
      await verifyEvm(connectEvm({ chainId: id, rpcUrls }), { network, assets });
      return;
    }
    case 'TRON_MAINNET':
      await verifyTron(connectTron(nodes), assets);
      return;
    case 'SOL_MAINNET':
      await verifySolana(connectSolana(nodes), { network, assets });
      return;
    case 'BITCOIN_MAINNET':
      await verifyBitcoin(connectBitcoin(nodes), assets);
      return;
  }
}
