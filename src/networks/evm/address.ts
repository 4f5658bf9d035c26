import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { acceptedAddress, refusedAddress, type ParsedAddress } from '../parsed-address.ts';

const ZERO = '0'.repeat(40);

/**
 * An address of Ethereum, Polygon or BSC, in its EIP-55 form. All-lower-case and all-upper-case
 * digits carry no checksum and pass; mixed case must match EIP-55 exactly.
 */
export function parseEvmAddress(text: string): ParsedAddress {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) {
    return refusedAddress('The address must be 0x followed by 40 hexadecimal digits.');
  }
  const digits = text.slice(2);
  const lower = digits.toLowerCase();
  if (lower === ZERO) return refusedAddress('The zero address cannot be paid.');
  const address = checksumAddress(lower);
  const unmarked = digits === lower || digits === digits.toUpperCase();
  if (!unmarked && text !== address) {
    return refusedAddress('The address fails its EIP-55 checksum: a digit or its case is wrong.');
  }
  return acceptedAddress(address);
}

/** The EIP-55 form of 40 lower-case hexadecimal digits. */
function checksumAddress(lower: string): string {
  const hash = bytesToHex(keccak_256(utf8ToBytes(lower)));
  const digits = Array.from(lower, (digit, index) =>
    hash.charAt(index) >= '8' ? digit.toUpperCase() : digit,
  );
  return `0x${digits.join('')}`;
}
