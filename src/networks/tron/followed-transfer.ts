import { sha256 } from '@noble/hashes/sha2.js';
import { assert } from '../../base/assert.ts';
import type { AttemptToFollow, TransferOrder } from '../network.ts';
import { hexAddress, recoverSigner } from './hex-address.ts';
import { contractOf } from './token.ts';
import {
  readSigned,
  readTransfer,
  txidOf,
  type TransferTransaction,
} from './transfer-transaction.ts';

/** An attempt whose signed transaction says exactly what its row says. */
export interface FollowedTransfer {
  readonly txid: string;
  readonly transfer: TransferTransaction;
  readonly order: TransferOrder;
  readonly sinceBlock: bigint;
}

/**
 * Reads an attempt back from its stored transaction. Throws where the row and the transaction disagree: the
 * fate of one transfer must never be told of another.
 */
export function readFollowedTransfer(attempt: AttemptToFollow): FollowedTransfer {
  const { orders, sinceBlock } = attempt;
  const signed = readSignedTransfer(attempt.authority);
  const { txid, transfer } = signed;
  assert(transfer.owner === hexAddress(attempt.payer), 'the transfer is of another treasury');
  assert(attempt.fence === txid, 'the stored fence is not of the transaction');
  assert(attempt.authorityHash === txid, 'the stored hash is not of the transaction');
  assert(
    attempt.transactionHashes.every((hash) => hash === txid),
    'another transaction carries the attempt',
  );
  const validUntilMs = attempt.validUntil?.getTime() ?? 0;
  assert(BigInt(validUntilMs) === transfer.expirationMs, 'the stored expiration is another');
  assert(sinceBlock >= 0n, 'the first block is below zero');
  const [order, ...others] = orders;
  assert(order !== undefined && others.length === 0, 'a transfer pays one order');
  assertPays(transfer, order);
  return { txid, transfer, order, sinceBlock };
}

/** Asserts that a transfer pays exactly this order: token, recipient and amount. */
export function assertPays(transfer: TransferTransaction, order: TransferOrder): void {
  assert(order.asset.network === 'TRON_MAINNET', 'the order is not of TRON_MAINNET');
  assert(transfer.contract === contractOf(order.asset), 'the transfer moves another token');
  assert(transfer.to === hexAddress(order.toAddress), 'the transfer pays another recipient');
  assert(transfer.units === order.units, 'the transfer pays another amount');
}

/** A signed transfer out of its bytes. Asserts that it is one, and signed by the owner of the tokens. */
export function readSignedTransfer(bytes: Uint8Array): {
  readonly txid: string;
  readonly transfer: TransferTransaction;
} {
  const signed = readSigned(bytes);
  assert(signed !== null, 'the bytes are no signed transaction');
  const transfer = readTransfer(signed.rawData);
  assert(transfer !== null, 'the transaction is no transfer');
  const signer = recoverSigner(sha256(signed.rawData), signed.signature);
  assert(signer === transfer.owner, 'the transaction is not signed by the owner of the tokens');
  return { txid: txidOf(signed.rawData), transfer };
}
