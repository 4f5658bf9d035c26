import type { Sighting } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { sightOnNodes, type NodeSighting } from '../nodes/sight-on-nodes.ts';
import type { FollowedAttempt } from './followed-attempt.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';
import { sight } from './sight.ts';

/**
 * What the nodes of the network say of an attempt. That it is dead rests on what nodes do not know: there
 * is no count, and nothing spent, that could show it otherwise. So one node that has seen it outweighs any
 * number that have not, unless it saw it on a fork that they have left.
 */
export async function sightAttempt(pool: SolanaPool, attempt: FollowedAttempt): Promise<Sighting> {
  const said = new Map<SolanaNode, Said>();
  const verdict = await sightOnNodes(pool, {
    async sight(node) {
      const own: Said = { seenIn: null, sighting: null };
      said.set(node, own);
      const { sighting, block } = await sight(node, attempt, (slot) => {
        own.seenIn = slot;
      });
      own.sighting = sighting;
      return { sighting, block };
    },
    hashAt: async (node, number) => (await node.blockAt(number))?.hash ?? null,
  });
  if (verdict.kind !== 'dead') return verdict;
  const witness = await findWitness(pool, attempt, said);
  if (witness === null) return verdict;
  return {
    kind: 'unknown',
    needsPerson: true,
    reason: `PERSON NEEDED: ${witness}, and a quorum of the nodes does not know it`,
  };
}

/** What a node has come to say, or null where it failed, and where it had seen the transaction by then. */
interface Said {
  seenIn: bigint | null;
  sighting: NodeSighting['sighting'] | null;
}

/** In words, who has seen the transaction final, or in a slot whose block the others have too. */
async function findWitness(
  pool: SolanaPool,
  { signature }: FollowedAttempt,
  said: ReadonlyMap<SolanaNode, Said>,
): Promise<string | null> {
  for (const [witness, { seenIn, sighting }] of said) {
    if (seenIn === null) continue;
    const words = `${witness.label} has seen ${signature} in slot ${seenIn}`;
    // Final to one and dead to others is for a person, whatever chain the one is on.
    if (sighting?.kind === 'final' || sighting?.kind === 'unknown') return words;
    const hash = await hashHolding(witness, seenIn, signature);
    const heard = await pool.hearAll(async (node) => {
      if (node === witness) return false;
      const block = await node.blockAt(seenIn, 'signatures');
      return (
        block !== null && (block.hash === hash || block.signatures?.includes(signature) === true)
      );
    });
    if (heard.some((it) => it.kind === 'heard' && it.value)) return words;
  }
  return null;
}

/** Of the node's own block in the slot, where it lists the signature. */
async function hashHolding(
  node: SolanaNode,
  slot: bigint,
  signature: string,
): Promise<string | null> {
  try {
    const block = await node.blockAt(slot, 'signatures');
    return block?.signatures?.includes(signature) === true ? block.hash : null;
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    return null;
  }
}
