import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { createRpcEndpoints, observedRpc } from '../nodes/json-rpc.ts';
import { createNodePool, type NodePool } from '../nodes/node-pool.ts';
import { createBitcoinNode, type BitcoinEndpoint, type BitcoinNode } from './node.ts';
import { readExactJson } from './read-answer.ts';

/** How the nodes of a Bitcoin chain are reached: bitcoind's JSON-RPC, Bitcoin Core 28 or Knots 28 and newer. */
export interface BitcoinConnection {
  /**
   * The hash of the first block. Every node is asked for it before anything else is believed; null where
   * any chain will do.
   */
  readonly expectedGenesis: string | null;
  /** In the order of preference: reads stay on the node that answered last, signed bytes go to all. */
  readonly rpcUrls?: readonly string[];
  /** In place of `rpcUrls`. Their answers are read by `readExactJson`. */
  readonly endpoints?: readonly BitcoinEndpoint[];
  /** How many nodes prove something; default: more than half of them. */
  readonly quorum?: number;
  /** For one call, its body included. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly log?: Log;
}

/** The nodes of one Bitcoin chain. */
export type BitcoinPool = NodePool<BitcoinNode>;

/** A block with its transactions is some megabytes; a node takes a second to write it. */
const TIMEOUT_MS = 30_000;

/**
 * Blocks come every ten minutes on the average, and once in a hundred an hour passes without one: that
 * alone is no reason to pass a node over, unless another has moved.
 */
const BOUNDS = { lagBlocks: 1n, stillMs: 30 * 60_000 };

/** Throws a RangeError where the connection names no node, or a quorum that could contradict itself. */
export function connectNodes(connection: BitcoinConnection): BitcoinPool {
  const { rpcUrls = [], timeoutMs = TIMEOUT_MS, quorum, clock, log } = connection;
  return createNodePool({
    endpoints: connection.endpoints ?? openEndpoints(rpcUrls, timeoutMs),
    observed: (endpoint, observe) => ({
      ...observedRpc(endpoint, observe),
      // That a long answer does not come says nothing of how the node is.
      patient: endpoint.patient ?? endpoint,
    }),
    createNode: (endpoint) => createBitcoinNode(endpoint, connection.expectedGenesis),
    newestBlock: async (node) => {
      const { height, hash } = await node.tip();
      return { number: BigInt(height), hash };
    },
    bounds: BOUNDS,
    quorum,
    clock,
    log,
  });
}

/** Looking through the whole chain for the treasury's coins takes a node hours at the most. */
const PATIENT_TIMEOUT_MS = 12 * 3_600_000;

function openEndpoints(rpcUrls: readonly string[], timeoutMs: number): BitcoinEndpoint[] {
  const patient = createRpcEndpoints(rpcUrls, PATIENT_TIMEOUT_MS, readExactJson);
  return createRpcEndpoints(rpcUrls, timeoutMs, readExactJson).map((endpoint, index) => ({
    ...endpoint,
    patient: patient[index],
  }));
}
