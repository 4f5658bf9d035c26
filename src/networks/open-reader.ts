import { present } from '../base/assert.ts';
import { silentLog } from '../base/log.ts';
import type { NetworkId } from '../money/asset.ts';
import { createBitcoinReader } from './bitcoin/reader.ts';
import { createEvmReader } from './evm/reader.ts';
import type { NetworkAccess } from './network-access.ts';
import type { NetworkReader } from './network.ts';
import { createSolanaReader } from './solana/reader.ts';
import { createTronReader } from './tron/reader.ts';

/** What a process without keys asks a network through. */
export function openReader(network: NetworkId, access: NetworkAccess): NetworkReader {
  const { registry, rpcUrls, log = silentLog, bitcoinConfirmations } = access;
  const { chainId, genesis } = registry.network(network);
  const nodes = { rpcUrls, log, expectedGenesis: genesis };
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return createEvmReader({ network, rpcUrls, log, chainId: present(chainId, NO_CHAIN_ID) });
    case 'TRON_MAINNET':
      return createTronReader(nodes);
    case 'SOL_MAINNET':
      return createSolanaReader({ ...nodes, network });
    case 'BITCOIN_MAINNET':
      return createBitcoinReader({ ...nodes, confirmations: bitcoinConfirmations });
  }
}

const NO_CHAIN_ID = 'an EVM network has a chain id';
