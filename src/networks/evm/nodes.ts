import { createRpcEndpoints, RpcFailure } from './json-rpc.ts';
import { createEvmNode, type EvmNode } from './node.ts';

/** How the nodes of one chain are reached. */
export interface EvmConnection {
  /** EIP-155. Every node is asked for it before anything else is believed. */
  readonly chainId: number;
  /** In the order of preference: reads go to the first that answers, signed bytes to all. */
  readonly rpcUrls: readonly string[];
  /** For one call, its body included. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

export function connectNodes(connection: EvmConnection): readonly EvmNode[] {
  const { chainId, rpcUrls, timeoutMs = TIMEOUT_MS } = connection;
  if (rpcUrls.length === 0) throw new RangeError('an EVM network needs at least one RPC URL');
  return createRpcEndpoints(rpcUrls, timeoutMs).map((endpoint) =>
    createEvmNode(endpoint, BigInt(chainId)),
  );
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
