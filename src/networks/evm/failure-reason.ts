import { assert } from '../../base/assert.ts';
import type { FollowedBatch } from './followed-batch.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { Hex, Receipt } from './read-answer.ts';
import {
  addressTopic,
  consents,
  describeRevert,
  findBlacklisting,
  readBalance,
  readPaused,
  TRANSFER_TOPIC,
  transferCalldata,
  transfersOf,
} from './token.ts';

/** An item that the treasury says has failed, and that moved nothing. */
export interface FailedItem {
  readonly to: Hex;
  readonly units: bigint;
  /** False: the token ran to its end, and did not consent. */
  readonly reverted: boolean;
  /** What the token returned. */
  readonly reason: Hex;
  /** Of the ItemFailed event. */
  readonly logIndex: bigint;
}

export interface FailureReason {
  /** As `ItemFate` has them: the recipient's matter, or not. */
  readonly kind: 'refused' | 'undone';
  /** For the payout's owner. */
  readonly reason: string;
}

/**
 * Why items of a final batch failed, and whose matter it was. That they moved nothing is proven by
 * the receipt; this only explains. What cannot be laid at the recipient's door is `undone`: the
 * payout is inspected afresh before it is signed for again.
 */
export async function describeFailures(
  node: EvmNode,
  { batch, receipt }: { readonly batch: FollowedBatch; readonly receipt: Receipt },
  items: readonly FailedItem[],
): Promise<FailureReason[]> {
  if (items.length === 0) return [];
  const token = nameOf(batch);
  try {
    const scene = await readScene(node, batch, receipt);
    const reasons: FailureReason[] = [];
    // One after the other: a paused token fails hundreds, and those ask the node nothing more.
    for (const item of items) reasons.push(await explain(node, scene, item));
    return reasons;
  } catch (error) {
    // A node that has forgotten the state makes the words poorer, and the recipient is not blamed.
    if (!(error instanceof RpcFailure)) throw error;
    return items.map((item) => ({ kind: 'undone', reason: `${sentence(token, item)}.` }));
  }
}

/** What was so for all items of the batch, in its block and at the end of the block before. */
interface Scene {
  readonly token: string;
  readonly batch: FollowedBatch;
  /** The two blocks: the truth when the item ran lies between them. */
  readonly blocks: readonly [bigint, bigint];
  /** What stopped every transfer of the treasury; null where nothing is known to have. */
  readonly obstacle: string | null;
  /** The treasury's units just before the event with this index. */
  heldBefore(logIndex: bigint): bigint;
}

async function readScene(node: EvmNode, followed: FollowedBatch, receipt: Receipt): Promise<Scene> {
  const { token: contract } = followed.batch;
  const { treasury } = followed.place;
  const blocks = [receipt.blockNumber - 1n, receipt.blockNumber] as const;
  const token = nameOf(followed);
  const [paused, listed, startUnits, sent, received] = await Promise.all([
    Promise.all(blocks.map(async (block) => await readPaused(node, contract, block))),
    Promise.all(
      blocks.map(async (block) => {
        const listing = await findBlacklisting(node, { contract, account: treasury }, block);
        return listing !== null;
      }),
    ),
    readBalance(node, { contract, owner: treasury }, blocks[0]),
    transfersInBlock(node, receipt, { contract, topics: [addressTopic(treasury)] }),
    transfersInBlock(node, receipt, { contract, topics: [null, addressTopic(treasury)] }),
  ]);
  const sumBefore = (events: typeof sent, logIndex: bigint): bigint =>
    events.filter((it) => it.logIndex < logIndex).reduce((sum, it) => sum + it.units, 0n);
  return {
    token,
    batch: followed,
    blocks,
    obstacle: obstacleOf(token, paused.includes(true), listed.includes(true)),
    heldBefore: (logIndex) =>
      startUnits + sumBefore(received, logIndex) - sumBefore(sent, logIndex),
  };
}

async function transfersInBlock(
  node: EvmNode,
  receipt: Receipt,
  { contract, topics }: { contract: Hex; topics: readonly (Hex | null)[] },
) {
  const filter = { address: contract, topics: [TRANSFER_TOPIC, ...topics] };
  return transfersOf(contract, await node.logsOf(receipt.blockHash, filter));
}

function obstacleOf(token: string, paused: boolean, listed: boolean): string | null {
  if (paused) return `${token} was paused by its issuer when the transfer ran.`;
  if (listed) return `The paying address is blacklisted by the issuer of ${token}.`;
  return null;
}

async function explain(node: EvmNode, scene: Scene, item: FailedItem): Promise<FailureReason> {
  const { token, obstacle, blocks } = scene;
  // First what stops every transfer, then what stops this one.
  if (obstacle !== null) return { kind: 'undone', reason: obstacle };
  if (scene.heldBefore(item.logIndex) < item.units || saysShort(item)) {
    const reason = `The treasury held too little ${token} when the transfer ran.`;
    return { kind: 'undone', reason };
  }
  const { token: contract } = scene.batch.batch;
  for (const block of blocks) {
    if ((await findBlacklisting(node, { contract, account: item.to }, block)) !== null) {
      const reason = `The recipient address is blacklisted by the issuer of ${token}.`;
      return { kind: 'refused', reason };
    }
  }
  const reason = sentence(token, item);
  if (await wouldPass(node, scene, item)) {
    return { kind: 'undone', reason: `${reason}; outside the batch it would have passed.` };
  }
  return { kind: 'refused', reason: `${reason}.` };
}

/** OpenZeppelin's tokens name a short balance themselves; so they do a pause that came and went. */
function saysShort(item: FailedItem): boolean {
  return item.reverted && /exceeds balance|InsufficientBalance/.test(describeRevert(item.reason));
}

/** Whether the same transfer was possible at either block: then the recipient was not the cause. */
async function wouldPass(node: EvmNode, scene: Scene, item: FailedItem): Promise<boolean> {
  const { place, batch } = scene.batch;
  const data = transferCalldata(item.to, item.units);
  for (const block of scene.blocks) {
    const answer = await node.call({ from: place.treasury, to: batch.token, data }, block);
    if (answer.kind === 'returned' && consents(answer.data)) return true;
  }
  return false;
}

function sentence(token: string, item: FailedItem): string {
  if (!item.reverted) return `The ${token} contract ran the transfer but moved nothing`;
  return `The ${token} contract reverted the transfer: ${describeRevert(item.reason)}`;
}

function nameOf({ orders: [order] }: FollowedBatch): string {
  assert(order !== undefined, 'a batch pays at least one order');
  return order.asset.token;
}
