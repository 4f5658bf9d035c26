import { base58 } from '@scure/base';

/** A transaction as it came over the wire, read strictly: every byte has a meaning, and only one. */
export interface WireTransaction extends WireMessage {
  readonly bytes: Uint8Array;
  /** The first signature, in base58: what the transaction is known by. */
  readonly signature: string;
  readonly signatures: readonly Uint8Array[];
  readonly messageBytes: Uint8Array;
}

export interface WireMessage {
  readonly version: 'legacy' | 0;
  readonly requiredSignatures: number;
  readonly readonlySigned: number;
  readonly readonlyUnsigned: number;
  /** Without those that look-up tables add. The first pays. */
  readonly keys: readonly string[];
  readonly recentBlockhash: string;
  readonly instructions: readonly WireInstruction[];
  readonly lookups: readonly WireLookup[];
}

export interface WireInstruction {
  readonly program: number;
  readonly accounts: readonly number[];
  readonly data: Uint8Array;
}

export interface WireLookup {
  readonly table: string;
  readonly writable: readonly number[];
  readonly readonly: readonly number[];
}

/** The bytes are no transaction (`malformed`), or one that contradicts itself (`insane`). */
export class UnreadableTransaction extends Error {
  override readonly name = 'UnreadableTransaction';
  readonly kind: 'malformed' | 'insane';

  constructor(kind: 'malformed' | 'insane', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The length of an IPv6 packet's least payload, without its headers: 1,280 - 48. */
export const MAX_TRANSACTION_BYTES = 1_232;

/** https://solana.com/docs/core/transactions */
export function readTransaction(bytes: Uint8Array): WireTransaction {
  const reader = createReader(bytes);
  const count = reader.length();
  const signatures = Array.from({ length: count }, () => reader.take(64));
  const messageBytes = bytes.subarray(reader.position());
  const message = readMessageBody(reader);
  const [first] = signatures;
  if (first === undefined || count !== message.requiredSignatures) {
    throw new UnreadableTransaction('insane', 'another number of signatures than of signers');
  }
  const signature = base58.encode(first);
  return { ...message, bytes, signature, signatures, messageBytes };
}

export function readMessage(bytes: Uint8Array): WireMessage {
  return readMessageBody(createReader(bytes));
}

function readMessageBody(reader: Reader): WireMessage {
  const version = readVersion(reader);
  const [requiredSignatures, readonlySigned, readonlyUnsigned] = [
    reader.byte(),
    reader.byte(),
    reader.byte(),
  ];
  const keys = Array.from({ length: reader.length() }, () => base58.encode(reader.take(32)));
  const recentBlockhash = base58.encode(reader.take(32));
  const instructions = Array.from({ length: reader.length() }, () => ({
    program: reader.byte(),
    accounts: [...reader.take(reader.length())],
    data: reader.take(reader.length()),
  }));
  const lookups =
    version === 0 ? Array.from({ length: reader.length() }, () => readLookup(reader)) : [];
  if (!reader.atEnd()) throw new UnreadableTransaction('malformed', 'bytes after the end');
  const header = { requiredSignatures, readonlySigned, readonlyUnsigned };
  const message = { version, ...header, keys, recentBlockhash, instructions, lookups };
  assertSane(message);
  return message;
}

function readVersion(reader: Reader): 'legacy' | 0 {
  const prefix = reader.peek();
  if (prefix < 0x80) return 'legacy';
  reader.byte();
  const version = prefix & 0x7f;
  if (version !== 0) {
    throw new UnreadableTransaction('malformed', `message version ${version}`);
  }
  return 0;
}

function readLookup(reader: Reader): WireLookup {
  return {
    table: base58.encode(reader.take(32)),
    writable: [...reader.take(reader.length())],
    readonly: [...reader.take(reader.length())],
  };
}

function assertSane(message: WireMessage): void {
  const { keys, requiredSignatures, readonlySigned, readonlyUnsigned, lookups } = message;
  const looked = lookups.reduce(
    (sum, each) => sum + each.writable.length + each.readonly.length,
    0,
  );
  const total = keys.length + looked;
  const insane =
    readonlySigned >= requiredSignatures ||
    requiredSignatures + readonlyUnsigned > keys.length ||
    total > 256 ||
    lookups.some((each) => each.writable.length + each.readonly.length === 0) ||
    message.instructions.some(
      ({ program, accounts }) =>
        program === 0 || program >= keys.length || accounts.some((index) => index >= total),
    );
  if (insane) throw new UnreadableTransaction('insane', 'an index or a count out of bounds');
}

interface Reader {
  readonly byte: () => number;
  readonly peek: () => number;
  readonly take: (length: number) => Uint8Array;
  /** A "compact-u16". */
  readonly length: () => number;
  readonly position: () => number;
  readonly atEnd: () => boolean;
}

function createReader(bytes: Uint8Array): Reader {
  let position = 0;
  const peek = (): number => {
    const value = bytes[position];
    if (value === undefined) throw new UnreadableTransaction('malformed', 'it ends too early');
    return value;
  };
  const byte = (): number => {
    const value = peek();
    position += 1;
    return value;
  };
  const take = (length: number): Uint8Array => {
    if (position + length > bytes.length) {
      throw new UnreadableTransaction('malformed', 'it ends too early');
    }
    position += length;
    return bytes.subarray(position - length, position);
  };
  const length = (): number => {
    let value = 0;
    for (let index = 0; index < 3; index += 1) {
      const next = byte();
      value |= (next & 0x7f) << (7 * index);
      if ((next & 0x80) !== 0) continue;
      // Zero bytes at the end would be a second way to write the same number.
      if ((index > 0 && next === 0) || value > 0xffff) break;
      return value;
    }
    throw new UnreadableTransaction('malformed', 'a length that is not a compact u16');
  };
  return {
    byte,
    peek,
    take,
    length,
    position: () => position,
    atEnd: () => position === bytes.length,
  };
}
