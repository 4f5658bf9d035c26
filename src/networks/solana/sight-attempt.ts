import type { Sighting } from '../network.ts';
import { sightOnNodes } from '../nodes/sight-on-nodes.ts';
import type { FollowedAttempt } from './followed-attempt.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';
import { sight, type SolanaSighting } from './sight.ts';

/**
 * What the nodes of the network say of an attempt. That it is dead rests on what nodes do not know: there
 * is no count, and nothing spent, that could show it otherwise. So one node that has seen it outweighs any
 * number that have not, unless it saw it on a fork that they have left.
 */
export async function sightAttempt(pool: SolanaPool, attempt: FollowedAttempt): Promise<Sighting> {
  const said = new Map<SolanaNode, SolanaSighting>();
  const verdict = await sightOnNodes(pool, {
    async sight(node) {
      const own = await sight(node, attempt);
      said.set(node, own);
      return own;
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

/** In words, who has seen the transaction final, or in a slot whose block the others have too. */
async function findWitness(
  pool: SolanaPool,
  { signature }: FollowedAttempt,
  said: ReadonlyMap<SolanaNode, SolanaSighting>,
): Promise<string | null> {
  const seen = ({ label }: SolanaNode, slot: bigint): string =>
    `${label} has seen ${signature} in slot ${slot}`;
  for (const [witness, { seenIn, sighting }] of said) {
    if (seenIn === null) continue;
    // Final to one and dead to others is for a person, whatever chain the one is on.
    if (sighting.kind !== 'included' && sighting.kind !== 'waiting') return seen(witness, seenIn);
    const hash = sighting.kind === 'included' ? sighting.block.hash : null;
    const heard = await pool.hearAll(async (node) => {
      if (node === witness) return false;
      const block = await node.blockAt(seenIn, 'signatures');
      return (
        block !== null && (block.hash === hash || block.signatures?.includes(signature) === true)
      );
    });
    const isShared = heard.some((it) => it.kind === 'heard' && it.value);
    if (isShared) return seen(witness, seenIn);
  }
  return null;
}
