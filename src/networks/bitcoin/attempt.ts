import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { assert, present } from '../../base/assert.ts';
import type { AttemptToFollow, TransferOrder } from '../network.ts';
import { scriptOfAddress } from './script.ts';
import { readTransaction, strippedBytes, type Output, type Transaction } from './transaction.ts';

/**
 * An attempt on Bitcoin: some payouts as outputs of one transaction, and its later versions at higher fees.
 * Its fence is the coin that every version spends first; every version spends all coins of the first one, so
 * the chain takes one of them at most. Its authority is the first version's bytes without their witness.
 */

/** What tells an attempt from every other, and what the chain alone shows of each of its versions. */
export interface Carried {
  /** "txid:vout" of the first input. */
  readonly fence: string;
  /** SHA-256 of the fence and of all outputs that are not the treasury's own, in their order. */
  readonly authorityHash: string;
}

export function carriedBy(
  transaction: { readonly spends: readonly string[]; readonly outputs: readonly Output[] },
  treasuryScript: string,
): Carried {
  const fence = present(transaction.spends[0], 'a transaction has inputs');
  const parts = transaction.outputs
    .filter(({ script }) => script !== treasuryScript)
    .map(({ units, script }) => utf8ToBytes(` ${units}:${script}`));
  return { fence, authorityHash: bytesToHex(sha256(concatBytes(utf8ToBytes(fence), ...parts))) };
}

/** What pays the orders, in their order. */
export function outputsOf(orders: readonly TransferOrder[]): readonly Output[] {
  return orders.map(({ units, toAddress }) => ({ units, script: scriptOfAddress(toAddress) }));
}

/** The first version's bytes without a witness. */
export function authorityOf(first: {
  readonly spends: readonly string[];
  readonly outputs: readonly Output[];
}): Uint8Array {
  return strippedBytes(first);
}

/** An attempt as it is looked for. */
export interface FollowedAttempt extends Carried {
  readonly treasuryScript: string;
  /** The coins of the first version: every version spends them all. */
  readonly coins: readonly string[];
  /** Lower-case ids of all versions, newest first. */
  readonly versions: readonly string[];
  readonly orders: readonly TransferOrder[];
  /** None of them lies in a lower block. */
  readonly sinceHeight: number;
  /** Whether a transaction that spends the fence is what is looked for. */
  readonly isCarriedOutBy: (transaction: Transaction) => boolean;
}

/** Asserts that the stored row says one and the same thing in all of its parts. */
export function readFollowedAttempt(attempt: AttemptToFollow): FollowedAttempt {
  const first = readTransaction(attempt.authority);
  const treasuryScript = scriptOfAddress(attempt.payer);
  const said = carriedBy(first, treasuryScript);
  assert(said.fence === attempt.fence, 'the attempt has another fence');
  assert(said.authorityHash === attempt.authorityHash, 'the attempt has another authority');
  assertPays(first.outputs, attempt.orders, treasuryScript);
  assert(attempt.transactionHashes.includes(first.txid), 'the first version is not recorded');
  return {
    ...said,
    treasuryScript,
    coins: first.spends,
    versions: attempt.transactionHashes,
    orders: attempt.orders,
    sinceHeight: Number(attempt.sinceBlock),
    // Also where its id is not recorded: a version whose record was lost.
    isCarriedOutBy(transaction) {
      const its = carriedBy(transaction, treasuryScript);
      return its.fence === said.fence && its.authorityHash === said.authorityHash;
    },
  };
}

/** Each order has its output, in their order; everything else goes back to the treasury. */
export function assertPays(
  outputs: readonly Output[],
  orders: readonly TransferOrder[],
  treasuryScript: string,
): void {
  const others = outputs.filter(({ script }) => script !== treasuryScript);
  const meant = outputsOf(orders);
  const isSame =
    others.length === meant.length &&
    meant.every(
      ({ units, script }, index) =>
        others[index]?.units === units && others[index]?.script === script,
    );
  assert(isSame, 'the outputs are not the orders');
}
