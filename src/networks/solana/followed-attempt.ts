import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { assert, present } from '../../base/assert.ts';
import type { NetworkId } from '../../money/asset.ts';
import type { AttemptToFollow, TransferOrder } from '../network.ts';
import { mintOf } from './mint-of.ts';
import { readPayoutMessage, type PayoutMessage, type PayoutTransfer } from './payout-message.ts';
import { addressBytes, associatedTokenAddress } from './programs.ts';

/** An attempt whose message says exactly what its row says, and was signed by its payer. */
export interface FollowedAttempt {
  readonly signature: string;
  readonly messageBytes: Uint8Array;
  readonly message: PayoutMessage;
  /** The token account that pays. */
  readonly source: string;
  /** In the order of the message's transfers. */
  readonly orders: readonly TransferOrder[];
  /** The slot of a final block; it lies in a later one. */
  readonly sinceBlock: bigint;
  /** It lies in no block of a greater height. */
  readonly validUntilBlock: bigint;
}

/**
 * Reads an attempt back from its stored message. Throws where the row and the message disagree: the fate
 * of one transaction must never be told of another.
 */
export function readFollowedAttempt(attempt: AttemptToFollow, network: NetworkId): FollowedAttempt {
  const { fence, payer, authority, authorityHash, orders, sinceBlock } = attempt;
  const message = readPayoutMessage(authority);
  assert(message.treasury === payer, 'the message is of another treasury');
  assert(fence === authorityHash, 'fence and authority are the one signature');
  const isSigned = ed25519.verify(base58.decode(fence), authority, addressBytes(payer), {
    zip215: false,
  });
  assert(isSigned, 'the message is signed by its treasury');
  const isItsOwn = attempt.transactionHashes.every((hash) => hash === fence);
  assert(isItsOwn, 'nothing else carries the message');
  const validUntilBlock = present(attempt.validUntilBlock, 'an attempt has a last block');
  assert(sinceBlock >= 0n && validUntilBlock > 0n, 'the bounds of an attempt are above zero');
  for (const order of orders) {
    assert(order.asset.network === network, `the attempt is not of ${network}`);
  }
  assertPays(message, orders);
  return {
    signature: fence,
    messageBytes: authority,
    message,
    source: associatedTokenAddress(payer, message.mint),
    orders,
    sinceBlock,
    validUntilBlock,
  };
}

/** Asserts that a message pays exactly these orders, in their order: mint, recipients and amounts. */
function assertPays(
  { mint, decimals, transfers }: PayoutMessage,
  orders: readonly TransferOrder[],
) {
  assert(transfers.length === orders.length, 'the message pays another number of orders');
  const payoutIds = new Set(orders.map(({ payoutId }) => payoutId));
  assert(payoutIds.size === orders.length, 'the message pays a payout twice');
  for (const [index, order] of orders.entries()) {
    const transfer = present(transfers[index], 'each order has its transfer');
    assert(mintOf(order.asset) === mint, 'the message moves another token');
    assert(order.asset.decimals === decimals, 'the message has other decimals');
    assert(transfer.payoutId === order.payoutId, 'the message names another payout');
    assert(transfer.destination === destinationOf(order, transfer), 'it pays another recipient');
    const isItsWallet = transfer.opensFor === null || transfer.opensFor === order.toAddress;
    assert(isItsWallet && !(transfer.direct && transfer.opensFor !== null), 'it opens for another');
    assert(transfer.units === order.units, 'the message pays another amount');
  }
}

function destinationOf({ toAddress, asset }: TransferOrder, { direct }: PayoutTransfer): string {
  return direct ? toAddress : associatedTokenAddress(toAddress, mintOf(asset));
}
