import { present } from '../base/assert.ts';
import type { NetworkId } from '../money/asset.ts';
import type { AccountReader } from './account-reader.ts';
import { createBitcoinAccountReader } from './bitcoin/account-reader.ts';
import { createEvmAccountReader } from './evm/account-reader.ts';
import type { NetworkAccess } from './network-access.ts';
import { createSolanaAccountReader } from './solana/account-reader.ts';
import { createTronAccountReader } from './tron/account-reader.ts';

/** What shows an operator the platform's own accounts. It needs no key. */
export function openAccountReader(network: NetworkId, access: NetworkAccess): AccountReader {
  const { registry, rpcUrls } = access;
  const { chainId, genesis } = registry.network(network);
  const nodes = { rpcUrls, expectedGenesis: genesis };
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return createEvmAccountReader({
        network,
        rpcUrls,
        chainId: present(chainId, 'an EVM network has a chain id'),
      });
    case 'TRON_MAINNET':
      return createTronAccountReader(nodes);
    case 'SOL_MAINNET':
      return createSolanaAccountReader({ ...nodes, network });
    case 'BITCOIN_MAINNET':
      return createBitcoinAccountReader(nodes);
  }
}
