import type { Log } from '../base/log.ts';
import type { AssetRegistry } from './registry.ts';

/** How the nodes of one network are reached, and what its chain should be. */
export interface NetworkAccess {
  readonly registry: AssetRegistry;
  /** In the order of preference. */
  readonly rpcUrls: readonly string[];
  /** How deep a block on Bitcoin lies when it is final; 1 is the newest. Other chains say it themselves. */
  readonly bitcoinConfirmations: number;
  /** Names nodes that fail or contradict the others. Default: nowhere. */
  readonly log?: Log;
}
