import { concatBytes } from '@noble/hashes/utils.js';
import { UNITS_CAP } from './fees.ts';
import { SIGNATURE_BYTES } from './message.ts';
import type { SolanaNode } from './node.ts';
import { openOnce, type PackedFor } from './pack-transfers.ts';
import { encodePayoutMessage, transferIndexesOf, type PayoutTransfer } from './payout-message.ts';
import { SYSTEM_PROGRAM } from './programs.ts';
import { instructionFailureOf, type TransactionError } from './read-answer.ts';

/** What transfers would do together in the newest confirmed block. */
export type BatchOutcome =
  | { readonly kind: 'passes'; readonly unitsConsumed: bigint }
  | {
      readonly kind: 'fails';
      /** The transfer that makes all of them fail; null where it is none of them, or not said. */
      readonly culprit: PayoutTransfer | null;
      readonly words: string;
    };

export async function simulateBatch(
  node: SolanaNode,
  common: PackedFor & { readonly unitPrice: bigint },
  transfers: readonly PayoutTransfer[],
): Promise<BatchOutcome> {
  const made = openOnce(transfers);
  const blockhash = SYSTEM_PROGRAM;
  const message = { ...common, blockhash, unitLimit: UNITS_CAP, transfers: made };
  const unsigned = concatBytes(
    Uint8Array.of(1),
    new Uint8Array(SIGNATURE_BYTES),
    encodePayoutMessage(message),
  );
  const { error, unitsConsumed } = await node.simulate(unsigned);
  if (error === null) return { kind: 'passes', unitsConsumed };
  const culprit = culpritOf(made, error);
  return { kind: 'fails', culprit, words: describeError(error) };
}

/** The transfer that the failing instruction belongs to: its own, its opening's, its memo's. */
export function culpritOf(
  transfers: readonly PayoutTransfer[],
  error: TransactionError,
): PayoutTransfer | null {
  const failure = instructionFailureOf(error);
  if (failure === null) return null;
  const indexes = transferIndexesOf({ transfers });
  return (
    transfers.find(({ opensFor }, at) => {
      const index = indexes[at] ?? Number.NaN;
      const first = index - (opensFor === null ? 0 : 1);
      return failure.index >= first && failure.index <= index + 1;
    }) ?? null
  );
}

/** Errors of the token program (spl-token, error.rs) that payouts can meet. */
const TOKEN_ERRORS: ReadonlyMap<number, string> = new Map([
  [1, 'too little is held'],
  [3, 'the account is of another token'],
  [4, 'the account belongs to another owner'],
  [17, 'the account is frozen'],
]);

/** For people: "instruction 3 failed: the account is frozen". */
export function describeError(error: TransactionError): string {
  const failure = instructionFailureOf(error);
  if (failure === null) return `it failed as a whole (${JSON.stringify(error)})`;
  const { index, cause } = failure;
  const known = typeof cause === 'number' ? TOKEN_ERRORS.get(cause) : undefined;
  return `instruction ${index} failed: ${known ?? `error ${cause}`}`;
}
