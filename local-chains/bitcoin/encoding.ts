import { sha256 } from '@noble/hashes/sha2.js';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';

/** Bytes that do not say what they should. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

export function doubleSha256(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes));
}

export function hash160(bytes: Uint8Array): Uint8Array {
  return ripemd160(sha256(bytes));
}

/** SHA-256 with the tag's hash twice in front (BIP-340). */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const tagHash = sha256(new TextEncoder().encode(tag));
  return sha256(concatBytes(tagHash, tagHash, ...parts));
}

/** Hashes are shown with their bytes reversed. */
export function shownHash(bytes: Uint8Array): string {
  return bytesToHex(Uint8Array.from(bytes).reverse());
}

export function hashFromShown(text: string): Uint8Array {
  return hexToBytes(text).reverse();
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function int64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value, true);
  return bytes;
}

export function compactSize(value: number): Uint8Array {
  if (value < 0xfd) return Uint8Array.of(value);
  if (value <= 0xffff) return Uint8Array.of(0xfd, value & 0xff, value >> 8);
  return concatBytes(Uint8Array.of(0xfe), uint32(value));
}

/** With its length in front. */
export function sized(bytes: Uint8Array): Uint8Array {
  return concatBytes(compactSize(bytes.length), bytes);
}

export interface Reader {
  take(length: number): Uint8Array;
  uint32(): number;
  int64(): bigint;
  /** Refuses what has a shorter form, and what no message can hold. */
  compactSize(): number;
  sized(): Uint8Array;
  at(): number;
  isAtEnd(): boolean;
}

/** What no message of the protocol exceeds. */
const MAX_SIZE = 0x02000000;

export function createReader(bytes: Uint8Array): Reader {
  let position = 0;
  const take = (length: number): Uint8Array => {
    if (position + length > bytes.length) throw new Malformed('unexpected end of data');
    position += length;
    return bytes.subarray(position - length, position);
  };
  const view = (length: number): DataView => {
    const part = take(length);
    return new DataView(part.buffer, part.byteOffset, length);
  };
  const readCompactSize = (): number => {
    const first = take(1)[0] ?? 0;
    const [value, least] =
      first < 0xfd
        ? [first, 0]
        : first === 0xfd
          ? [view(2).getUint16(0, true), 0xfd]
          : first === 0xfe
            ? [view(4).getUint32(0, true), 0x1_0000]
            : [Number(view(8).getBigUint64(0, true)), 0x1_0000_0000];
    if (value < least) throw new Malformed('non-canonical compact size');
    if (value > MAX_SIZE) throw new Malformed('size too large');
    return value;
  };
  return {
    take,
    uint32: () => view(4).getUint32(0, true),
    int64: () => view(8).getBigInt64(0, true),
    compactSize: readCompactSize,
    sized: () => take(readCompactSize()),
    at: () => position,
    isAtEnd: () => position === bytes.length,
  };
}
