import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { bech32, bech32m, createBase58check } from '@scure/base';
import { assert } from '../../base/assert.ts';
import { BITCOIN_MAIN } from './address.ts';

/**
 * Output scripts as lower-case hexadecimal. The driver works on them alone, since a node of a local chain
 * writes addresses otherwise; people see addresses of the main network.
 */

const base58check = createBase58check(sha256);

/** The scripts that can be paid, by their shape: source: BIP-16, BIP-141, BIP-341. */
const SHAPES = [
  { kind: 'p2pkh', shape: /^76a914([0-9a-f]{40})88ac$/ },
  { kind: 'p2sh', shape: /^a914([0-9a-f]{40})87$/ },
  { kind: 'p2wpkh', shape: /^0014([0-9a-f]{40})$/ },
  { kind: 'p2wsh', shape: /^0020([0-9a-f]{64})$/ },
  { kind: 'p2tr', shape: /^5120([0-9a-f]{64})$/ },
] as const;

/** The output script that an address stands for. The address has been accepted by `address.ts`. */
export function scriptOfAddress(address: string): string {
  return address.startsWith(`${BITCOIN_MAIN.prefix}1`)
    ? scriptOfWitnessAddress(address)
    : scriptOfHashAddress(address);
}

function scriptOfHashAddress(address: string): string {
  const [version, ...hash] = base58check.decode(address);
  assert(hash.length === 20, 'a base58 address holds 20 bytes');
  const hex = bytesToHex(Uint8Array.from(hash));
  if (version === BITCOIN_MAIN.publicKeyHash) return `76a914${hex}88ac`;
  assert(version === BITCOIN_MAIN.scriptHash, 'the address is of the main network');
  return `a914${hex}87`;
}

function scriptOfWitnessAddress(address: string): string {
  const decoded = bech32.decodeUnsafe(address) ?? bech32m.decodeUnsafe(address);
  assert(decoded?.prefix === BITCOIN_MAIN.prefix, 'the address is of the main network');
  const [version, ...words] = decoded.words;
  const script = `${version === 0 ? '00' : '51'}${sizedHex(bech32.fromWords(words))}`;
  assert(version === 0 || version === 1, 'the witness version is one that can be paid');
  assert(kindOf(script) !== null, 'the address can be paid');
  return script;
}

function sizedHex(bytes: Uint8Array): string {
  return `${bytes.length.toString(16).padStart(2, '0')}${bytesToHex(bytes)}`;
}

/** As people know the script; null where no address stands for it. */
export function addressOfScript(script: string): string | null {
  const found = kindOf(script);
  if (found === null) return null;
  const bytes = hexToBytes(found.hash);
  const { prefix, publicKeyHash, scriptHash } = BITCOIN_MAIN;
  switch (found.kind) {
    case 'p2pkh':
      return base58check.encode(Uint8Array.of(publicKeyHash, ...bytes));
    case 'p2sh':
      return base58check.encode(Uint8Array.of(scriptHash, ...bytes));
    case 'p2wpkh':
    case 'p2wsh':
      return bech32.encode(prefix, [0, ...bech32.toWords(bytes)]);
    case 'p2tr':
      return bech32m.encode(prefix, [1, ...bech32m.toWords(bytes)]);
  }
}

interface KnownScript {
  readonly kind: (typeof SHAPES)[number]['kind'];
  readonly hash: string;
}

function kindOf(script: string): KnownScript | null {
  for (const { kind, shape } of SHAPES) {
    const hash = shape.exec(script)?.[1];
    if (hash !== undefined) return { kind, hash };
  }
  return null;
}

export function scriptBytes(script: string): number {
  return script.length / 2;
}

/** Satoshis per 1,000 bytes at which nodes judge dust (Bitcoin Core, DUST_RELAY_TX_FEE). */
const DUST_RATE = 3n;

/**
 * The least that an output of this script may hold to be relayed: what creating and spending it would cost
 * at 3,000 satoshis per 1,000 bytes. Source: Bitcoin Core, GetDustThreshold: 546 for P2PKH, 294 for P2WPKH,
 * 330 for P2TR.
 */
export function dustLimit(script: string): bigint {
  const isWitness = script.startsWith('00') || script.startsWith('51');
  // Value, length and script; then the input: 148 bytes, or 67 with its witness discounted.
  const bytes = 8 + 1 + scriptBytes(script) + (isWitness ? 67 : 148);
  return BigInt(bytes) * DUST_RATE;
}
