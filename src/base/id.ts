import { assert } from './assert.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** Gives a new UUID of version 7 (RFC 9562 §5.7) at each call. */
export interface IdSource {
  next(): string;
}

export function createIdSource(clock: Clock, random: Random): IdSource {
  return { next: () => uuidV7(clock.now(), random.bytes(10)) };
}

/**
 * A UUID of version 7: 48 bits of Unix milliseconds, then 74 random bits.
 * Lower-case, 36 characters. Source: RFC 9562 §5.7.
 */
export function uuidV7(moment: Date, random: Uint8Array): string {
  assert(random.length === 10, 'uuidV7 takes 10 random bytes');
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(moment.getTime(), 0, 6);
  bytes.set(random, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return formatUuid(bytes);
}

/** The smallest identifier that {@link uuidV7} can give at `moment`: a bound for keyset pages. */
export function lowestIdAt(moment: Date): string {
  return uuidV7(moment, new Uint8Array(10));
}

/** The moment that a UUID of version 7 was made, to the millisecond. */
export function momentOfId(id: string): Date {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
}

/** Whether `text` is a UUID in its canonical lower- or upper-case form. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** The 16 bytes of a UUID. */
export function uuidBytes(id: string): Uint8Array {
  assert(isUuid(id), 'not a UUID');
  return new Uint8Array(Buffer.from(id.replaceAll('-', ''), 'hex'));
}

/** By byte, so that a UUID is written without going through a buffer: a request writes half a dozen. */
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

/** The canonical lower-case form of 16 bytes. */
export function formatUuid(bytes: Uint8Array): string {
  assert(bytes.length === 16, 'a UUID has 16 bytes');
  let text = '';
  for (let at = 0; at < 16; at += 1) {
    if (at === 4 || at === 6 || at === 8 || at === 10) text += '-';
    text += HEX[bytes[at] ?? 0] ?? '';
  }
  return text;
}
