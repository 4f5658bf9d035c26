import type { BlockReference, ChainHead } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { hearQuorum, reachedByQuorum } from '../nodes/hear-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { TronNode } from './node.ts';
import type { TronPool } from './nodes.ts';
import type { Block } from './read-answer.ts';

/** Where the chain stands, by its newest and its newest solidified block. */
export interface Head {
  readonly latest: Block;
  readonly solid: Block;
}

/**
 * The newest solidified block: 19 of 27 witnesses have built on it, and no node goes back behind it. Throws
 * where the node's own chain holds another block at its height: such a node can prove nothing.
 */
export async function readSolid(node: TronNode): Promise<Block> {
  const solid = await node.head('solid');
  if (!(await holds(node, solid))) {
    throw new RpcFailure(`${node.label}: the solidified block is not on the node's chain`);
  }
  return solid;
}

/** Whether a node holds this block on its chain now. */
export async function holds(node: TronNode, block: BlockReference): Promise<boolean> {
  return (await node.blockAt(block.number))?.hash === block.hash;
}

/**
 * Nodes are not at the same block at the same moment. This is the furthest point that a quorum of them
 * has reached. Throws RpcFailure where fewer answer.
 */
export async function readHead(pool: TronPool): Promise<Head> {
  const heads = await hearQuorum(pool, async (node) => {
    // The newest first, so that it is not before the solidified one.
    const latest = await node.head('newest');
    return { latest, solid: await readSolid(node) };
  });
  return reachedByQuorum(pool, heads, (a, b) => Number(a.solid.number - b.solid.number));
}

/** Also looks after the nodes' newest blocks: this is asked for as long as a network is settled. */
export async function headOf(pool: TronPool): Promise<ChainHead> {
  await pool.watch();
  const { latest, solid } = await readHead(pool);
  return {
    latest: referenceOf(latest),
    final: referenceOf(solid),
    finalTime: new Date(Number(solid.timeMs)),
  };
}

/**
 * A node that has not come to the block's height yet says nothing about it. Nodes deny it together only
 * where they hold one and the same other block there: one that lies and one that is late do not.
 */
export async function holdsBlock(
  pool: TronPool,
  block: BlockReference,
): Promise<'yes' | 'no' | 'unknown'> {
  const said = await askQuorum(
    pool,
    async (node) => {
      const found = await node.blockAt(block.number);
      if (found === null) throw new RpcFailure(`${node.label} has no block ${block.number}`);
      return found.hash;
    },
    Object.is,
  );
  if (said.kind !== 'agreed') return 'unknown';
  return said.value === block.hash ? 'yes' : 'no';
}

export function referenceOf({ number, hash }: BlockReference): BlockReference {
  return { number, hash };
}
