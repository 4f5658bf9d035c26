import type { NetworkId } from '../money/asset.ts';

/** The networks that this version settles on. Addresses are checked for all six. */
export const NETWORKS_WITH_DRIVER: readonly NetworkId[] = [
  'ETHEREUM_MAINNET',
  'MATIC_MAINNET',
  'BSC_MAINNET',
  'TRON_MAINNET',
  'SOL_MAINNET',
];
