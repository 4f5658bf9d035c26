import type { NetworkId } from '../../money/asset.ts';

export type SolanaNetworkId = Extract<NetworkId, 'SOL_MAINNET'>;

/** Of Solana's mainnet ("mainnet-beta"). */
export const MAINNET_GENESIS = '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d';
