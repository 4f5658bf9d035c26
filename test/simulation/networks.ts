import { createEvmNetwork } from './evm/network.ts';
import type { NetworkPlace, SimulatedNetwork } from './simulated-network.ts';

/** The simulated network of that name. */
export function createSimulatedNetwork(place: NetworkPlace): SimulatedNetwork {
  const { network } = place;
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return createEvmNetwork({ ...place, network });
    case 'TRON_MAINNET':
    case 'SOL_MAINNET':
    case 'BITCOIN_MAINNET':
      throw new Error(`${network} is not simulated`);
  }
}
