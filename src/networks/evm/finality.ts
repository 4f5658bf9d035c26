import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { Block } from './read-answer.ts';

/**
 * The newest finalized block. Throws where the node's own chain holds another block at its
 * height: such a node can prove nothing.
 */
export async function readFinalized(node: EvmNode): Promise<Block> {
  const finalized = await node.finalizedBlock();
  const canonical = await node.blockAt(finalized.number);
  if (canonical?.hash !== finalized.hash) {
    throw new RpcFailure(`${node.label}: the finalized block is not on the node's chain`);
  }
  return finalized;
}
