import type { NetworkId } from '../money/asset.ts';

/** Networks of one family share a driver and a form of address. */
export type NetworkFamily = 'evm' | 'tron' | 'solana' | 'bitcoin';

const FAMILIES: Readonly<Record<NetworkId, NetworkFamily>> = {
  BITCOIN_MAINNET: 'bitcoin',
  ETHEREUM_MAINNET: 'evm',
  MATIC_MAINNET: 'evm',
  TRON_MAINNET: 'tron',
  BSC_MAINNET: 'evm',
  SOL_MAINNET: 'solana',
};

export function familyOf(network: NetworkId): NetworkFamily {
  return FAMILIES[network];
}
