import { concatBytes } from '@noble/hashes/utils.js';

/** Protocol Buffers' wire format (developers.google.com/protocol-buffers/docs/encoding), what Tron uses of it. */
export type WireField =
  | { readonly number: number; readonly value: bigint }
  | { readonly number: number; readonly bytes: Uint8Array };

export class WireError extends Error {
  override readonly name = 'WireError';
}

/** In the order of the bytes. Throws {@link WireError} where they are no message. */
export function readFields(message: Uint8Array): readonly WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) throw new WireError('the message ends within a number');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number is longer than ten bytes');
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    if (number === 0) throw new WireError('a field has no number');
    if (tag % 8 === 0) {
      fields.push({ number, value: BigInt.asIntN(64, varint()) });
    } else if (tag % 8 === 2) {
      const length = Number(varint());
      if (at + length > message.length) throw new WireError('the message ends within a field');
      fields.push({ number, bytes: message.slice(at, at + length) });
      at += length;
    } else {
      throw new WireError(`wire type ${tag % 8} is not used by Tron`);
    }
  }
  return fields;
}

/** The last number of that field, as proto3 reads it; 0 where there is none. */
export function numberIn(fields: readonly WireField[], number: number): bigint {
  const field = fields.findLast((each) => each.number === number);
  if (field === undefined) return 0n;
  if (!('value' in field)) throw new WireError(`field ${number} is not a number`);
  return field.value;
}

/** The last bytes of that field; empty where there are none. */
export function bytesIn(fields: readonly WireField[], number: number): Uint8Array {
  return allBytesIn(fields, number).at(-1) ?? new Uint8Array(0);
}

export function allBytesIn(fields: readonly WireField[], number: number): readonly Uint8Array[] {
  return fields
    .filter((field) => field.number === number)
    .map((field) => {
      if (!('bytes' in field)) throw new WireError(`field ${number} is not bytes`);
      return field.bytes;
    });
}

/** Nothing for 0, as proto3 writes it. */
export function numberField(number: number, value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  return concatBytes(varintOf(BigInt(number * 8)), varintOf(BigInt.asUintN(64, value)));
}

/** Nothing for no bytes. */
export function bytesField(number: number, bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? bytes : messageField(number, bytes);
}

/** A message, or an element of a list, that is written even where it is empty. */
export function messageField(number: number, bytes: Uint8Array): Uint8Array {
  return concatBytes(varintOf(BigInt(number * 8 + 2)), varintOf(BigInt(bytes.length)), bytes);
}

function varintOf(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
