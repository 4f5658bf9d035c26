import type { Sighting } from '../network.ts';
import { sightOnNodes } from '../nodes/sight-on-nodes.ts';
import type { FollowedBatch } from './followed-batch.ts';
import type { EvmPool } from './nodes.ts';
import { sight } from './sight.ts';

/** What the nodes of a network say of a batch. */
export async function sightBatch(pool: EvmPool, batch: FollowedBatch): Promise<Sighting> {
  return await sightOnNodes(pool, {
    sight: async (node) => await sight(node, batch),
    hashAt: async (node, number) => (await node.blockAt(number))?.hash ?? null,
  });
}
