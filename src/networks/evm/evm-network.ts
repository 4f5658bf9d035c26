import type { NetworkId } from '../../money/asset.ts';

export type EvmNetworkId = Extract<NetworkId, 'ETHEREUM_MAINNET' | 'MATIC_MAINNET' | 'BSC_MAINNET'>;
