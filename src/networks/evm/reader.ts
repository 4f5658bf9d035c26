import type { NetworkReader } from '../network.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { readFollowedBatch } from './followed-batch.ts';
import { connectNodes, type EvmConnection, type EvmPool } from './nodes.ts';
import { sightBatch } from './sight-batch.ts';

export interface EvmReaderOptions extends EvmConnection {
  readonly network: EvmNetworkId;
}

/** What a process without keys may ask of Ethereum, Polygon or BSC. An attempt names its treasury. */
export function createEvmReader(options: EvmReaderOptions): NetworkReader {
  return createReaderOver(connectNodes(options), options);
}

/** As {@link createEvmReader}, over nodes that somebody else asks too. */
export function createReaderOver(
  pool: EvmPool,
  chain: { readonly network: EvmNetworkId; readonly chainId: number },
): NetworkReader {
  return {
    lanes: 'ordered',
    network: chain.network,
    async status(attempt) {
      try {
        return await sightBatch(pool, await readFollowedBatch(attempt, chain));
      } catch (error) {
        return { kind: 'unknown', reason: reasonOf(error) };
      }
    },
  };
}

/** Errors of ours and of the parts below; none of them shows a URL. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'an error without a message';
}
