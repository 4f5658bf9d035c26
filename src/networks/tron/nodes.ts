import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { createNodePool, type NodePool } from '../nodes/node-pool.ts';
import type { HeadBounds } from '../nodes/watch-heads.ts';
import { createTronEndpoints, observedEndpoint, type TronEndpoint } from './endpoint.ts';
import { createTronNode, type TronNode } from './node.ts';

/** How the nodes of a Tron chain are reached. */
export interface TronConnection {
  /** The id of block 0, for which every node is asked before anything else; null: any chain. */
  readonly expectedGenesis: string | null;
  /** Base URLs of full nodes, in the order of preference. Reads stay on the one that answered last. */
  readonly rpcUrls?: readonly string[];
  /** In place of `rpcUrls`. */
  readonly endpoints?: readonly TronEndpoint[];
  /** How many nodes prove something; default: more than half of them. */
  readonly quorum?: number;
  /** For one call, its body included. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly log?: Log;
}

/** The nodes of a Tron chain. */
export type TronPool = NodePool<TronNode>;

/** A minute of blocks, which come every 3 s; now and then a witness misses its turn. */
const BOUNDS: HeadBounds = { lagBlocks: 20n, stillMs: 60_000 };

const TIMEOUT_MS = 10_000;

/** Throws a RangeError where the connection names no node, or a quorum that could contradict itself. */
export function connectNodes(connection: TronConnection): TronPool {
  const { rpcUrls = [], timeoutMs = TIMEOUT_MS, quorum, clock, log, expectedGenesis } = connection;
  return createNodePool({
    endpoints: connection.endpoints ?? createTronEndpoints(rpcUrls, timeoutMs),
    observed: observedEndpoint,
    createNode: (endpoint) => createTronNode(endpoint, expectedGenesis),
    newestBlock: async (node) => await node.head('newest'),
    bounds: BOUNDS,
    quorum,
    clock,
    log,
  });
}
