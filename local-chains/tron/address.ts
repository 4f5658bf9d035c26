import { keccak_256 } from '@noble/hashes/sha3.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { createBase58check } from '@scure/base';
import { secp256k1 } from '@noble/curves/secp256k1.js';

const base58check = createBase58check(sha256);

/** 21 bytes, lower-case hex: 41 and the account's 20. The form in which the chain keeps addresses. */
export type Address = string;

/** Reads base58 or hex with the prefix; undefined where it is neither. */
export function readAddress(text: string): Address | undefined {
  if (/^41[0-9a-f]{40}$/i.test(text)) return text.toLowerCase();
  if (!/^T[1-9A-HJ-NP-Za-km-z]{33}$/.test(text)) return undefined;
  try {
    const hex = bytesToHex(base58check.decode(text));
    return hex.length === 42 && hex.startsWith('41') ? hex : undefined;
  } catch {
    return undefined;
  }
}

/** As {@link readAddress}, for addresses that the caller vouches for. */
export function needAddress(text: string): Address {
  const address = readAddress(text);
  if (address === undefined) throw new Error(`${text} is not a Tron address`);
  return address;
}

export function base58Of(address: Address): string {
  return base58check.encode(hexToBytes(address));
}

/** From the 20 bytes that the virtual machine knows. */
export function addressOfBytes(bytes: Uint8Array): Address {
  return `41${bytesToHex(bytes)}`;
}

export function addressOfPublicKey(uncompressed: Uint8Array): Address {
  return addressOfBytes(keccak_256(uncompressed.subarray(1)).subarray(12));
}

export function addressOfSecretKey(secretKey: Uint8Array): Address {
  return addressOfPublicKey(secp256k1.getPublicKey(secretKey, false));
}

/** r, s and the recovery bit, in Tron's order. Deterministic (RFC 6979). */
export function signDigest(digest: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const signature = secp256k1.sign(digest, secretKey, { prehash: false, format: 'recovered' });
  const recovery = signature[0] ?? 0;
  return concatBytes(signature.subarray(1), Uint8Array.of(27 + recovery));
}

/** Whose signature it is; undefined where it is nobody's. Takes v as 0, 1, 27 or 28, as java-tron does. */
export function signerOf(digest: Uint8Array, signature: Uint8Array): Address | undefined {
  const given = signature[64];
  if (given === undefined) return undefined;
  const recovery = given >= 27 ? given - 27 : given;
  if (recovery > 3) return undefined;
  try {
    const compact = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact');
    const key = compact.addRecoveryBit(recovery).recoverPublicKey(digest);
    return addressOfPublicKey(key.toBytes(false));
  } catch {
    return undefined;
  }
}
