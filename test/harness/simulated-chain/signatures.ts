import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';

/** Recovers signers, once for each digest and signature: that is most of what the model does. */
export interface Signatures {
  /** The ecrecover precompile: lower case, null for what is no signature. `yParity`: 0 or 1. */
  recover(digest: Uint8Array, signature: { r: bigint; s: bigint; yParity: number }): Hex | null;
}

const CURVE_ORDER = secp256k1.Point.CURVE().n;

/** EIP-2: of s and n - s only the lower is a signature, where it applies. */
export const HALF_ORDER = CURVE_ORDER / 2n;

/** Bounds what is remembered: a signature is asked about soon after it was made, or never again. */
const REMEMBERED = 50_000;

export function createSignatures(): Signatures {
  let recent = new Map<string, Hex | null>();
  let older = new Map<string, Hex | null>();
  return {
    recover(digest, { r, s, yParity }) {
      const name = `${hexOf(digest)}:${r.toString(16)}:${s.toString(16)}:${yParity}`;
      const remembered = recent.get(name) ?? older.get(name);
      if (remembered !== undefined) return remembered;
      const signer = recoverSigner(digest, { r, s, yParity });
      if (recent.size >= REMEMBERED) {
        older = recent;
        recent = new Map();
      }
      recent.set(name, signer);
      return signer;
    },
  };
}

function recoverSigner(
  digest: Uint8Array,
  { r, s, yParity }: { r: bigint; s: bigint; yParity: number },
): Hex | null {
  if (r === 0n || s === 0n || r >= CURVE_ORDER || s >= CURVE_ORDER) return null;
  try {
    const signature = new secp256k1.Signature(r, s, yParity);
    const key = signature.recoverPublicKey(digest).toBytes(false);
    return `0x${hexOf(keccak_256(key.subarray(1))).slice(24)}`;
  } catch {
    // Some r are the x of no point.
    return null;
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Keccak-256 of bytes given as hex digits without 0x. */
export function keccakOf(digits: string): Hex {
  return `0x${hexOf(keccak_256(Buffer.from(digits, 'hex')))}`;
}

export function bytesOf(digits: string): Uint8Array {
  return Buffer.from(digits, 'hex');
}
