import { assert } from '../../base/assert.ts';
import type { AttemptToFollow, TransferOrder } from '../network.ts';
import type { Hex } from './read-answer.ts';
import { contractOf, lowerAddress } from './token.ts';
import { hashOf, readSignedTransfer, type SignedTransfer } from './transfer.ts';

/** An attempt whose bytes say exactly what its row says. Addresses in lower case. */
export interface FollowedTransfer {
  readonly order: TransferOrder;
  readonly bytes: SignedTransfer;
  readonly hash: Hex;
  readonly sender: Hex;
  readonly nonce: bigint;
}

/**
 * Reads an attempt back from its stored bytes. Throws where the row and the bytes disagree: the
 * fate of one transaction must never be told of another.
 */
export async function readAttempt(
  attempt: AttemptToFollow,
  chainId: number,
): Promise<FollowedTransfer> {
  const [order, ...others] = attempt.orders;
  assert(order !== undefined && others.length === 0, 'an EVM attempt pays exactly one order');
  const hash = hashOf(attempt.rawTransaction);
  assert(attempt.transactionHash.toLowerCase() === hash, 'the stored hash is not of the bytes');
  const bytes = await readSignedTransfer(attempt.rawTransaction);
  assertPays(bytes, { order, chainId });
  assert(bytes.sender === lowerAddress(attempt.sender), 'the bytes are signed by another sender');
  assert(bytes.nonce === attempt.sequence, 'the bytes hold another nonce');
  assert(attempt.fence === fenceOf(bytes), 'the stored fence is not of the bytes');
  return { order, bytes, hash, sender: bytes.sender, nonce: bytes.nonce };
}

/** Asserts that signed bytes say exactly what was ordered: token, recipient, amount and chain. */
export function assertPays(
  bytes: SignedTransfer,
  wanted: { order: TransferOrder; chainId: number },
): void {
  const { order, chainId } = wanted;
  assert(bytes.chainId === chainId, 'the bytes are for another chain');
  assert(bytes.token === contractOf(order.asset), 'the bytes move another token');
  assert(bytes.to === lowerAddress(order.toAddress), 'the bytes pay another recipient');
  assert(bytes.units === order.units, 'the bytes pay another amount');
}

/** Of all transactions with one sender and nonce at most one takes effect. */
export function fenceOf(bytes: { sender: Hex; nonce: bigint }): string {
  return `${bytes.sender}:${bytes.nonce}`;
}
