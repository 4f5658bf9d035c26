import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  formatTransaction,
  hexToBytes,
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  toHex,
  type TransactionSerializable,
  type TransactionSerializableEIP1559,
  type TransactionSerialized,
} from 'viem';
import { assert } from '../../base/assert.ts';
import type { Hex } from './read-answer.ts';
import { lowerAddress, transferCalldata } from './token.ts';

/** One ERC-20 transfer in one transaction of type 2 (EIP-1559). Addresses in lower case. */
export interface Transfer {
  readonly chainId: number;
  readonly nonce: bigint;
  readonly token: Hex;
  readonly to: Hex;
  readonly units: bigint;
  readonly gasLimit: bigint;
  readonly maxFeeWei: bigint;
  readonly tipWei: bigint;
}

/** A transfer as its signed bytes say it, with the hash of the bytes and who signed them. */
export interface SignedTransfer extends Transfer {
  readonly sender: Hex;
  readonly transactionHash: Hex;
}

/** The digest to sign: Keccak-256 of the unsigned serialisation (EIP-1559). */
export function digestOf(transfer: Transfer): Uint8Array {
  return keccak256(serializeTransaction(unsigned(transfer)), 'bytes');
}

/** The bytes to broadcast. `signature`: r, s and recovery id, as {@link Signer} answers. */
export function signedBytesOf(transfer: Transfer, signature: Uint8Array): Uint8Array {
  assert(signature.length === 65, 'a recoverable signature has 65 bytes');
  const yParity = signature[64];
  assert(yParity === 0 || yParity === 1, 'the recovery id is neither 0 nor 1');
  const s = BigInt(toHex(signature.subarray(32, 64)));
  assert(s <= secp256k1.Point.CURVE().n / 2n, 'the signature has a high s (EIP-2)');
  return hexToBytes(
    serializeTransaction(unsigned(transfer), {
      r: toHex(signature.subarray(0, 32)),
      s: toHex(signature.subarray(32, 64)),
      yParity,
    }),
  );
}

function unsigned(transfer: Transfer): TransactionSerializableEIP1559 {
  return {
    type: 'eip1559',
    chainId: transfer.chainId,
    nonce: toSafeNumber(transfer.nonce),
    gas: transfer.gasLimit,
    maxFeePerGas: transfer.maxFeeWei,
    maxPriorityFeePerGas: transfer.tipWei,
    to: transfer.token,
    value: 0n,
    data: transferCalldata(transfer.to, transfer.units),
  };
}

function toSafeNumber(value: bigint): number {
  assert(value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER), 'the nonce is out of range');
  return Number(value);
}

/**
 * What signed bytes say, read back from nothing but the bytes. Throws unless they are exactly one
 * token transfer: type 2, no value, no access list, canonical calldata, canonical serialisation.
 */
export async function readSignedTransfer(rawTransaction: Uint8Array): Promise<SignedTransfer> {
  const raw = toHex(rawTransaction);
  assert(raw.startsWith('0x02'), 'the bytes are not a transaction of type 2');
  const parsed = parseTransaction(raw as `0x02${string}`);
  assert(parsed.value === undefined || parsed.value === 0n, 'the transaction moves coins');
  assert((parsed.accessList ?? []).length === 0, 'the transaction has an access list');
  assert(typeof parsed.to === 'string', 'the transaction creates a contract');
  assert(serializeTransaction(parsed) === raw, 'the bytes are not canonical');
  const { to, units } = readCalldata(parsed.data ?? '0x');
  const sender = await recoverTransactionAddress({
    serializedTransaction: raw as TransactionSerialized,
  });
  return {
    chainId: parsed.chainId,
    nonce: BigInt(parsed.nonce ?? 0),
    token: lowerAddress(parsed.to),
    to,
    units,
    gasLimit: parsed.gas ?? 0n,
    maxFeeWei: parsed.maxFeePerGas ?? 0n,
    tipWei: parsed.maxPriorityFeePerGas ?? 0n,
    sender: lowerAddress(sender),
    transactionHash: hashOf(rawTransaction),
  };
}

/** A transaction's hash: Keccak-256 of its signed bytes. */
export function hashOf(rawTransaction: Uint8Array): Hex {
  return keccak256(rawTransaction);
}

/** transfer(address,uint256) is 0xa9059cbb (EIP-20), then two words. */
function readCalldata(data: Hex): { to: Hex; units: bigint } {
  const match = /^0xa9059cbb0{24}([0-9a-f]{40})([0-9a-f]{64})$/.exec(data);
  assert(match !== null, 'the calldata is not a transfer');
  const [, to = '', units = ''] = match;
  return { to: `0x${to}`, units: BigInt(`0x${units}`) };
}

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
