import type { NetworkId } from '../../money/asset.ts';
import { familyOf } from '../family.ts';

export type EvmNetworkId = Extract<NetworkId, 'ETHEREUM_MAINNET' | 'MATIC_MAINNET' | 'BSC_MAINNET'>;

export function isEvmNetwork(network: NetworkId): network is EvmNetworkId {
  return familyOf(network) === 'evm';
}
