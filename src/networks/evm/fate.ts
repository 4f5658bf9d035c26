import type { Json } from '../../base/json.ts';
import type { ItemFate, Sighting } from '../network.ts';
import type { FollowedTransfer } from './followed-transfer.ts';
import type { EvmNode } from './node.ts';
import type { Receipt } from './read-answer.ts';
import { describeFailure } from './failure-reason.ts';
import { addressTopic, TRANSFER_TOPIC, transfersOf } from './token.ts';

/** What became of the one payout of a final transaction; unknown where a person has to look. */
export type Judgement = ItemFate | Extract<Sighting, { kind: 'unknown' }>;

/**
 * Judges a final receipt by the token's own Transfer events. Paid: the sender moved exactly this
 * amount to exactly this recipient, and nothing else. Refused: nothing of the token left the
 * sender. Anything between the two is neither.
 */
export async function judgeFinal(
  node: EvmNode,
  transfer: FollowedTransfer,
  receipt: Receipt,
): Promise<Judgement> {
  if (!receipt.succeeded) return await judgeReverted(node, transfer, receipt);
  const { token, to, units } = transfer.bytes;
  const outgoing = transfersOf(token, receipt.logs).filter(({ from }) => from === transfer.sender);
  const [event, ...others] = outgoing;
  if (event === undefined) return await judgeUnmoved(node, transfer, receipt);
  if (others.length > 0 || event.to !== to || event.units !== units) {
    return {
      kind: 'unknown',
      needsPerson: true,
      reason:
        `PERSON NEEDED: ${transfer.hash} is final, but the token moved something else than was ` +
        `ordered (${outgoing.map((it) => `${it.units} to ${it.to}`).join(', ')})`,
    };
  }
  return {
    kind: 'paid',
    payoutId: transfer.order.payoutId,
    proof: {
      ...proofOf(receipt),
      logIndex: event.logIndex.toString(),
      token,
      from: event.from,
      to: event.to,
      units: event.units.toString(),
    },
  };
}

/** A reverted transaction has consumed its nonce and moved nothing (EIP-658, Yellow Paper §6.2). */
async function judgeReverted(
  node: EvmNode,
  transfer: FollowedTransfer,
  receipt: Receipt,
): Promise<Judgement> {
  if (receipt.logs.length > 0) {
    return { kind: 'unknown', reason: `${node.label}: a reverted transaction has events` };
  }
  const reason = await describeFailure(node, transfer, receipt);
  return refused(transfer, receipt, reason);
}

/**
 * The transaction ran, and its receipt has no Transfer of the sender. A receipt that lost its
 * events would look the same, so the node's other index of events has to agree.
 */
async function judgeUnmoved(
  node: EvmNode,
  transfer: FollowedTransfer,
  receipt: Receipt,
): Promise<Judgement> {
  const logs = await node.logsOf(receipt.blockHash, {
    address: transfer.bytes.token,
    topics: [TRANSFER_TOPIC, addressTopic(transfer.sender)],
  });
  if (logs.some((log) => log.transactionHash === transfer.hash)) {
    return { kind: 'unknown', reason: `${node.label}: the receipt has lost its events` };
  }
  const { token } = transfer.order.asset;
  return refused(transfer, receipt, `The ${token} contract ran the transfer but moved nothing.`);
}

function refused(transfer: FollowedTransfer, receipt: Receipt, reason: string): ItemFate {
  return {
    kind: 'refused',
    payoutId: transfer.order.payoutId,
    reason,
    proof: { ...proofOf(receipt), receiptStatus: receipt.succeeded ? 1 : 0, reason },
  };
}

function proofOf(receipt: Receipt): { readonly [key: string]: Json } {
  return {
    transactionHash: receipt.transactionHash,
    blockNumber: receipt.blockNumber.toString(),
    blockHash: receipt.blockHash,
  };
}
