/**
 * Weights in weight units (BIP-141: four for a byte outside the witness, one inside) and fees in satoshis.
 * Fee rates are whole satoshis per 1,000 virtual bytes, as nodes keep them.
 */

/** The script types that a treasury can have. */
export type TreasuryKind = 'p2tr' | 'p2wpkh';

/** Outpoint, empty script, sequence; then the witness: one signature, and of P2WPKH the public key. */
export const INPUT_WEIGHT: Readonly<Record<TreasuryKind, number>> = {
  // 41 bytes; count, length and a 64-byte signature (BIP-341).
  p2tr: 41 * 4 + 1 + 1 + 64,
  // 41 bytes; count, length, at most 72 bytes of signature, length, 33 bytes of key (BIP-141).
  p2wpkh: 41 * 4 + 1 + 1 + 72 + 1 + 33,
};

/** The most that nodes relay: 100,000 virtual bytes (Bitcoin Core, MAX_STANDARD_TX_WEIGHT). */
export const STANDARD_WEIGHT = 400_000;

/** Value, length and script. */
export function outputWeight(scriptBytes: number): number {
  return (8 + compactSizeBytes(scriptBytes) + scriptBytes) * 4;
}

/** Of a transaction with a witness: version, marker and flag, both counts, lock time. */
export function frameWeight(inputs: number, outputs: number): number {
  return (4 + compactSizeBytes(inputs) + compactSizeBytes(outputs) + 4) * 4 + 2;
}

/** Rounded up, as nodes round it. */
export function virtualBytes(weight: number): number {
  return Math.ceil(weight / 4);
}

/** What a transaction of this weight pays at least for the rate, rounded up. */
export function feeFor(weight: number, satPerKvb: bigint): bigint {
  return ceilDivide(BigInt(virtualBytes(weight)) * satPerKvb, 1_000n);
}

/** What a part of a transaction adds to its fee, rounded up, so that the parts are never less than the whole. */
export function partFee(weight: number, satPerKvb: bigint): bigint {
  return ceilDivide(BigInt(weight) * satPerKvb, 4_000n);
}

/** The rate that a fee comes to, rounded down. */
export function rateOf(feeUnits: bigint, weight: number): bigint {
  return (feeUnits * 1_000n) / BigInt(virtualBytes(weight));
}

function ceilDivide(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

/** Bitcoin's variable-length count. */
function compactSizeBytes(count: number): number {
  if (count < 0xfd) return 1;
  return count <= 0xffff ? 3 : 5;
}
