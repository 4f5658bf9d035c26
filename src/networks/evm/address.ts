import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { acceptedAddress, refusedAddress, type ParsedAddress } from '../parsed-address.ts';

const ZERO = '0'.repeat(40);

/**
 * An address of Ethereum, Polygon or BSC, in its EIP-55 form. All-lower-case and all-upper-case
 * digits carry no checksum and pass; mixed case must match EIP-55 exactly.
 */
export function parseEvmAddress(text: string): ParsedAddress {
  const reason = evmAddressProblem(text);
  if (reason !== undefined) return refusedAddress(reason);
  const digits = text.slice(2);
  return acceptedAddress(isUnmarked(digits) ? checksumAddress(digits.toLowerCase()) : text);
}

/** Why a text is no address that can be paid; undefined where it is one. Digits without a checksum need no hash. */
export function evmAddressProblem(text: string): string | undefined {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) {
    return 'The address must be 0x followed by 40 hexadecimal digits.';
  }
  const digits = text.slice(2);
  if (digits === ZERO) return 'The zero address cannot be paid.';
  if (isUnmarked(digits) || text === checksumAddress(digits.toLowerCase())) return undefined;
  return 'The address fails its EIP-55 checksum: a digit or its case is wrong.';
}

function isUnmarked(digits: string): boolean {
  return digits === digits.toLowerCase() || digits === digits.toUpperCase();
}

/** The EIP-55 form of 40 lower-case hexadecimal digits. */
function checksumAddress(lower: string): string {
  const hash = bytesToHex(keccak_256(utf8ToBytes(lower)));
  const digits = Array.from(lower, (digit, index) =>
    hash.charAt(index) >= '8' ? digit.toUpperCase() : digit,
  );
  return `0x${digits.join('')}`;
}
