import { present } from '../../base/assert.ts';
import { SigningPostponed } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';
import type { Block } from './read-answer.ts';

/** What a transaction is bound to: it lies in a later block than this, up to that height, or in none. */
export interface Fence {
  readonly block: Block;
  readonly validUntilBlock: bigint;
}

/**
 * A validator takes a blockhash that is among the 151 newest: of the blocks at the heights 1 to 151 above
 * its own. Nodes name the 150th as the last one.
 */
const VALID_BLOCKS = 151n;

/** Whoever names more is not believed: an attempt that cannot die would keep its payouts for ever. */
const MOST_VALID_BLOCKS = 2n * VALID_BLOCKS;

/**
 * The newest finalized blockhash that a quorum of the nodes has reached and agrees on. Finalized, so that
 * no fork takes it away, every node knows it and its height is what the nodes will count from; it costs 32
 * of the 151 blocks. The last height is the greatest that the nodes, or the rule, name.
 * Throws {@link SigningPostponed} where there is none.
 */
export async function readFreshBlockhash(pool: SolanaPool): Promise<Fence> {
  const heard = await pool.hearAll(readOnNode);
  const offered = heard.flatMap((it) =>
    it.kind === 'heard' && pool.counts(it.node) ? [it.value] : [],
  );
  if (offered.length < pool.quorum) {
    const reasons = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
    throw new SigningPostponed(`Too few nodes give a blockhash: ${reasons.join('; ')}`);
  }
  const newestFirst = offered.toSorted((a, b) => Number(b.block.number - a.block.number));
  const { block } = present(newestFirst[pool.quorum - 1], 'a quorum has offered');
  await requireAgreed(pool, block);
  const validBlocks = offered.reduce(
    (most, { validBlocks: named }) => (named > most ? named : most),
    VALID_BLOCKS,
  );
  return { block, validUntilBlock: block.height + validBlocks };
}

async function readOnNode(
  node: SolanaNode,
): Promise<{ readonly block: Block; readonly validBlocks: bigint }> {
  const { slot, value } = await node.latestBlockhash();
  const block = await node.blockAt(slot);
  if (block?.hash !== value.blockhash) {
    throw new RpcFailure(`${node.label}: its newest blockhash is not of its block`);
  }
  const validBlocks = value.lastValidBlockHeight - block.height;
  if (validBlocks <= 0n || validBlocks > MOST_VALID_BLOCKS) {
    throw new RpcFailure(`${node.label}: its blockhash is valid for ${validBlocks} blocks`);
  }
  return { block, validBlocks };
}

/** One node's word on a height would decide when an attempt is dead. */
async function requireAgreed(pool: SolanaPool, block: Block): Promise<void> {
  const said = await askQuorum(
    pool,
    async (node) => {
      const own = await node.blockAt(block.number);
      if (own === null) throw new RpcFailure(`${node.label} has no block ${block.number}`);
      return `${own.hash} ${own.height}`;
    },
    Object.is,
  );
  if (said.kind === 'agreed' && said.value === `${block.hash} ${block.height}`) return;
  throw new SigningPostponed('The nodes do not agree on a blockhash.');
}
