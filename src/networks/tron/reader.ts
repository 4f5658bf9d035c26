import type { NetworkReader } from '../network.ts';
import { sightOnNodes } from '../nodes/sight-on-nodes.ts';
import { readFollowedTransfer } from './followed-transfer.ts';
import { connectNodes, type TronConnection, type TronPool } from './nodes.ts';
import { sight } from './sight.ts';

/** What a process without keys may ask of Tron. An attempt names its treasury. */
export function createTronReader(options: TronConnection): NetworkReader {
  return createReaderOver(connectNodes(options));
}

/** As {@link createTronReader}, over nodes that somebody else asks too. */
export function createReaderOver(pool: TronPool): NetworkReader {
  return {
    network: 'TRON_MAINNET',
    lanes: 'independent',
    async status(attempt) {
      try {
        const followed = readFollowedTransfer(attempt);
        return await sightOnNodes(pool, {
          sight: async (node) => await sight(node, followed),
          hashAt: async (node, number) => (await node.blockAt(number))?.hash ?? null,
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
