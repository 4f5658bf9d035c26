import { present } from '../../base/assert.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import { silentLog, type Log } from '../../base/log.ts';
import { ChainMismatch } from '../network.ts';
import {
  createRpcEndpoints,
  RpcErrorAnswer,
  RpcFailure,
  RpcSilence,
  type RpcEndpoint,
} from './json-rpc.ts';
import { createStanding, type Standing } from './node-standing.ts';
import { createEvmNode, type EvmNode } from './node.ts';
import { boundsOf, judgeHeads } from './watch-heads.ts';

/** How the nodes of one chain are reached. */
export interface EvmConnection {
  /** EIP-155. Every node is asked for it before anything else is believed. */
  readonly chainId: number;
  /** In the order of preference: reads stay on the node that answered last, signed bytes go to all. */
  readonly rpcUrls?: readonly string[];
  /** In place of `rpcUrls`. */
  readonly endpoints?: readonly RpcEndpoint[];
  /** How many nodes prove something; default: more than half of them. */
  readonly quorum?: number;
  /** For one call, its body included. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly log?: Log;
}

/** The nodes of one chain. None of them is believed alone where there are more. */
export interface NodePool {
  readonly all: readonly EvmNode[];
  /** How many nodes must say the same before it is a proof: 1 of 1, 2 of 2, 2 of 3. */
  readonly quorum: number;
  /**
   * Does `work` wholly on one node, so that its answers belong together: on the one that last
   * answered well, and on the next where it throws {@link RpcFailure}. Throws an RpcFailure where
   * no node can; any other error at once.
   */
  onOne<T>(work: (node: EvmNode) => Promise<T>): Promise<T>;
  /**
   * Does `work` on every node, in parallel and wholly on each. In the order of `all`. A node that has
   * been silent is left out for a while, of which it is tried out again by one question at its end.
   */
  hearAll<T>(work: (node: EvmNode) => Promise<T>): Promise<readonly Heard<T>[]>;
  /**
   * The node has said what cannot be true beside what a quorum says. It is asked last from now on,
   * and its word counts for no quorum until it has agreed again for a while.
   */
  quarantine(node: EvmNode, reason: string): void;
  /** Whether the node's word counts for a quorum: it is not in quarantine. */
  counts(node: EvmNode): boolean;
  /** A quorum has spoken, and the node said the same or not. Only matters in quarantine. */
  weigh(node: EvmNode, agreed: boolean): void;
  /**
   * Asks the nodes for their newest block, where that was not done a moment ago, so that a node
   * that stands still or lags behind is passed over. To be called often; never fails.
   */
  watch(): Promise<void>;
}

/** What one node said. `reason` shows no URL. */
export type Heard<T> =
  | { readonly node: EvmNode; readonly kind: 'heard'; readonly value: T }
  | { readonly node: EvmNode; readonly kind: 'failed'; readonly reason: string };

const TIMEOUT_MS = 10_000;
/** Between two looks at the newest blocks. */
const WATCH_MS = 5_000;

/** Throws a RangeError where the connection names no node, or a quorum that could contradict itself. */
export function connectNodes(connection: EvmConnection): NodePool {
  const { chainId, rpcUrls = [], timeoutMs = TIMEOUT_MS } = connection;
  const { clock = systemClock, log = silentLog } = connection;
  const endpoints = connection.endpoints ?? createRpcEndpoints(rpcUrls, timeoutMs);
  const members = endpoints.map((endpoint) => admit(endpoint, { chainId, clock, log }));
  const quorum = quorumOf(members.length, connection.quorum);
  const standingOf = (node: EvmNode): Standing =>
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
      const heard = await hearAll(async (node) => await node.latestBlock());
      const heads = heard.flatMap((it) =>
        it.kind === 'heard' ? [{ standing: standingOf(it.node), head: it.value }] : [],
      );
      judgeHeads(heads, boundsOf(chainId));
    }),
  };
}

function quorumOf(count: number, wanted: number | undefined): number {
  if (count === 0) throw new RangeError('an EVM network needs at least one RPC URL');
  const majority = Math.floor(count / 2) + 1;
  const quorum = wanted ?? majority;
  // With half of the nodes or fewer, two quorums could say different things.
  if (Number.isInteger(quorum) && quorum >= majority && quorum <= count) return quorum;
  throw new RangeError(`a quorum of ${count} nodes is ${majority} to ${count}`);
}

interface Member {
  readonly node: EvmNode;
  readonly standing: Standing;
}

function admit(
  endpoint: RpcEndpoint,
  { chainId, clock, log }: { chainId: number; clock: Clock; log: Log },
): Member {
  const standing = createStanding(endpoint.label, { clock, log });
  const observed: RpcEndpoint = {
    label: endpoint.label,
    async request(method, params) {
      try {
        const result = await endpoint.request(method, params);
        standing.answered();
        return result;
      } catch (error) {
        note(standing, error);
        throw error;
      }
    },
  };
  return { node: createEvmNode(observed, BigInt(chainId)), standing };
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
function createOnOne(members: readonly Member[]): NodePool['onOne'] {
  let preferred: Member | undefined;
  const inOrder = (): Member[] =>
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

function createHearAll(members: readonly Member[]): NodePool['hearAll'] {
  return async (work) => {
    const leftOut = members.filter(({ standing }) => standing.mayBeLeftOut());
    const others = members.filter((member) => !leftOut.includes(member));
    // Where nobody is left to count, a node that was silent is asked after all.
    const isAsked = (member: Member): boolean =>
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

async function hear<T>(
  { node, standing }: Member,
  work: (node: EvmNode) => Promise<T>,
): Promise<Heard<T>> {
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

function createWatch(clock: Clock, look: () => Promise<void>): NodePool['watch'] {
  let lookedAt: number | null = null;
  return async () => {
    const now = clock.now().getTime();
    if (lookedAt !== null && Math.abs(now - lookedAt) < WATCH_MS) return;
    lookedAt = now;
    await look();
  };
}
