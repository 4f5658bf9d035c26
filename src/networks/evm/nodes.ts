import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { createRpcEndpoints, observedRpc, type RpcEndpoint } from '../nodes/json-rpc.ts';
import { createNodePool, type NodePool } from '../nodes/node-pool.ts';
import type { HeadBounds } from '../nodes/watch-heads.ts';
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

/** The nodes of one EVM chain. */
export type EvmPool = NodePool<EvmNode>;

/** By chain id. About a minute of blocks: nodes of one provider differ by a few of them. */
const BOUNDS: ReadonlyMap<number, HeadBounds> = new Map([
  // Blocks every 12 s; slots are missed now and then.
  [1, { lagBlocks: 4n, stillMs: 90_000 }],
  // Every 2 s.
  [137, { lagBlocks: 30n, stillMs: 60_000 }],
  // Every 0.45 to 3 s, as the chain's rules were at the time.
  [56, { lagBlocks: 60n, stillMs: 60_000 }],
]);
const OTHER_CHAIN: HeadBounds = { lagBlocks: 30n, stillMs: 60_000 };

export function boundsOf(chainId: number): HeadBounds {
  return BOUNDS.get(chainId) ?? OTHER_CHAIN;
}

const TIMEOUT_MS = 10_000;

/** Throws a RangeError where the connection names no node, or a quorum that could contradict itself. */
export function connectNodes(connection: EvmConnection): EvmPool {
  const { chainId, rpcUrls = [], timeoutMs = TIMEOUT_MS, quorum, clock, log } = connection;
  return createNodePool({
    endpoints: connection.endpoints ?? createRpcEndpoints(rpcUrls, timeoutMs),
    observed: observedRpc,
    createNode: (endpoint) => createEvmNode(endpoint, BigInt(chainId)),
    newestBlock: async (node) => await node.latestBlock(),
    bounds: boundsOf(chainId),
    quorum,
    clock,
    log,
  });
}
