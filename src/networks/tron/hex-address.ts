import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { createBase58check } from '@scure/base';
import { assert } from '../../base/assert.ts';
import { parseTronAddress } from './address.ts';

const base58check = createBase58check(sha256);

/** An address as nodes and messages have it: 0x41 and 20 bytes, in lower-case hex without a prefix. */
export type HexAddress = `41${string}`;

export function isHexAddress(text: string): text is HexAddress {
  return /^41[0-9a-f]{40}$/.test(text);
}

/** Of an address in base58 (T…). Asserts its shape: it was parsed when it came in. */
export function hexAddress(address: string): HexAddress {
  const parsed = parseTronAddress(address);
  assert(parsed.ok, 'not a Tron address');
  const hex = bytesToHex(base58check.decode(parsed.address));
  assert(isHexAddress(hex), 'a Tron address has 21 bytes');
  return hex;
}

/** The form that people use: base58check (T…). */
export function base58Address(address: HexAddress): string {
  return base58check.encode(hexToBytes(address));
}

/** The 20 bytes without the prefix, as contracts have them, in hex. */
export function contractForm(address: HexAddress): string {
  return address.slice(2);
}

/** The opposite of {@link contractForm}. */
export function fromContractForm(hex: string): HexAddress {
  const address = `41${hex}`;
  assert(isHexAddress(address), 'an address has 20 bytes');
  return address;
}

/**
 * Of a secp256k1 public key (65 uncompressed bytes, SEC 1 §2.3.3): 0x41 and the last 20 bytes of the
 * Keccak-256 of its coordinates.
 */
export function addressOfPublicKey(publicKey: Uint8Array): HexAddress {
  assert(publicKey.length === 65 && publicKey[0] === 4, 'the public key is not uncompressed');
  return fromContractForm(bytesToHex(keccak_256(publicKey.subarray(1)).subarray(12)));
}

/**
 * Who signed a 32-byte digest. `signature`: r, s and v, which is 27 or 28, or the bare recovery id as
 * some wallets write it. Null where it is no signature.
 */
export function recoverSigner(digest: Uint8Array, signature: Uint8Array): HexAddress | null {
  const v = signature[64] ?? 0;
  const recoveryId = v >= 27 ? v - 27 : v;
  if (signature.length !== 65 || recoveryId > 1) return null;
  try {
    const point = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact')
      .addRecoveryBit(recoveryId)
      .recoverPublicKey(digest);
    return addressOfPublicKey(point.toBytes(false));
  } catch {
    return null;
  }
}
