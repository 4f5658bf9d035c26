import {
  formatTransaction,
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerializable,
} from 'viem';
import type { Hex } from './read-answer.ts';
import { lowerAddress } from './token.ts';

/** What a transaction out of a block proves by its own signature. */
export interface ProvenTransaction {
  readonly hash: Hex;
  readonly sender: Hex;
  readonly nonce: bigint;
  /** Null where the signature is not bound to a chain (before EIP-155). */
  readonly chainId: number | null;
}

/**
 * Serialises a transaction that a node gave as JSON once more and recovers its signer, so that
 * nothing has to be believed: a key's owner signed exactly this. Throws where that cannot be done.
 */
export async function proveTransaction(
  transaction: Readonly<Record<string, unknown>>,
): Promise<ProvenTransaction> {
  const formatted = formatTransaction(transaction);
  const { r, s, v, yParity, input, ...fields } = formatted;
  const body = { ...withoutNulls(fields), data: input } as TransactionSerializable;
  const signature = formatted.type === 'legacy' ? { r, s, v } : { r, s, yParity };
  const serialized = serializeTransaction(body, signature as { r: Hex; s: Hex; yParity: number });
  const sender = await recoverTransactionAddress({ serializedTransaction: serialized });
  return {
    hash: keccak256(serialized),
    sender: lowerAddress(sender),
    nonce: BigInt(formatted.nonce),
    chainId: parseTransaction(serialized).chainId ?? null,
  };
}

/** A node writes null for what a transaction does not have; the serialiser wants it left out. */
function withoutNulls(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  );
}
