import type { Clock } from '../../base/clock.ts';
import { silentLog, type Log } from '../../base/log.ts';
import { createRpcEndpoints, RpcFailure, type RpcEndpoint } from './json-rpc.ts';
import { createEvmNode, type EvmNode } from './node.ts';

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
  /** Does `work` on every node, in parallel and wholly on each. In the order of `all`. */
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

export function connectNodes(connection: EvmConnection): NodePool {
  const { chainId, rpcUrls = [], timeoutMs = TIMEOUT_MS, log = silentLog } = connection;
  const endpoints = connection.endpoints ?? createRpcEndpoints(rpcUrls, timeoutMs);
  if (endpoints.length === 0) throw new RangeError('an EVM network needs at least one RPC URL');
  const all = endpoints.map((endpoint) => createEvmNode(endpoint, BigInt(chainId)));
  const suspects = new Set<EvmNode>();
  return {
    all,
    quorum: connection.quorum ?? Math.floor(all.length / 2) + 1,
    async onOne(work) {
      const inOrder = all.toSorted((a, b) => Number(suspects.has(a)) - Number(suspects.has(b)));
      return await onFirstAnswering(inOrder, work);
    },
    hearAll: async (work) => await Promise.all(all.map(async (node) => await hear(node, work))),
    quarantine(node, reason) {
      suspects.add(node);
      log.error({ alarm: true, node: node.label }, `${node.label} is in quarantine: ${reason}`);
    },
    counts: (node) => !suspects.has(node),
    weigh: () => undefined,
    watch: async () => await Promise.resolve(),
  };
}

async function hear<T>(node: EvmNode, work: (node: EvmNode) => Promise<T>): Promise<Heard<T>> {
  try {
    return { node, kind: 'heard', value: await work(node) };
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    return { node, kind: 'failed', reason: error.message };
  }
}

/**
 * Does `work` wholly on the first node that can do it, so that its answers belong together.
 * Throws {@link RpcFailure} where no node can; any other error at once.
 */
export async function onFirstAnswering<T>(
  nodes: readonly EvmNode[],
  work: (node: EvmNode) => Promise<T>,
): Promise<T> {
  const failures: string[] = [];
  for (const node of nodes) {
    try {
      return await work(node);
    } catch (error) {
      if (!(error instanceof RpcFailure)) throw error;
      failures.push(error.message);
    }
  }
  throw new RpcFailure(failures.join('; '));
}
