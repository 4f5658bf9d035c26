import { present } from '../../base/assert.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import { silentLog, type Log } from '../../base/log.ts';
import { ChainMismatch } from '../network.ts';
import { RpcErrorAnswer, RpcFailure, RpcSilence } from './json-rpc.ts';
import { createStanding, type SeenHead, type Standing } from './node-standing.ts';
import { judgeHeads, type HeadBounds } from './watch-heads.ts';

/** One node of a chain, as its driver asks it. */
export interface PoolNode {
  /** "node 1 of 2": no message ever shows a URL. */
  readonly label: string;
}

/** A node's transport: what it does is observed, whoever asks. */
export interface Transport {
  readonly label: string;
}

/** What a chain's nodes are made of. */
export interface PoolOptions<T extends Transport, N extends PoolNode> {
  /** In the order of preference. */
  readonly endpoints: readonly T[];
  /** The same transport, of which every question goes through `observe`. */
  readonly observed: (endpoint: T, observe: Observe) => T;
  readonly createNode: (endpoint: T) => N;
  readonly newestBlock: (node: N) => Promise<SeenHead>;
  readonly bounds: HeadBounds;
  /** How many nodes prove something; default: more than half of them. */
  readonly quorum?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Log | undefined;
}

/** Lets a question through, and notes how the node took it. */
export type Observe = <T>(question: () => Promise<T>) => Promise<T>;

/** The nodes of one chain. None of them is believed alone where there are more. */
export interface NodePool<N extends PoolNode> {
  readonly all: readonly N[];
  /** How many nodes must say the same before it is a proof: 1 of 1, 2 of 2, 2 of 3. */
  readonly quorum: number;
  /**
   * Does `work` wholly on one node, so that its answers belong together: on the one that last
   * answered well, and on the next where it throws {@link RpcFailure}. Throws an RpcFailure where
   * no node can; any other error at once.
   */
  onOne<T>(work: (node: N) => Promise<T>): Promise<T>;
  /**
   * Does `work` on every node, in parallel and wholly on each. In the order of `all`. A node that has
   * been silent is left out for a while, of which it is tried out again by one question at its end.
   */
  hearAll<T>(work: (node: N) => Promise<T>): Promise<readonly Heard<N, T>[]>;
  /**
   * The node has said what cannot be true beside what a quorum says. It is asked last from now on,
   * and its word counts for no quorum until it has agreed again for a while.
   */
  quarantine(node: N, reason: string): void;
  /** Whether the node's word counts for a quorum: it is not in quarantine. */
  counts(node: N): boolean;
  /** A quorum has spoken, and the node said the same or not. Only matters in quarantine. */
  weigh(node: N, agreed: boolean): void;
  /**
   * Asks the nodes for their newest block, where that was not done a moment ago, so that a node
   * that stands still or lags behind is passed over. To be called often; never fails.
   */
  watch(): Promise<void>;
}

/** What one node said. `reason` shows no URL. */
export type Heard<N extends PoolNode, T> =
  | { readonly node: N; readonly kind: 'heard'; readonly value: T }
  | { readonly node: N; readonly kind: 'failed'; readonly reason: string };

/** Between two looks at the newest blocks. */
const WATCH_MS = 5_000;

/** Throws a RangeError where there is no node, or a quorum that could contradict itself. */
export function createNodePool<T extends Transport, N extends PoolNode>(
  options: PoolOptions<T, N>,
): NodePool<N> {
  const { endpoints, newestBlock, bounds, clock = systemClock } = options;
  const members = endpoints.map((endpoint) => admit(endpoint, options));
  const quorum = quorumOf(members.length, options.quorum);
  const standingOf = (node: N): Standing =>
    present(members.find((member) => member.node === node)?.standing, 'the node is of this pool');
  const hearAll = createHearAll(members);
  return {
    all: members.map(({ node }) => node),
    quorum,
    onOne: createOnOne(members),
    hearAll,
    quarantine: (node, reason) => standingOf(node).quarantine(reason),
    counts: (node) => standingOf(node).counts(),
    weigh: (node, agreed) => standingOf(node).weigh(agreed),
    watch: createWatch(clock, async () => {
      const heard = await hearAll(newestBlock);
      const heads = heard.flatMap((it) =>
        it.kind === 'heard' ? [{ standing: standingOf(it.node), head: it.value }] : [],
      );
      judgeHeads(heads, bounds);
    }),
  };
}

function quorumOf(count: number, wanted: number | undefined): number {
  if (count === 0) throw new RangeError('a network needs at least one RPC URL');
  const majority = Math.floor(count / 2) + 1;
  const quorum = wanted ?? majority;
  // With half of the nodes or fewer, two quorums could say different things.
  if (Number.isInteger(quorum) && quorum >= majority && quorum <= count) return quorum;
  throw new RangeError(`a quorum of ${count} nodes is ${majority} to ${count}`);
}

interface Member<N extends PoolNode> {
  readonly node: N;
  readonly standing: Standing;
}

function admit<T extends Transport, N extends PoolNode>(
  endpoint: T,
  options: PoolOptions<T, N>,
): Member<N> {
  const { clock = systemClock, log = silentLog } = options;
  const standing = createStanding(endpoint.label, { clock, log });
  const observe: Observe = async (question) => {
    try {
      const result = await question();
      standing.answered();
      return result;
    } catch (error) {
      note(standing, error);
      throw error;
    }
  };
  return { node: options.createNode(options.observed(endpoint, observe)), standing };
}

/** An error object is an answer: what the node thinks of the question, not how the node is. */
function note(standing: Standing, error: unknown): void {
  if (error instanceof RpcSilence) {
    standing.fellSilent(error.message);
    return;
  }
  standing.answered();
  if (error instanceof RpcFailure && !(error instanceof RpcErrorAnswer)) {
    standing.failed(error.message);
  }
}

/** Nodes in the order of their standing; among equals the one that last did well, then as configured. */
function createOnOne<N extends PoolNode>(members: readonly Member<N>[]): NodePool<N>['onOne'] {
  let preferred: Member<N> | undefined;
  const inOrder = (): Member<N>[] =>
    members
      .map((member) => ({
        member,
        rank: member.standing.rank() - (member === preferred ? 0.5 : 0),
      }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ member }) => member);
  return async (work) => {
    const failures: Error[] = [];
    for (const member of inOrder()) {
      try {
        const value = await work(member.node);
        member.standing.didWell();
        preferred = member;
        return value;
      } catch (error) {
        if (!isFailureOfNode(error)) throw error;
        member.standing.failed(error.message);
        failures.push(error);
      }
    }
    const mismatch = failures.find((failure) => failure instanceof ChainMismatch);
    throw mismatch ?? new RpcFailure(failures.map(({ message }) => message).join('; '));
  };
}

function createHearAll<N extends PoolNode>(members: readonly Member<N>[]): NodePool<N>['hearAll'] {
  return async (work) => {
    const leftOut = members.filter(({ standing }) => standing.mayBeLeftOut());
    const others = members.filter((member) => !leftOut.includes(member));
    // Where nobody is left to count, a node that was silent is asked after all.
    const isAsked = (member: Member<N>): boolean =>
      !leftOut.includes(member) || !others.some(({ standing }) => standing.counts());
    return await Promise.all(
      members.map(async (member) => {
        const { node } = member;
        if (isAsked(member)) return await hear(member, work);
        const reason = `${node.label}: not asked, it has just been silent`;
        return { node, kind: 'failed' as const, reason };
      }),
    );
  };
}

async function hear<N extends PoolNode, T>(
  { node, standing }: Member<N>,
  work: (node: N) => Promise<T>,
): Promise<Heard<N, T>> {
  try {
    const value = await work(node);
    standing.didWell();
    return { node, kind: 'heard', value };
  } catch (error) {
    if (!isFailureOfNode(error)) throw error;
    return { node, kind: 'failed', reason: error.message };
  }
}

/** A node that turns out to be of another chain is as good as none. */
function isFailureOfNode(error: unknown): error is RpcFailure | ChainMismatch {
  return error instanceof RpcFailure || error instanceof ChainMismatch;
}

function createWatch(clock: Clock, look: () => Promise<void>): () => Promise<void> {
  let lookedAt: number | null = null;
  return async () => {
    const now = clock.now().getTime();
    if (lookedAt !== null && Math.abs(now - lookedAt) < WATCH_MS) return;
    lookedAt = now;
    await look();
  };
}
