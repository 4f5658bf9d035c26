import { secp256k1 } from '@noble/curves/secp256k1.js';
import {
  concat,
  decodeFunctionData,
  encodeFunctionData,
  hashTypedData,
  hexToBytes,
  recoverAddress,
  toHex,
} from 'viem';
import { assert } from '../../base/assert.ts';
import type { Hex } from './read-answer.ts';
import { lowerAddress } from './token.ts';
import { treasuryAbi } from './treasury-abi.ts';

/** Transfers of one token that the treasury's key signs together. Addresses in lower case. */
export interface Batch {
  /** Spent once on chain; below 2^256. */
  readonly batchId: bigint;
  /** The last second at which it may run, in Unix time. */
  readonly deadline: bigint;
  readonly token: Hex;
  /** What the token may use for one item: no more, and never less. */
  readonly gasPerItem: bigint;
  readonly items: readonly BatchItem[];
}

export interface BatchItem {
  readonly to: Hex;
  /** Below 2^96. */
  readonly units: bigint;
}

/** Where a signature counts: part of what is signed. */
export interface TreasuryPlace {
  /** EIP-155. */
  readonly chainId: number;
  /** Lower case. */
  readonly treasury: Hex;
}

/** What a stored authority says, by nothing but its bytes. */
export interface ReadAuthority {
  readonly batch: Batch;
  readonly digest: Hex;
  /** Whose key signed it, lower case. */
  readonly signer: Hex;
}

const BATCH_TYPES = {
  Batch: [
    { name: 'batchId', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
    { name: 'token', type: 'address' },
    { name: 'gasPerItem', type: 'uint256' },
    { name: 'items', type: 'bytes32[]' },
  ],
} as const;

const UNITS_LIMIT = 2n ** 96n;
const HALF_ORDER = secp256k1.Point.CURVE().n / 2n;
const PARITY_BIT = 1n << 255n;

/** The EIP-712 digest that the treasury's key signs, as contracts/Treasury.sol computes it. */
export function batchDigest(batch: Batch, place: TreasuryPlace): Hex {
  return hashTypedData({
    domain: {
      name: 'Knit Treasury',
      version: '1',
      chainId: place.chainId,
      verifyingContract: place.treasury,
    },
    types: BATCH_TYPES,
    primaryType: 'Batch',
    message: { ...batch, items: batch.items.map(packItem) },
  });
}

/**
 * The calldata of the treasury's execute. `signature`: r, s and recovery id, as a Signer answers;
 * the contract takes it in the 64 bytes of EIP-2098, with a low s only (EIP-2).
 */
export function authorityOf(batch: Batch, signature: Uint8Array): Uint8Array {
  assert(signature.length === 65, 'a recoverable signature has 65 bytes');
  const yParity = signature[64];
  assert(yParity === 0 || yParity === 1, 'the recovery id is neither 0 nor 1');
  const s = BigInt(toHex(signature.subarray(32, 64)));
  assert(s <= HALF_ORDER, 'the signature has a high s (EIP-2)');
  const yParityAndS = s | (yParity === 1 ? PARITY_BIT : 0n);
  const r = toHex(signature.subarray(0, 32));
  return hexToBytes(calldataOf(batch, { r, yParityAndS: toHex(yParityAndS, { size: 32 }) }));
}

/**
 * What an authority says, read back from nothing but its bytes. Throws unless they are exactly one
 * call of execute in the canonical encoding, with a signature that the contract could take.
 */
export async function readAuthority(
  authority: Uint8Array,
  place: TreasuryPlace,
): Promise<ReadAuthority> {
  const data = toHex(authority);
  const { functionName, args } = decodeFunctionData({ abi: treasuryAbi, data });
  assert(functionName === 'execute', 'the authority is not a call of execute');
  const [batchId, deadline, token, gasPerItem, words, r, yParityAndS] = args;
  const items = words.map(readItem);
  const batch = { batchId, deadline, token: lowerAddress(token), gasPerItem, items };
  // Bytes that decode to the same call but are written otherwise are not what was signed here.
  assert(calldataOf(batch, { r, yParityAndS }) === data, 'the authority is not canonical');
  const digest = batchDigest(batch, place);
  const word = BigInt(yParityAndS);
  const s = word & (PARITY_BIT - 1n);
  assert(s <= HALF_ORDER, 'the signature has a high s (EIP-2)');
  const signature = { r, s: toHex(s, { size: 32 }), yParity: word >= PARITY_BIT ? 1 : 0 };
  const signer = lowerAddress(await recoverAddress({ hash: digest, signature }));
  return { batch, digest, signer };
}

/** Of all batches with one id at most one takes effect on a treasury. */
export function fenceOf(treasury: Hex, batchId: bigint): string {
  return `${treasury}:batch:${batchId}`;
}

function calldataOf(batch: Batch, signature: { r: Hex; yParityAndS: Hex }): Hex {
  const { batchId, deadline, token, gasPerItem, items } = batch;
  assert(items.length > 0, 'a batch pays at least one item');
  const words = items.map(packItem);
  return encodeFunctionData({
    abi: treasuryAbi,
    functionName: 'execute',
    args: [batchId, deadline, token, gasPerItem, words, signature.r, signature.yParityAndS],
  });
}

/** The contract's word for one item: the recipient's 20 bytes, then 12 bytes of amount. */
export function packItem({ to, units }: BatchItem): Hex {
  assert(units > 0n && units < UNITS_LIMIT, 'the amount of an item is out of range');
  assert(/^0x[0-9a-f]{40}$/.test(to), 'the recipient of an item is not an address in lower case');
  return concat([to, toHex(units, { size: 12 })]);
}

function readItem(word: Hex): BatchItem {
  return { to: `0x${word.slice(2, 42)}`, units: BigInt(`0x${word.slice(42)}`) };
}
