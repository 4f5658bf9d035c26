import { present } from '../base/assert.ts';
import type { NetworkId } from '../money/asset.ts';
import { createBitcoinExaminer } from './bitcoin/examine.ts';
import { createEvmExaminer } from './evm/examine.ts';
import type { NetworkExaminer } from './examination.ts';
import type { NetworkAccess } from './network-access.ts';
import { createSolanaExaminer } from './solana/examine.ts';
import { createTronExaminer } from './tron/examine.ts';

/** What looks at a network for `knit doctor`. It needs no key. */
export function openExaminer(network: NetworkId, access: NetworkAccess): NetworkExaminer {
  const { registry, rpcUrls, bitcoinConfirmations } = access;
  const { chainId, genesis } = registry.network(network);
  const assets = registry.assets(network);
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return createEvmExaminer({
        network,
        rpcUrls,
        chainId: present(chainId, 'it has a chain id'),
      });
    case 'TRON_MAINNET':
      return createTronExaminer({ rpcUrls, assets, expectedGenesis: genesis });
    case 'SOL_MAINNET':
      return createSolanaExaminer({ network, rpcUrls, assets, expectedGenesis: genesis });
    case 'BITCOIN_MAINNET':
      return createBitcoinExaminer({
        rpcUrls,
        expectedGenesis: genesis,
        confirmations: bitcoinConfirmations,
      });
  }
}
