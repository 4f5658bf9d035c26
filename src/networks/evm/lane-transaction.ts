import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  hexToBytes,
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  toBytes,
  toHex,
  type TransactionSerializable,
  type TransactionSerialized,
} from 'viem';
import { hashAuthorization, recoverAuthorizationAddress } from 'viem/utils';
import { assert } from '../../base/assert.ts';
import type { Hex } from './read-answer.ts';
import { lowerAddress } from './token.ts';

/** What a lane's account sends: one call with all the fees that it may cost. Addresses in lower case. */
export interface LaneTransaction {
  readonly chainId: number;
  readonly nonce: bigint;
  readonly to: Hex;
  readonly valueWei: bigint;
  readonly data: Hex;
  readonly gasLimit: bigint;
  readonly maxFeeWei: bigint;
  readonly tipWei: bigint;
  /** Null: type 2 (EIP-1559). One: type 4 (EIP-7702), which carries exactly it. */
  readonly delegation: SignedDelegation | null;
}

/** An account's word that it runs another's code (EIP-7702), on one chain and at one nonce of its own. */
export interface Delegation {
  readonly chainId: number;
  /** Whose code. */
  readonly to: Hex;
  readonly nonce: bigint;
}

export interface SignedDelegation extends Delegation {
  /** r, s, recovery id, as `Signer` answers. */
  readonly signature: Uint8Array;
}

/** A transaction as its signed bytes say it, with the hash of the bytes and who signed them. */
export interface SignedLaneTransaction extends LaneTransaction {
  readonly sender: Hex;
  readonly transactionHash: Hex;
  /** Whose account the delegation is of; null where there is none. */
  readonly delegator: Hex | null;
}

/** The digest to sign: Keccak-256 of the unsigned serialisation (EIP-1559, EIP-7702). */
export function laneDigest(transaction: LaneTransaction): Uint8Array {
  return keccak256(serializeTransaction(unsigned(transaction)), 'bytes');
}

/** The digest of a delegation: keccak256(0x05 ‖ rlp([chain id, address, nonce])) (EIP-7702). */
export function delegationDigest({ chainId, to, nonce }: Delegation): Uint8Array {
  // Zero would be valid on every chain.
  assert(chainId > 0, 'a delegation names its chain');
  return hashAuthorization({ chainId, address: to, nonce: toSafeNumber(nonce), to: 'bytes' });
}

/** The bytes to broadcast. `signature`: r, s and recovery id, as `Signer` answers. */
export function signedBytesOf(transaction: LaneTransaction, signature: Uint8Array): Uint8Array {
  return hexToBytes(serializeTransaction(unsigned(transaction), readSignature(signature)));
}

/** A transaction's hash: Keccak-256 of its signed bytes. */
export function hashOf(rawTransaction: Uint8Array): Hex {
  return keccak256(rawTransaction);
}

/**
 * What signed bytes say, read back from nothing but the bytes. Throws unless they are one canonical
 * transaction of type 2, or of type 4 with exactly one delegation, with a target and no access list,
 * and with signatures of low s.
 */
export async function readLaneTransaction(
  rawTransaction: Uint8Array,
): Promise<SignedLaneTransaction> {
  const raw = toHex(rawTransaction);
  assert(/^0x0[24]/.test(raw), 'the bytes are not a transaction of type 2 or 4');
  const parsed = parseTransaction(raw as `0x02${string}` | `0x04${string}`);
  assert((parsed.accessList ?? []).length === 0, 'the transaction has an access list');
  assert(typeof parsed.to === 'string', 'the transaction creates a contract');
  assert(serializeTransaction(parsed) === raw, 'the bytes are not canonical');
  assertLowS(BigInt(parsed.s ?? 0));
  const sender = await recoverTransactionAddress({
    serializedTransaction: raw as TransactionSerialized,
  });
  const delegation = parsed.type === 'eip7702' ? readDelegation(parsed.authorizationList) : null;
  return {
    chainId: parsed.chainId,
    nonce: BigInt(parsed.nonce ?? 0),
    to: lowerAddress(parsed.to),
    valueWei: parsed.value ?? 0n,
    data: parsed.data ?? '0x',
    gasLimit: parsed.gas ?? 0n,
    maxFeeWei: parsed.maxFeePerGas ?? 0n,
    tipWei: parsed.maxPriorityFeePerGas ?? 0n,
    delegation,
    sender: lowerAddress(sender),
    transactionHash: hashOf(rawTransaction),
    delegator: delegation === null ? null : await delegatorOf(delegation),
  };
}

function unsigned(transaction: LaneTransaction): TransactionSerializable {
  const { chainId, delegation, to, data } = transaction;
  const common = {
    chainId,
    nonce: toSafeNumber(transaction.nonce),
    gas: transaction.gasLimit,
    maxFeePerGas: transaction.maxFeeWei,
    maxPriorityFeePerGas: transaction.tipWei,
    to,
    value: transaction.valueWei,
    data,
  };
  if (delegation === null) return { ...common, type: 'eip1559' };
  return { ...common, type: 'eip7702', authorizationList: [authorizationOf(delegation)] };
}

interface Authorization {
  readonly address: Hex;
  readonly chainId: number;
  readonly nonce: number;
  readonly r: Hex;
  readonly s: Hex;
  readonly yParity: number;
}

function authorizationOf({ chainId, to, nonce, signature }: SignedDelegation): Authorization {
  return { chainId, address: to, nonce: toSafeNumber(nonce), ...readSignature(signature) };
}

function readDelegation(
  list: readonly (Omit<Authorization, 'yParity'> & { yParity?: number | undefined })[] | undefined,
): SignedDelegation {
  const [authorization, ...others] = list ?? [];
  assert(authorization !== undefined && others.length === 0, 'type 4 carries one delegation');
  const { chainId, address, nonce, r, s, yParity } = authorization;
  assert(yParity === 0 || yParity === 1, 'the recovery id is neither 0 nor 1');
  assertLowS(BigInt(s));
  const words = [r, s].flatMap((word) => [...toBytes(BigInt(word), { size: 32 })]);
  const signature = Uint8Array.of(...words, yParity);
  return { chainId, to: lowerAddress(address), nonce: BigInt(nonce), signature };
}

async function delegatorOf(delegation: SignedDelegation): Promise<Hex> {
  const authorization = authorizationOf(delegation);
  return lowerAddress(await recoverAuthorizationAddress({ authorization }));
}

function readSignature(signature: Uint8Array): { r: Hex; s: Hex; yParity: number } {
  assert(signature.length === 65, 'a recoverable signature has 65 bytes');
  const yParity = signature[64];
  assert(yParity === 0 || yParity === 1, 'the recovery id is neither 0 nor 1');
  const s = toHex(signature.subarray(32, 64));
  assertLowS(BigInt(s));
  return { r: toHex(signature.subarray(0, 32)), s, yParity };
}

function assertLowS(s: bigint): void {
  assert(s > 0n && s <= secp256k1.Point.CURVE().n / 2n, 'the signature has a high s (EIP-2)');
}

function toSafeNumber(value: bigint): number {
  assert(value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER), 'the nonce is out of range');
  return Number(value);
}
