import { isDeepStrictEqual } from 'node:util';
import type { Sighting } from '../network.ts';
import { readFinalized } from './finality.ts';
import type { FollowedBatch } from './followed-batch.ts';
import { executes, judgeBatch } from './judge-batch.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { NodeSighting } from '../nodes/sight-on-nodes.ts';
import { logsInChunks } from './logs-in-chunks.ts';
import type { EvmNode } from './node.ts';
import type { Block, EventLog, Hex, Receipt } from './read-answer.ts';
import { isSpentIn, spentSlotOf } from './spent-slot.ts';
import { readTreasuryEvent, type TreasuryEvent } from './treasury-events.ts';

/**
 * What one node says of one batch. All answers are of this node, in the order in which each can
 * still be overtaken by the next. Throws RpcFailure where the node fails or contradicts itself.
 */
export async function sight(node: EvmNode, batch: FollowedBatch): Promise<NodeSighting> {
  const withReceipt = new Set<Hex>();
  for (const hash of batch.transactionHashes) {
    const receipt = await node.receipt(hash);
    if (receipt === null) continue;
    withReceipt.add(hash);
    // A transaction that succeeded without the event has met an account without the treasury's code.
    const sighting = executes(batch, receipt) ? await sightExecuted(node, batch, receipt) : null;
    if (sighting !== null) return sighting;
  }
  const end = await sightEnd(node, batch);
  if (end !== null) return end;
  return { sighting: await sightOnTheWay(node, batch, withReceipt), block: null };
}

/**
 * A receipt counts only while its block is the chain's own, and is final only up to the finalized
 * block. It is read once more at the end, when nothing can change it any more. Null where the chain
 * has left its block.
 */
async function sightExecuted(
  node: EvmNode,
  batch: FollowedBatch,
  receipt: Receipt,
): Promise<NodeSighting | null> {
  const finalized = await readFinalized(node);
  const canonical = await node.blockAt(receipt.blockNumber);
  if (canonical?.hash !== receipt.blockHash) return null;
  assertHolds(node, canonical, receipt.transactionHash);
  const block = { number: receipt.blockNumber, hash: receipt.blockHash };
  if (receipt.blockNumber > finalized.number) {
    return { sighting: { kind: 'included', block }, block: null };
  }
  if (!isDeepStrictEqual(await node.receipt(receipt.transactionHash), receipt)) {
    throw new RpcFailure(`${node.label}: a final receipt has changed`);
  }
  if (!(await isSpentAt(node, batch, finalized))) {
    throw new RpcFailure(`${node.label}: a batch that was carried out has an unspent id`);
  }
  return { sighting: await judgeBatch(node, batch, receipt), block };
}

/** Asks what needs no transaction to be known: whether the id is spent, or can be no more. */
async function sightEnd(node: EvmNode, batch: FollowedBatch): Promise<NodeSighting | null> {
  const finalized = await readFinalized(node);
  if (await isSpentAt(node, batch, finalized)) return await sightSpent(node, batch, finalized);
  const { deadline } = batch.batch;
  // Blocks to come are later still, and the contract refuses a batch after its deadline.
  if (finalized.timestamp <= deadline) return null;
  return {
    sighting: {
      kind: 'dead',
      reason: 'Its deadline has passed in a final block, and it was not carried out until then.',
      proof: {
        blockNumber: finalized.number.toString(),
        blockHash: finalized.hash,
        blockTime: finalized.timestamp.toString(),
        deadline: deadline.toString(),
        treasury: batch.place.treasury,
        slot: spentSlotOf(batch.batch.batchId).slot,
        bit: spentSlotOf(batch.batch.batchId).bit.toString(),
        spent: false,
      },
      takenBy: null,
    },
    block: finalized,
  };
}

/** Whether the id is spent at a block that the node holds before and after the question. */
async function isSpentAt(node: EvmNode, batch: FollowedBatch, block: Block): Promise<boolean> {
  const place = spentSlotOf(batch.batch.batchId);
  const word = await node.storageAt(batch.place.treasury, place.slot, block.number);
  const canonical = await node.blockAt(block.number);
  if (canonical?.hash !== block.hash) {
    throw new RpcFailure(`${node.label}: a finalized block has changed`);
  }
  return isSpentIn(word, place);
}

/** The id is spent for good: by a transaction that is not known here, or on something else. */
async function sightSpent(
  node: EvmNode,
  batch: FollowedBatch,
  finalized: Block,
): Promise<NodeSighting> {
  const log = await findSpending(node, batch, finalized.number);
  const receipt = await node.receipt(log.transactionHash);
  const isThere = receipt?.logs.some((own) => isDeepStrictEqual(own, log)) ?? false;
  if (receipt === null || !isThere) {
    throw new RpcFailure(`${node.label}: an event is not in the receipt of its transaction`);
  }
  if (executes(batch, receipt)) {
    const sighting = await sightExecuted(node, batch, receipt);
    if (sighting === null) throw new RpcFailure(`${node.label}: an event is in no block`);
    return sighting;
  }
  const canonical = await node.blockAt(receipt.blockNumber);
  if (canonical?.hash !== receipt.blockHash) {
    throw new RpcFailure(`${node.label}: an event is in no block`);
  }
  assertHolds(node, canonical, receipt.transactionHash);
  return takenBy(batch, log);
}

function takenBy(batch: FollowedBatch, log: EventLog): NodeSighting {
  const event = readTreasuryEvent(log);
  const what = event?.kind === 'executed' ? 'BatchExecuted' : 'BatchCancelled';
  return {
    sighting: {
      kind: 'dead',
      reason:
        event?.kind === 'executed'
          ? 'Another batch has spent its id.'
          : 'Its id was spent on nothing by a cancellation.',
      proof: {
        transactionHash: log.transactionHash,
        blockNumber: log.blockNumber.toString(),
        blockHash: log.blockHash,
        logIndex: log.logIndex.toString(),
        treasury: batch.place.treasury,
        batchId: batch.batch.batchId.toString(),
        event: what,
        digest: event?.kind === 'executed' ? event.digest : null,
      },
      takenBy: log.transactionHash,
    },
    block: { number: log.blockNumber, hash: log.blockHash },
  };
}

/** The one event that says what the id was spent on. Throws where the node has none. */
async function findSpending(
  node: EvmNode,
  { place, batch, sinceBlock }: FollowedBatch,
  to: bigint,
): Promise<EventLog> {
  const idTopic: Hex = `0x${batch.batchId.toString(16).padStart(64, '0')}`;
  const filter = { from: sinceBlock, to, address: place.treasury, topics: [null, idTopic] };
  const spends = (event: TreasuryEvent | null): boolean =>
    event !== null && event.kind !== 'item failed' && event.batchId === batch.batchId;
  for await (const logs of logsInChunks(node, filter)) {
    const log = logs.find((it) => spends(readTreasuryEvent(it)));
    if (log !== undefined) return log;
  }
  throw new RpcFailure(`${node.label}: the batch id is spent, and no event tells by what`);
}

function assertHolds(node: EvmNode, block: Block, transactionHash: Hex): void {
  const holds = block.transactions.some(
    (hash) => typeof hash === 'string' && hash.toLowerCase() === transactionHash,
  );
  if (!holds) throw new RpcFailure(`${node.label}: the receipt's block does not hold it`);
}

/** Waiting where a transaction of the batch may still land, in a block that is not indexed yet too. */
async function sightOnTheWay(
  node: EvmNode,
  batch: FollowedBatch,
  withReceipt: ReadonlySet<Hex>,
): Promise<Sighting> {
  for (const hash of batch.transactionHashes) {
    const known = await node.transaction(hash);
    if (known === null) continue;
    if (known.block === null || !withReceipt.has(hash)) return { kind: 'waiting' };
  }
  return { kind: 'unseen' };
}
