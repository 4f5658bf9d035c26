import type { Sighting } from '../network.ts';
import type { FollowedTransfer } from './followed-transfer.ts';
import { isRecord, RpcFailure } from './json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { Block } from './read-answer.ts';
import { proveTransaction, type ProvenTransaction } from './transfer.ts';

/**
 * Looks for the proof that a transfer, which the node does not know, can never take effect:
 * another transaction of the same sender, nonce and chain in a finalized block. Its signature is
 * checked here, so that neither a wrong node nor a wrong chain can declare an attempt dead.
 * Where the nonce went otherwise (an EIP-7702 authorisation takes one too) the answer is unknown.
 * Needs the sender's count at old blocks; throws RpcFailure where the node no longer has it.
 */
export async function proveDeath(
  node: EvmNode,
  transfer: FollowedTransfer,
  finalizedNumber: bigint,
): Promise<Sighting> {
  const number = await findConsumingBlock(node, transfer, finalizedNumber);
  const block = await node.fullBlockAt(number);
  if (block === null) throw new RpcFailure(`${node.label}: a finalized block is missing`);
  const replacement = findByNonce(block, transfer);
  if (replacement === null) {
    return unknown(`block ${number} consumed the nonce without a transaction of the sender`);
  }
  const proven = await provenOrNull(replacement);
  if (proven === null || proven.hash !== replacement['hash']) {
    return unknown('the transaction that took the nonce cannot be verified');
  }
  if (proven.hash === transfer.hash) {
    return unknown('the node denies a transaction that its own finalized block holds');
  }
  const fits =
    proven.sender === transfer.sender &&
    proven.nonce === transfer.nonce &&
    proven.chainId === transfer.bytes.chainId;
  if (!fits) return unknown('the transaction that took the nonce is not what the node says it is');
  if (!(await isStillUnknown(node, transfer))) {
    return unknown('the node knows the transaction after all');
  }
  return {
    kind: 'dead',
    reason: 'Another transaction of the sender took its nonce.',
    proof: {
      replacedBy: proven.hash,
      sender: proven.sender,
      nonce: proven.nonce.toString(),
      blockNumber: block.number.toString(),
      blockHash: block.hash,
    },
    takenBy: proven.hash,
  };
}

function unknown(reason: string): Sighting {
  return { kind: 'unknown', reason };
}

/**
 * The block in which the sender's count passed the nonce, by doubling steps back from the
 * finalized block (a node keeps recent states longest) and then by halves.
 */
async function findConsumingBlock(
  node: EvmNode,
  transfer: FollowedTransfer,
  finalizedNumber: bigint,
): Promise<bigint> {
  const isConsumedAt = async (number: bigint): Promise<boolean> =>
    (await node.transactionCount(transfer.sender, number)) > transfer.nonce;
  if (!(await isConsumedAt(finalizedNumber))) {
    throw new RpcFailure(`${node.label}: two answers about the sender's count disagree`);
  }
  let consumed = finalizedNumber;
  let free = finalizedNumber;
  for (let step = 1n; free === consumed; step *= 2n) {
    if (consumed === 0n) throw new RpcFailure(`${node.label}: the nonce was consumed at genesis`);
    free = consumed > step ? consumed - step : 0n;
    if (await isConsumedAt(free)) consumed = free;
  }
  while (consumed - free > 1n) {
    const middle: bigint = (consumed + free) / 2n;
    if (await isConsumedAt(middle)) consumed = middle;
    else free = middle;
  }
  return consumed;
}

function findByNonce(
  block: Block,
  transfer: FollowedTransfer,
): Readonly<Record<string, unknown>> | null {
  const nonce = `0x${transfer.nonce.toString(16)}`;
  for (const transaction of block.transactions) {
    if (!isRecord(transaction)) throw new RpcFailure('the block holds no whole transactions');
    const { from, nonce: itsNonce } = transaction;
    if (typeof from !== 'string' || from.toLowerCase() !== transfer.sender) continue;
    if (itsNonce === nonce) return transaction;
  }
  return null;
}

async function provenOrNull(
  transaction: Readonly<Record<string, unknown>>,
): Promise<ProvenTransaction | null> {
  try {
    return await proveTransaction(transaction);
  } catch {
    return null;
  }
}

async function isStillUnknown(node: EvmNode, transfer: FollowedTransfer): Promise<boolean> {
  if ((await node.receipt(transfer.hash)) !== null) return false;
  return (await node.transaction(transfer.hash)) === null;
}
