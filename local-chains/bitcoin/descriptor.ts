import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { addressOfScript, scriptOfAddress } from './address.ts';
import { BitcoinRpcError } from './bitcoin-chain.ts';
import { hash160, taggedHash } from './encoding.ts';
import { kindOfScript } from './script.ts';

/** One script, and how its owner describes it (BIP-380 and following). No keys with paths, no ranges. */
export interface Descriptor {
  /** Without checksum. */
  readonly text: string;
  readonly scriptHex: string;
  /** Whether the key is known that signs for it. */
  readonly isSolvable: boolean;
  /** As wallets tell it of an output, with the key's fingerprint and the checksum. */
  readonly told: string;
}

/** Throws {@link BitcoinRpcError} -5 as bitcoind does. */
export function parseDescriptor(given: string, checksum: 'needed' | 'optional'): Descriptor {
  const [text = '', sum, ...more] = given.split('#');
  if (more.length > 0) throw invalid(`Multiple '#' symbols`);
  if (sum === undefined && checksum === 'needed') throw invalid('Missing checksum');
  if (sum !== undefined && sum !== descriptorChecksum(text)) {
    throw sum.length === 8
      ? invalid(
          `Provided checksum '${sum}' does not match computed checksum '${descriptorChecksum(text)}'`,
        )
      : invalid(`Expected 8 character checksum, not ${sum.length} characters`);
  }
  const [, name = '', argument = ''] = /^(\w+)\((.*)\)$/.exec(text) ?? [];
  return readFunction(name, argument, text);
}

/** What bitcoind infers of a script that no wallet of it knows. */
export function inferredDescriptor(scriptHex: string): string {
  const kind = kindOfScript(scriptHex);
  if (kind === 'witness_v1_taproot') return withChecksum(`rawtr(${scriptHex.slice(4)})`);
  if (kind === 'pubkey') return withChecksum(`pk(${scriptHex.slice(2, -2)})`);
  const address = addressOfScript(scriptHex);
  return withChecksum(address === undefined ? `raw(${scriptHex})` : `addr(${address})`);
}

export function withChecksum(text: string): string {
  return `${text}#${descriptorChecksum(text)}`;
}

const CHARACTERS =
  '0123456789()[],\'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#"\\ ';
const CHECKSUM_CHARACTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATORS = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

/** Source: BIP-380. */
export function descriptorChecksum(text: string): string {
  let sum = 1n;
  let groups: number[] = [];
  for (const character of text) {
    const position = CHARACTERS.indexOf(character);
    if (position === -1) throw invalid('Invalid characters in payload');
    sum = mix(sum, BigInt(position & 31));
    groups.push(position >> 5);
    if (groups.length === 3) {
      const [a = 0, b = 0, c = 0] = groups;
      sum = mix(sum, BigInt(a * 9 + b * 3 + c));
      groups = [];
    }
  }
  if (groups.length > 0) sum = mix(sum, BigInt(groups.reduce((all, each) => all * 3 + each, 0)));
  for (let index = 0; index < 8; index += 1) sum = mix(sum, 0n);
  sum ^= 1n;
  return Array.from({ length: 8 }, (_, index) =>
    CHECKSUM_CHARACTERS.charAt(Number((sum >> BigInt(5 * (7 - index))) & 31n)),
  ).join('');
}

function mix(sum: bigint, value: bigint): bigint {
  const top = sum >> 35n;
  const shifted = ((sum & 0x7ffffffffn) << 5n) ^ value;
  return GENERATORS.reduce(
    (mixed, generator, index) => (((top >> BigInt(index)) & 1n) === 1n ? mixed ^ generator : mixed),
    shifted,
  );
}

function readFunction(name: string, argument: string, text: string): Descriptor {
  switch (name) {
    case 'addr': {
      const scriptHex = scriptOfAddress(argument);
      if (scriptHex === undefined) throw invalid('Address is not valid');
      return unsolvable(text, scriptHex);
    }
    case 'raw':
      if (!/^([0-9a-f]{2})+$/.test(argument)) throw invalid('Raw script is not hex');
      return unsolvable(text, argument);
    case 'rawtr': {
      const { key, origin } = readKey(argument, 'x only');
      return solvable(text, `5120${key}`, `rawtr(${origin}${key})`);
    }
    case 'tr': {
      const { key, origin } = readKey(argument, 'x only');
      return solvable(text, `5120${taprootOutputKey(key)}`, `tr(${origin}${key})`);
    }
    case 'wpkh':
    case 'pkh': {
      const { key, origin } = readKey(argument, 'full');
      const hash = bytesToHex(hash160(hexToBytes(key)));
      const scriptHex = name === 'wpkh' ? `0014${hash}` : `76a914${hash}88ac`;
      return solvable(text, scriptHex, `${name}(${origin}${key})`);
    }
    default:
      throw invalid(`'${text}' is not a valid descriptor function`);
  }
}

/** `origin` is as it is shown: as given, or the key's own fingerprint. */
function readKey(
  argument: string,
  form: 'x only' | 'full',
): { readonly key: string; readonly origin: string } {
  const parts = /^(\[[0-9a-f]{8}(?:\/\d+['h]?)*\])?([0-9a-f]+)$/i.exec(argument);
  const key = parts?.[2]?.toLowerCase() ?? '';
  const isX = form === 'x only' && key.length === 64;
  const full = isX ? `02${key}` : key;
  if (!/^0[23].{64}$/.test(full) || !isPoint(full)) {
    throw invalid(`key '${argument}' is not valid`);
  }
  const fingerprint = bytesToHex(hash160(hexToBytes(full))).slice(0, 8);
  return {
    key: form === 'x only' ? full.slice(2) : full,
    origin: parts?.[1] ?? `[${fingerprint}]`,
  };
}

function isPoint(key: string): boolean {
  try {
    secp256k1.Point.fromHex(key);
    return true;
  } catch {
    return false;
  }
}

/** Source: BIP-341, without a script tree (BIP-86). */
export function taprootOutputKey(internalKey: string): string {
  const tweak = BigInt(`0x${bytesToHex(taggedHash('TapTweak', hexToBytes(internalKey)))}`);
  const point = secp256k1.Point.fromHex(`02${internalKey}`);
  return point.add(secp256k1.Point.BASE.multiply(tweak)).toHex(true).slice(2);
}

function solvable(text: string, scriptHex: string, told: string): Descriptor {
  return { text, scriptHex, isSolvable: true, told: withChecksum(told) };
}

function unsolvable(text: string, scriptHex: string): Descriptor {
  return { text, scriptHex, isSolvable: false, told: inferredDescriptor(scriptHex) };
}

function invalid(message: string): BitcoinRpcError {
  return new BitcoinRpcError(-5, message);
}
