import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { createRpcEndpoints, observedRpc, type RpcEndpoint } from '../nodes/json-rpc.ts';
import { createNodePool, type NodePool } from '../nodes/node-pool.ts';
import type { HeadBounds } from '../nodes/watch-heads.ts';
import { createSolanaNode, type SolanaNode } from './node.ts';

/** How the nodes of one chain are reached. */
export interface SolanaConnection {
  /** Every node is asked for its genesis before anything else is believed; null where any will do. */
  readonly expectedGenesis: string | null;
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

/** The nodes of one Solana chain. */
export type SolanaPool = NodePool<SolanaNode>;

/** About a minute of slots, of 400 ms each; nodes of one provider differ by a few of them. */
const BOUNDS: HeadBounds = { lagBlocks: 150n, stillMs: 60_000 };

const TIMEOUT_MS = 10_000;

/** Throws a RangeError where the connection names no node, or a quorum that could contradict itself. */
export function connectNodes(connection: SolanaConnection): SolanaPool {
  const { expectedGenesis, rpcUrls = [], timeoutMs = TIMEOUT_MS } = connection;
  const { quorum, clock, log } = connection;
  return createNodePool({
    endpoints: connection.endpoints ?? createRpcEndpoints(rpcUrls, timeoutMs),
    observed: observedRpc,
    createNode: (endpoint) => createSolanaNode(endpoint, expectedGenesis),
    newestBlock: async (node) => await node.latestBlock(),
    bounds: BOUNDS,
    quorum,
    clock,
    log,
  });
}
