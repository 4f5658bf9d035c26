import { createBitcoinNetwork } from './bitcoin/network.ts';
import { createEvmNetwork } from './evm/network.ts';
import { createTronNetwork } from './tron/network.ts';
import { createSolanaNetwork } from './solana/network.ts';
import type { NetworkPlace, SimulatedNetwork } from './simulated-network.ts';

/** The simulated network of that name. */
export async function createSimulatedNetwork(place: NetworkPlace): Promise<SimulatedNetwork> {
  const { network } = place;
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return createEvmNetwork({ ...place, network });
    case 'TRON_MAINNET':
      return await createTronNetwork(place);
    case 'SOL_MAINNET':
      return await createSolanaNetwork(place);
    case 'BITCOIN_MAINNET':
      return await createBitcoinNetwork(place);
  }
}
