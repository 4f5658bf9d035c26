import { isDeepStrictEqual } from 'node:util';
import type { Sighting } from '../network.ts';
import { proveDeath } from './death-proof.ts';
import { judgeFinal } from './fate.ts';
import { readFinalized } from './finality.ts';
import type { FollowedTransfer } from './followed-transfer.ts';
import { RpcFailure } from './json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { Block, KnownTransaction, Receipt } from './read-answer.ts';

/**
 * What one node says of one transfer. All answers are of this node, in the order in which each
 * can still be overtaken by the next. Throws RpcFailure where the node fails or contradicts itself.
 */
export async function sight(node: EvmNode, transfer: FollowedTransfer): Promise<Sighting> {
  const receipt = await node.receipt(transfer.hash);
  if (receipt !== null) return await sightReceipt(node, transfer, receipt);
  const known = await node.transaction(transfer.hash);
  if (known !== null) return await sightKnown(node, transfer, known);
  const finalized = await readFinalized(node);
  const count = await node.transactionCount(transfer.sender, 'finalized');
  if (count <= transfer.nonce) return { kind: 'unseen' };
  return await proveDeath(node, transfer, finalized.number);
}

/**
 * A receipt counts only while its block is the chain's own, and is final only below the finalized
 * block. It is read once more at the end, when nothing can change it any more.
 */
async function sightReceipt(
  node: EvmNode,
  transfer: FollowedTransfer,
  receipt: Receipt,
): Promise<Sighting> {
  if (receipt.from !== transfer.sender || receipt.to !== transfer.bytes.token) {
    throw new RpcFailure(`${node.label}: the receipt has another sender or target`);
  }
  const finalized = await readFinalized(node);
  const canonical = await node.blockAt(receipt.blockNumber);
  if (canonical?.hash !== receipt.blockHash) return { kind: 'unseen' };
  assertHolds(node, canonical, transfer);
  const block = { number: receipt.blockNumber, hash: receipt.blockHash };
  if (receipt.blockNumber > finalized.number) return { kind: 'included', block };
  if (!isDeepStrictEqual(await node.receipt(transfer.hash), receipt)) {
    throw new RpcFailure(`${node.label}: a final receipt has changed`);
  }
  const fate = await judgeFinal(node, transfer, receipt);
  if (fate.kind === 'unknown') return fate;
  const feeUnits = receipt.gasUsed * receipt.gasPriceWei;
  return { kind: 'final', block, feeUnits, fates: [fate] };
}

function assertHolds(node: EvmNode, block: Block, transfer: FollowedTransfer): void {
  const holds = block.transactions.some(
    (hash) => typeof hash === 'string' && hash.toLowerCase() === transfer.hash,
  );
  if (!holds) throw new RpcFailure(`${node.label}: the receipt's block does not hold it`);
}

/** Known without a receipt: waiting, or in a block so new that the receipt is not indexed yet. */
async function sightKnown(
  node: EvmNode,
  transfer: FollowedTransfer,
  known: KnownTransaction,
): Promise<Sighting> {
  if (known.from !== transfer.sender || known.nonce !== transfer.nonce) {
    throw new RpcFailure(`${node.label}: the transaction has another sender or nonce`);
  }
  if (known.block === null) return { kind: 'waiting' };
  const finalized = await readFinalized(node);
  const canonical = await node.blockAt(known.block.number);
  if (canonical?.hash !== known.block.hash) return { kind: 'unseen' };
  if (known.block.number <= finalized.number) {
    throw new RpcFailure(`${node.label}: a final transaction has no receipt`);
  }
  return { kind: 'included', block: known.block };
}
