import type { NetworkReader } from '../network.ts';
import { sightOnNodes } from '../nodes/sight-on-nodes.ts';
import { readFollowedAttempt } from './attempt.ts';
import { STANDARD_CONFIRMATIONS } from './finality.ts';
import { connectNodes, type BitcoinConnection, type BitcoinPool } from './nodes.ts';
import { sight, type SightRules } from './sight.ts';

export interface BitcoinReaderOptions extends BitcoinConnection {
  /** How deep a block has to lie to be final. Default: 6. */
  readonly confirmations?: number;
}

/** What a process without keys may ask of Bitcoin. It needs no wallet: an attempt names its coins. */
export function createBitcoinReader(options: BitcoinReaderOptions): NetworkReader {
  const { confirmations = STANDARD_CONFIRMATIONS } = options;
  return createReaderOver(connectNodes(options), { confirmations });
}

/** As {@link createBitcoinReader}, over nodes that somebody else asks too. */
export function createReaderOver(pool: BitcoinPool, rules: SightRules): NetworkReader {
  return {
    network: 'BITCOIN_MAINNET',
    lanes: 'independent',
    async status(attempt) {
      try {
        const followed = readFollowedAttempt(attempt);
        return await sightOnNodes(pool, {
          sight: async (node) => await sight(node, followed, rules),
          hashAt: async (node, number) => await node.hashAt(Number(number)),
        });
      } catch (error) {
        return { kind: 'unknown', reason: reasonOf(error) };
      }
    },
  };
}

/** Errors of ours and of the parts below; none of them shows a URL. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'an error without a message';
}
