import { RpcFailure } from '../nodes/json-rpc.ts';
import type { NodeSighting } from '../nodes/sight-on-nodes.ts';
import type { Sighting } from '../network.ts';
import { holds, readSolid, referenceOf } from './chain-state.ts';
import type { FollowedTransfer } from './followed-transfer.ts';
import { judgeTransfer } from './judge-transfer.ts';
import type { TronNode } from './node.ts';
import type { Block, TransactionInfo } from './read-answer.ts';

/**
 * What one node says of one transfer. All answers are of this node, in the order in which each can still be
 * overtaken by the next. Throws RpcFailure where the node fails or contradicts itself.
 */
export async function sight(node: TronNode, followed: FollowedTransfer): Promise<NodeSighting> {
  const info = await node.info(followed.txid, 'solid');
  if (info !== null) return await sightFinal(node, followed, info);
  const end = await sightEnd(node, followed);
  if (end !== null) return end;
  return { sighting: await sightOnTheWay(node, followed.txid), block: null };
}

/** It lies in a solidified block, however late: what it did is for good. */
async function sightFinal(
  node: TronNode,
  followed: FollowedTransfer,
  info: TransactionInfo,
): Promise<NodeSighting> {
  const { txid } = followed;
  const solid = await readSolid(node);
  if (info.blockNumber > solid.number) {
    throw new RpcFailure(`${node.label}: a transaction is solidified before its block`);
  }
  const block = await blockOf(node, info);
  if (block === null) throw new RpcFailure(`${node.label}: a solidified transaction has no block`);
  const transaction = await node.transaction(txid, 'solid');
  if (transaction === null) {
    throw new RpcFailure(`${node.label}: a transaction has an info and is not there`);
  }
  if (transaction.result !== null && transaction.result !== info.result) {
    throw new RpcFailure(`${node.label}: a transaction and its info have different results`);
  }
  return { sighting: judgeTransfer(followed, info, block), block: referenceOf(block) };
}

/** The block that the node has at the height that the info names; null where it is another. */
async function blockOf(node: TronNode, info: TransactionInfo): Promise<Block | null> {
  const block = await node.blockAt(info.blockNumber);
  return block?.timeMs === info.blockTimeMs ? block : null;
}

/**
 * java-tron takes a transaction into a block only where its expiration is later than the time of the block
 * before. So when a solidified block is as late, no later one can hold it; and what is not there at or after
 * that block is nowhere. The time is read first and the absence afterwards, never the other way.
 */
async function sightEnd(node: TronNode, followed: FollowedTransfer): Promise<NodeSighting | null> {
  const { txid, transfer, sinceBlock } = followed;
  const solid = await readSolid(node);
  if (solid.timeMs <= transfer.expirationMs) return null;
  // A node that was set up later, or keeps no old blocks, knows nothing of the time in question.
  if ((await node.blockAt(sinceBlock)) === null) {
    throw new RpcFailure(`${node.label}: keeps no block ${sinceBlock}`);
  }
  const info = await node.info(txid, 'solid');
  if (info !== null) return await sightFinal(node, followed, info);
  // Nodes can be run without an index of infos; every one has its blocks' transactions.
  for (const view of ['solid', 'newest'] as const) {
    if ((await node.transaction(txid, view)) === null) continue;
    throw new RpcFailure(`${node.label}: has the transaction, and no info of it`);
  }
  if (!(await holds(node, solid))) {
    throw new RpcFailure(`${node.label}: a solidified block has changed`);
  }
  return { sighting: expired(followed, solid), block: referenceOf(solid) };
}

function expired({ txid, transfer }: FollowedTransfer, solid: Block): Sighting {
  return {
    kind: 'dead',
    reason: 'It has expired by the time of a solidified block, and none holds it.',
    proof: {
      transactionHash: txid,
      expiration: transfer.expirationMs.toString(),
      blockNumber: solid.number.toString(),
      blockHash: solid.hash,
      blockTime: solid.timeMs.toString(),
      found: false,
    },
    takenBy: null,
  };
}

async function sightOnTheWay(node: TronNode, txid: string): Promise<Sighting> {
  const info = await node.info(txid, 'newest');
  if (info !== null) {
    const block = await blockOf(node, info);
    // The chain has just left its block.
    if (block === null) return { kind: 'waiting' };
    return { kind: 'included', block: referenceOf(block) };
  }
  const isKnown =
    (await node.transaction(txid, 'newest')) !== null || (await isPending(node, txid));
  return { kind: isKnown ? 'waiting' : 'unseen' };
}

/** Most nodes show what waits as a transaction too. Not all answer this; it proves nothing either way. */
async function isPending(node: TronNode, txid: string): Promise<boolean> {
  try {
    return await node.isPending(txid);
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    return false;
  }
}
