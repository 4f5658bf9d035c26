import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { bech32, bech32m, createBase58check } from '@scure/base';
import { witnessProgram } from './script.ts';

const base58check = createBase58check(sha256);
const PREFIX = 'bcrt';
const PUBLIC_KEY_HASH = 0x6f;
const SCRIPT_HASH = 0xc4;

/** In regtest's form; undefined where the script has none. */
export function addressOfScript(scriptHex: string): string | undefined {
  const script = hexToBytes(scriptHex);
  const program = witnessProgram(script);
  if (program !== undefined) return witnessAddress(program);
  if (/^76a914[0-9a-f]{40}88ac$/.test(scriptHex)) {
    return base58check.encode(concatBytes(Uint8Array.of(PUBLIC_KEY_HASH), script.slice(3, 23)));
  }
  if (/^a914[0-9a-f]{40}87$/.test(scriptHex)) {
    return base58check.encode(concatBytes(Uint8Array.of(SCRIPT_HASH), script.slice(2, 22)));
  }
  return undefined;
}

/** The script of a regtest address, in hexadecimal; undefined for any other text. */
export function scriptOfAddress(address: string): string | undefined {
  return scriptOfWitnessAddress(address) ?? scriptOfHashAddress(address);
}

function witnessAddress(parts: {
  readonly version: number;
  readonly program: Uint8Array;
}): string | undefined {
  const words = [parts.version, ...bech32.toWords(parts.program)];
  if (parts.version !== 0) return bech32m.encode(PREFIX, words);
  if (parts.program.length !== 20 && parts.program.length !== 32) return undefined;
  return bech32.encode(PREFIX, words);
}

function scriptOfWitnessAddress(address: string): string | undefined {
  const original = bech32.decodeUnsafe(address);
  const decoded = original ?? bech32m.decodeUnsafe(address);
  if (decoded === undefined || decoded.prefix !== PREFIX) return undefined;
  const [version, ...words] = decoded.words;
  const program = bech32.fromWordsUnsafe(words);
  if (version === undefined || version > 16 || program === undefined) return undefined;
  if ((version === 0) !== (original !== undefined)) return undefined;
  const opcode = version === 0 ? 0 : 0x50 + version;
  const script = concatBytes(Uint8Array.of(opcode, program.length), program);
  if (witnessProgram(script) === undefined) return undefined;
  if (version === 0 && program.length !== 20 && program.length !== 32) return undefined;
  return bytesToHex(script);
}

function scriptOfHashAddress(address: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = base58check.decode(address);
  } catch {
    return undefined;
  }
  const hash = bytesToHex(bytes.subarray(1));
  if (bytes.length !== 21) return undefined;
  if (bytes[0] === PUBLIC_KEY_HASH) return `76a914${hash}88ac`;
  return bytes[0] === SCRIPT_HASH ? `a914${hash}87` : undefined;
}
