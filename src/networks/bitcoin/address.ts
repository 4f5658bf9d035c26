import { schnorr } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bech32, bech32m, createBase58check } from '@scure/base';
import { acceptedAddress, refusedAddress, type ParsedAddress } from '../parsed-address.ts';

/** What tells the addresses of one Bitcoin network from another's. */
export interface BitcoinParameters {
  /** The human-readable part of bech32 (BIP-173). */
  readonly prefix: string;
  /** The version byte of P2PKH. */
  readonly publicKeyHash: number;
  /** The version byte of P2SH. */
  readonly scriptHash: number;
}

export const BITCOIN_MAIN: BitcoinParameters = {
  prefix: 'bc',
  publicKeyHash: 0x00,
  scriptHash: 0x05,
};

const base58check = createBase58check(sha256);

const CHECKSUM_FAILED = 'The address fails its checksum: a character is wrong.';
const OTHER_NETWORK = 'The address belongs to another Bitcoin network.';
const UNSPENDABLE = 'The address cannot be paid: no key can stand behind it.';
const NOT_BITCOIN = 'The address is not a Bitcoin address.';

/**
 * P2PKH and P2SH (base58check), P2WPKH and P2WSH (bech32, BIP-173), P2TR (bech32m, BIP-350).
 * Later witness versions are valid addresses, but anyone may spend what is sent to them.
 */
export function parseBitcoinAddress(
  text: string,
  parameters: BitcoinParameters = BITCOIN_MAIN,
): ParsedAddress {
  // The base58 addresses of every Bitcoin network begin with 1, 2, 3, m or n.
  return /^(bc|tb|bcrt)1/i.test(text)
    ? parseWitnessAddress(text, parameters)
    : parseHashAddress(text, parameters);
}

function parseHashAddress(text: string, parameters: BitcoinParameters): ParsedAddress {
  if (!/^[1-9A-HJ-NP-Za-km-z]{25,35}$/.test(text)) return refusedAddress(NOT_BITCOIN);
  const bytes = decodeBase58check(text);
  if (bytes === undefined) return refusedAddress(CHECKSUM_FAILED);
  if (bytes.length !== 21) return refusedAddress(NOT_BITCOIN);
  const [version] = bytes;
  if (version !== parameters.publicKeyHash && version !== parameters.scriptHash) {
    return refusedAddress(
      [0x00, 0x05, 0x6f, 0xc4].some((known) => known === version) ? OTHER_NETWORK : NOT_BITCOIN,
    );
  }
  return isZero(bytes.subarray(1)) ? refusedAddress(UNSPENDABLE) : acceptedAddress(text);
}

function parseWitnessAddress(text: string, parameters: BitcoinParameters): ParsedAddress {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) {
    return refusedAddress('The address mixes upper-case and lower-case letters.');
  }
  // No text is valid in both encodings (BIP-350), so their order does not matter.
  const original = bech32.decodeUnsafe(lower);
  const decoded = original ?? bech32m.decodeUnsafe(lower);
  if (decoded === undefined) return refusedAddress(CHECKSUM_FAILED);
  if (decoded.prefix !== parameters.prefix) return refusedAddress(OTHER_NETWORK);
  const [version, ...words] = decoded.words;
  const program = bech32.fromWordsUnsafe(words);
  if (version === undefined || program === undefined) return refusedAddress(NOT_BITCOIN);
  if ((version === 0) !== (original !== undefined)) return refusedAddress(CHECKSUM_FAILED);
  const problem = programProblem(version, program);
  return problem === undefined ? acceptedAddress(lower) : refusedAddress(problem);
}

function programProblem(version: number, program: Uint8Array): string | undefined {
  switch (version) {
    case 0:
      if (program.length !== 20 && program.length !== 32) return NOT_BITCOIN;
      return isZero(program) ? UNSPENDABLE : undefined;
    case 1:
      if (program.length !== 32) return 'The address is of an unknown kind.';
      return isPointX(program) ? undefined : UNSPENDABLE;
    default:
      return 'The address has a witness version that Bitcoin does not use yet.';
  }
}

/** Whether a P2TR program is the x coordinate of a point (BIP-340 lift_x); else it is lost money. */
function isPointX(program: Uint8Array): boolean {
  try {
    schnorr.utils.lift_x(bytesToNumberBE(program));
    return true;
  } catch {
    return false;
  }
}

function decodeBase58check(text: string): Uint8Array | undefined {
  try {
    return base58check.decode(text);
  } catch {
    return undefined;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
