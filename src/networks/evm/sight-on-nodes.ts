import type { Sighting } from '../network.ts';
import type { FollowedTransfer } from './followed-transfer.ts';
import type { EvmNode } from './node.ts';
import { sight } from './sight.ts';

/**
 * The first node that says more than "unseen" or "waiting" decides; a node that fails is passed
 * over. An answer that ends an attempt (dead, final) is asked of every other node too, and one
 * that contradicts it makes it unknown. A node that fails or is behind contradicts nothing.
 */
export async function sightOnNodes(
  nodes: readonly EvmNode[],
  transfer: FollowedTransfer,
): Promise<Sighting> {
  const failures: string[] = [];
  const weak: Sighting[] = [];
  for (const node of nodes) {
    const heard = await hear(node, transfer);
    if (heard.kind === 'failed') {
      failures.push(heard.reason);
    } else if (heard.sighting.kind === 'waiting' || heard.sighting.kind === 'unseen') {
      weak.push(heard.sighting);
    } else if (endsAttempt(heard.sighting)) {
      const others = nodes.filter((other) => other !== node);
      return await confirm(heard.sighting, others, transfer);
    } else {
      return heard.sighting;
    }
  }
  const waiting = weak.find(({ kind }) => kind === 'waiting');
  return waiting ?? weak[0] ?? { kind: 'unknown', reason: failures.join('; ') };
}

type Heard =
  | { readonly kind: 'heard'; readonly sighting: Sighting }
  | { readonly kind: 'failed'; readonly reason: string };

async function hear(node: EvmNode, transfer: FollowedTransfer): Promise<Heard> {
  try {
    return { kind: 'heard', sighting: await sight(node, transfer) };
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  }
}

/** Errors of ours and of the parts below; none of them shows a URL. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'an error without a message';
}

function endsAttempt(sighting: Sighting): boolean {
  return sighting.kind === 'dead' || sighting.kind === 'final';
}

async function confirm(
  sighting: Sighting,
  others: readonly EvmNode[],
  transfer: FollowedTransfer,
): Promise<Sighting> {
  for (const node of others) {
    const heard = await hear(node, transfer);
    if (heard.kind === 'heard' && contradicts(sighting, heard.sighting)) {
      const reason = `PERSON NEEDED: ${node.label} says ${heard.sighting.kind} of ${transfer.hash}`;
      return {
        kind: 'unknown',
        needsPerson: true,
        reason: `${reason}, another node says ${sighting.kind}`,
      };
    }
  }
  return sighting;
}

/** Whether `other` cannot be true, now or a little earlier, while `decisive` is. */
function contradicts(decisive: Sighting, other: Sighting): boolean {
  switch (other.kind) {
    case 'waiting':
    case 'unseen':
      return false;
    // A judged unknown (events that are not the order, an unverifiable replacement) is a doubt.
    case 'unknown':
      return true;
    case 'dead':
      return decisive.kind !== 'dead';
    case 'included':
      return decisive.kind !== 'final' || decisive.block.hash !== other.block.hash;
    case 'final':
      return decisive.kind !== 'final' || !sameFates(decisive, other);
  }
}

function sameFates(
  a: Extract<Sighting, { kind: 'final' }>,
  b: Extract<Sighting, { kind: 'final' }>,
): boolean {
  const kinds = (it: typeof a): string => it.fates.map((fate) => fate.kind).join();
  return a.block.hash === b.block.hash && kinds(a) === kinds(b);
}
