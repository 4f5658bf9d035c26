import { sha256 } from '@noble/hashes/sha2.js';
import { createBase58check } from '@scure/base';
import { acceptedAddress, refusedAddress, type ParsedAddress } from '../parsed-address.ts';

const base58check = createBase58check(sha256);

/** The first of an address's 21 bytes. It alone tells a Tron address from a Bitcoin one. */
const PREFIX = 0x41;

/** A Tron address: base58check over 0x41 and the last 20 bytes of the public key's Keccak hash. */
export function parseTronAddress(text: string): ParsedAddress {
  if (!/^T[1-9A-HJ-NP-Za-km-z]{33}$/.test(text)) {
    return refusedAddress('The address must be T followed by 33 base58 characters.');
  }
  const bytes = decode(text);
  if (bytes === undefined) {
    return refusedAddress('The address fails its checksum: a character is wrong.');
  }
  if (bytes.length !== 21 || bytes[0] !== PREFIX) {
    return refusedAddress('The address is not a Tron address.');
  }
  if (bytes.subarray(1).every((byte) => byte === 0)) {
    return refusedAddress('The zero address cannot be paid.');
  }
  return acceptedAddress(text);
}

function decode(text: string): Uint8Array | undefined {
  try {
    return base58check.decode(text);
  } catch {
    return undefined;
  }
}
