import { present } from '../../base/assert.ts';
import type { BlockReference, ItemFate, Sighting } from '../network.ts';
import { RpcFailure } from './json-rpc.ts';
import type { Heard, NodePool, PoolNode } from './node-pool.ts';

/** What one node says, and the block that it rests on where it ends the attempt. */
export interface NodeSighting {
  readonly sighting: Sighting;
  /** Null where the answer is not for ever. */
  readonly block: BlockReference | null;
}

/** How a node of one chain is asked. */
export interface SightQuestions<N extends PoolNode> {
  /** All answers are of this node. Throws RpcFailure where it fails or contradicts itself. */
  sight(node: N): Promise<NodeSighting>;
  /** The hash of the node's own block at a height; null where it has none. Throws RpcFailure. */
  hashAt(node: N, number: bigint): Promise<string | null>;
}

/**
 * What the nodes of a network say of an attempt. All are asked. An answer that ends the attempt (final,
 * dead) and a doubt for a person have to be said by a quorum of them, on the same chain; a node that
 * contradicts a quorum is named and put in quarantine. Where none has a quorum, two nodes that cannot
 * both be right make it unknown. A node that fails or is behind counts for nothing and contradicts
 * nothing; what does not end the attempt is believed of one node.
 */
export async function sightOnNodes<N extends PoolNode>(
  pool: NodePool<N>,
  questions: SightQuestions<N>,
): Promise<Sighting> {
  const heard = await pool.hearAll(async (node) => await questions.sight(node));
  const voices = heard.flatMap(voiceOf);
  const counted = voices.filter(({ node }) => pool.counts(node));
  const verdict = await findVerdict(pool, questions, counted);
  if (verdict === null) return withoutVerdict(heard, counted);
  for (const voice of voices) weigh(pool, voice, verdict);
  return answerOf(verdict);
}

/** One node's sighting. */
interface Voice<N extends PoolNode> {
  readonly node: N;
  readonly sighting: Sighting;
  /** Null where the sighting is not for ever. */
  readonly block: BlockReference | null;
}

/** What a quorum says, by the voice whose words are used, and all that say the same. */
interface Verdict<N extends PoolNode> extends Voice<N> {
  readonly agreeing: readonly Voice<N>[];
}

function voiceOf<N extends PoolNode>(heard: Heard<N, NodeSighting>): Voice<N>[] {
  return heard.kind === 'heard' ? [{ node: heard.node, ...heard.value }] : [];
}

/** A quorum is more than half of the nodes, so there is one verdict at most. */
async function findVerdict<N extends PoolNode>(
  pool: NodePool<N>,
  questions: SightQuestions<N>,
  voices: readonly Voice<N>[],
): Promise<Verdict<N> | null> {
  const groups = Map.groupBy(voices, keyOf);
  for (const [key, group] of groups) {
    if (key === null || group.length < pool.quorum) continue;
    const verdict = await onOneChain(pool, questions, group);
    if (verdict !== null) return verdict;
  }
  return null;
}

/**
 * What has to be the same for two sightings to say the same: transaction, block, and what moved for
 * each item. Whose fault a failure was is not part of it, and neither is the block at which a deadline
 * is seen to have passed: nodes are not equally far. Null: it proves nothing.
 */
function keyOf({ sighting, block }: Voice<PoolNode>): string | null {
  switch (sighting.kind) {
    case 'final':
      return ['final', sighting.transactionHash, block?.hash, ...sighting.fates.map(moveOf)].join();
    case 'dead':
      return sighting.takenBy === null ? 'expired' : `${sighting.takenBy},${block?.hash}`;
    case 'unknown':
      return sighting.needsPerson === true ? `doubt,${block?.hash}` : null;
    case 'included':
    case 'waiting':
    case 'unseen':
      return null;
  }
}

function moveOf(fate: ItemFate): string {
  return fate.kind === 'paid' ? `paid ${JSON.stringify(fate.proof)}` : 'not paid';
}

/**
 * The voice whose block enough of the group hold on their chains. Those that stand on the same block
 * need not be asked; the others could be of two chains that have parted.
 */
async function onOneChain<N extends PoolNode>(
  pool: NodePool<N>,
  questions: SightQuestions<N>,
  group: readonly Voice<N>[],
): Promise<Verdict<N> | null> {
  for (const voice of group) {
    const block = present(voice.block, 'what ends an attempt rests on a block');
    const holding = await Promise.all(
      group.map(async (other) => await holds(questions, other, block)),
    );
    const agreeing = group.filter((_, index) => holding[index] === true);
    if (agreeing.length >= pool.quorum) return { ...voice, agreeing };
  }
  return null;
}

/** Whether a voice that ends the attempt holds this block at or below its own. */
async function holds<N extends PoolNode>(
  questions: SightQuestions<N>,
  { node, block: own }: Voice<N>,
  block: BlockReference,
): Promise<boolean> {
  if (own === null || own.number < block.number) return false;
  if (own.hash === block.hash) return true;
  try {
    return (await questions.hashAt(node, block.number)) === block.hash;
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    return false;
  }
}

function weigh<N extends PoolNode>(pool: NodePool<N>, voice: Voice<N>, verdict: Verdict<N>): void {
  if (verdict.agreeing.includes(voice) || keyOf(voice) === keyOf(verdict)) {
    pool.weigh(voice.node, true);
  } else if (contradict(voice.sighting, verdict.sighting)) {
    const others = verdict.agreeing.map(({ node }) => node.label).join(' and ');
    const reason = `${saying(voice)}, against ${saying(verdict)} by ${others}`;
    pool.weigh(voice.node, false);
    pool.quarantine(voice.node, reason);
  }
}

/**
 * Of failures that one node lays at the recipient's door and another does not, the harmless reading
 * holds: the payout is inspected afresh before anything else.
 */
function answerOf({ sighting, agreeing }: Verdict<PoolNode>): Sighting {
  if (sighting.kind !== 'final') return sighting;
  const fates = sighting.fates.map((fate, index) => {
    const readings = agreeing.flatMap((it) =>
      it.sighting.kind === 'final' ? (it.sighting.fates[index] ?? []) : [],
    );
    return readings.find(({ kind }) => kind === 'undone') ?? fate;
  });
  return { ...sighting, fates };
}

function withoutVerdict(
  heard: readonly Heard<PoolNode, NodeSighting>[],
  counted: readonly Voice<PoolNode>[],
): Sighting {
  for (const [index, voice] of counted.entries()) {
    const rival = counted
      .slice(index + 1)
      .find((other) => contradict(voice.sighting, other.sighting));
    if (rival !== undefined) return contradiction(voice, rival);
  }
  for (const kind of ['included', 'waiting', 'unseen'] as const) {
    const found = counted.find(({ sighting }) => sighting.kind === kind);
    if (found !== undefined) return found.sighting;
  }
  const said = counted.map((voice) => `${saying(voice)} by ${voice.node.label} alone`);
  const failures = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
  return { kind: 'unknown', reason: [...said, ...failures].join('; ') };
}

function contradiction(voice: Voice<PoolNode>, rival: Voice<PoolNode>): Sighting {
  return {
    kind: 'unknown',
    needsPerson: true,
    reason:
      `PERSON NEEDED: ${saying(voice)} by ${voice.node.label}, ` +
      `${saying(rival)} by ${rival.node.label}`,
  };
}

function saying({ sighting, block }: Voice<PoolNode>): string {
  const at = block === null ? '' : ` at block ${block.number}`;
  const detail = 'reason' in sighting ? ` (${sighting.reason})` : '';
  return `${sighting.kind}${at}${detail}`;
}

/** Whether two sightings cannot both be true of one chain, now or a little earlier. */
function contradict(a: Sighting, b: Sighting): boolean {
  return excludes(a, b) || excludes(b, a);
}

function excludes(a: Sighting, b: Sighting): boolean {
  switch (a.kind) {
    case 'waiting':
    case 'unseen':
    case 'included':
      return false;
    case 'unknown':
      // A judged doubt (events that are not the orders) is not one of two ways to see the same.
      return a.needsPerson === true && (b.kind === 'final' || b.kind === 'dead');
    case 'dead':
      if (b.kind === 'dead') return bothTaken(a, b) && a.takenBy !== b.takenBy;
      return b.kind === 'final' || b.kind === 'included';
    case 'final':
      if (b.kind === 'included') return a.block.hash !== b.block.hash;
      return b.kind === 'final' && (a.block.hash !== b.block.hash || !sameMoves(a, b));
  }
}

type Final = Extract<Sighting, { kind: 'final' }>;
type Dead = Extract<Sighting, { kind: 'dead' }>;

/** An expired id can still be cancelled, so that one node says the one and a later one the other. */
function bothTaken(a: Dead, b: Dead): boolean {
  return a.takenBy !== null && b.takenBy !== null;
}

function sameMoves(a: Final, b: Final): boolean {
  const moves = (it: Final): string => it.fates.map(moveOf).join();
  return a.transactionHash === b.transactionHash && moves(a) === moves(b);
}
