import { isDeepStrictEqual } from 'node:util';
import type { BlockReference, Sighting } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { NodeSighting } from '../nodes/sight-on-nodes.ts';
import { readWholeHistory, type Slots } from './account-history.ts';
import type { FollowedAttempt } from './followed-attempt.ts';
import { judgeTransaction } from './judge-transaction.ts';
import type { AtSlot, SolanaNode } from './node.ts';
import type { Block, SignatureStatus } from './read-answer.ts';

/** Told of each slot in which the node says that it has seen the transaction, whatever becomes of its word. */
export type NoteSeen = (slot: bigint) => void;

/**
 * What one node says of one attempt. All answers are of this node, in the order in which each can still be
 * overtaken by the next. Throws RpcFailure where the node fails, cannot know or contradicts itself.
 */
export async function sight(
  node: SolanaNode,
  attempt: FollowedAttempt,
  noteSeen: NoteSeen,
): Promise<NodeSighting> {
  const { value: status } = await node.signatureStatus(attempt.signature);
  if (status !== null) noteSeen(status.slot);
  if (status !== null) return await sightKnown(node, attempt, status);
  const finalized = await node.finalizedBlock();
  // Until then it can land, and a signature that no node knows may be on its way.
  if (finalized.height <= attempt.validUntilBlock) return passing({ kind: 'unseen' });
  const shown = await requireHistory(node, attempt);
  // Only now: what was asked before the last block was final, or elsewhere, proves nothing.
  const again = await node.signatureStatus(attempt.signature);
  if (again.slot < finalized.number) {
    throw new RpcFailure(`${node.label}: its statuses are older than its final block`);
  }
  if (again.value !== null) noteSeen(again.value.slot);
  if (again.value !== null) return await sightKnown(node, attempt, again.value);
  await requireUnmoved(node, attempt, { from: attempt.sinceBlock, to: shown.number });
  const sighting = expired(attempt, { finalized, status: again, shown });
  return { sighting, block: referenceOf(finalized) };
}

function passing(sighting: Sighting): NodeSighting {
  return { sighting, block: null };
}

async function sightKnown(
  node: SolanaNode,
  attempt: FollowedAttempt,
  status: SignatureStatus,
): Promise<NodeSighting> {
  const { slot, commitment } = status;
  // One validator's block alone: it may never be the chain's.
  if (commitment === 'processed') return passing({ kind: 'waiting' });
  if (commitment === 'confirmed') {
    const confirmed = await node.blockAt(slot);
    // The chain has left it meanwhile, or the node shows it in a moment.
    if (confirmed === null) return passing({ kind: 'waiting' });
    return passing({ kind: 'included', block: referenceOf(confirmed) });
  }
  // With its signatures a block weighs a hundred times as much: only the last word is worth it.
  const block = await node.blockAt(slot, 'signatures');
  if (block === null) throw new RpcFailure(`${node.label}: a final transaction is in no block`);
  if (block.signatures?.includes(attempt.signature) !== true) {
    throw new RpcFailure(`${node.label}: the block of the transaction does not hold it`);
  }
  return await sightFinal(node, attempt, { status, block });
}

/** Final is what the node's own final block has passed, whatever it says of a status. */
async function sightFinal(
  node: SolanaNode,
  attempt: FollowedAttempt,
  { status, block }: { readonly status: SignatureStatus; readonly block: Block },
): Promise<NodeSighting> {
  const finalized = await node.finalizedBlock();
  if (block.number > finalized.number) {
    throw new RpcFailure(`${node.label}: calls a block final that is not`);
  }
  if (block.number <= attempt.sinceBlock || block.height > attempt.validUntilBlock) {
    throw new RpcFailure(`${node.label}: shows the transaction where it cannot lie`);
  }
  const transaction = await node.transaction(attempt.signature);
  if (transaction === null) throw new RpcFailure(`${node.label}: a final transaction is not there`);
  const isSame =
    transaction.slot === status.slot && isDeepStrictEqual(transaction.error, status.error);
  if (!isSame) throw new RpcFailure(`${node.label}: a transaction is not as its status says`);
  const reference = referenceOf(block);
  const sighting = await judgeTransaction(node, { attempt, transaction, block: reference });
  return { sighting, block: reference };
}

/**
 * A node that has forgotten blocks, or never had them, knows no signature of theirs. This one has shown
 * every block in which the attempt could lie: their heights are counted without a gap. Gives the last.
 */
async function requireHistory(node: SolanaNode, attempt: FollowedAttempt): Promise<Block> {
  const { sinceBlock, validUntilBlock } = attempt;
  const firstSlot = await node.firstAvailableSlot();
  const since = firstSlot > sinceBlock ? null : await node.blockAt(sinceBlock);
  if (since === null) {
    throw new RpcFailure(`${node.label}: its history does not reach back to slot ${sinceBlock}`);
  }
  const count = validUntilBlock - since.height + 1n;
  if (count <= 1n || count > MOST_BLOCKS) {
    throw new RpcFailure(
      `${node.label}: block ${sinceBlock} has another height than was signed for`,
    );
  }
  const slots = await node.finalizedSlots(sinceBlock, Number(count));
  const last = slots.at(-1);
  const block = last === undefined ? null : await node.blockAt(last);
  const isWhole =
    BigInt(slots.length) === count && slots[0] === sinceBlock && block?.height === validUntilBlock;
  if (block !== null && isWhole) return block;
  throw new RpcFailure(`${node.label}: its history from slot ${sinceBlock} has gaps`);
}

/** A blockhash is taken in no more blocks after its own. */
const MOST_BLOCKS = 400n;

/**
 * That no status is known is silence. What the treasury's account held before and after every transaction of
 * these slots is not: they follow from each other without this one. A failed one moves nothing, and its death
 * would be told in vain.
 */
async function requireUnmoved(
  node: SolanaNode,
  { signature, source, message }: FollowedAttempt,
  slots: Slots,
): Promise<void> {
  const entries = await readWholeHistory(node, { account: source, mint: message.mint }, slots);
  const isListed = entries.some((entry) => entry.signature === signature);
  if (isListed || (await node.transaction(signature)) !== null) {
    throw new RpcFailure(`${node.label}: shows a transaction whose status it does not know`);
  }
}

function expired(
  { signature, sinceBlock, validUntilBlock }: FollowedAttempt,
  evidence: {
    readonly finalized: Block;
    readonly status: AtSlot<null | SignatureStatus>;
    readonly shown: Block;
  },
): Sighting {
  const { finalized, status, shown } = evidence;
  return {
    kind: 'dead',
    reason: 'Its blockhash has expired in a final block, and no block holds it.',
    proof: {
      signature,
      sinceSlot: sinceBlock.toString(),
      validUntilHeight: validUntilBlock.toString(),
      lastBlock: { slot: shown.number.toString(), hash: shown.hash },
      finalizedBlock: {
        slot: finalized.number.toString(),
        hash: finalized.hash,
        height: finalized.height.toString(),
      },
      status: null,
      statusSlot: status.slot.toString(),
    },
    takenBy: null,
  };
}

function referenceOf({ number, hash }: Block): BlockReference {
  return { number, hash };
}
