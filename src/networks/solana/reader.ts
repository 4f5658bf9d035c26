import type { NetworkReader } from '../network.ts';
import { readFollowedAttempt } from './followed-attempt.ts';
import { connectNodes, type SolanaConnection, type SolanaPool } from './nodes.ts';
import { sightAttempt } from './sight-attempt.ts';
import type { SolanaNetworkId } from './solana-network.ts';

export interface SolanaReaderOptions extends SolanaConnection {
  readonly network: SolanaNetworkId;
}

/** What a process without keys may ask of Solana. An attempt names its treasury. */
export function createSolanaReader(options: SolanaReaderOptions): NetworkReader {
  return createReaderOver(connectNodes(options), options.network);
}

/** As {@link createSolanaReader}, over nodes that somebody else asks too. */
export function createReaderOver(pool: SolanaPool, network: SolanaNetworkId): NetworkReader {
  return {
    network,
    lanes: 'independent',
    async status(attempt) {
      try {
        return await sightAttempt(pool, readFollowedAttempt(attempt, network));
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
