import { concatBytes } from '@noble/hashes/utils.js';
import { base58 } from '@scure/base';
import { assert, AssertionFailure, present } from '../../base/assert.ts';
import { addressBytes } from './programs.ts';

/**
 * Solana's wire format: compact lengths, messages (legacy, which is two bytes shorter than version 0),
 * and transactions. Source: solana.com/docs/core/transactions, "transaction structure".
 */

/** The most bytes of a transaction, signatures included: IPv6's least packet less its headers. */
export const TRANSACTION_BYTES_LIMIT = 1_232;

export const SIGNATURE_BYTES = 64;

export interface AccountUse {
  readonly address: string;
  readonly signer: boolean;
  readonly writable: boolean;
}

export interface Instruction {
  readonly program: string;
  readonly accounts: readonly AccountUse[];
  readonly data: Uint8Array;
}

/**
 * A legacy message. Its accounts: the payer of the fee, then writable signers, signers, writable ones,
 * the rest, each group in the order of its first use.
 */
export function encodeMessage(message: {
  readonly feePayer: string;
  readonly blockhash: string;
  readonly instructions: readonly Instruction[];
}): Uint8Array {
  const { feePayer, blockhash, instructions } = message;
  const uses = mergeUses(feePayer, instructions);
  const ordered = uses.toSorted((a, b) => groupOf(a) - groupOf(b));
  const signers = ordered.filter(({ signer }) => signer);
  const indexOf = new Map(ordered.map(({ address }, index) => [address, index]));
  const index = (address: string): number =>
    present(indexOf.get(address), 'an instruction uses an account of the message');
  return concatBytes(
    Uint8Array.of(
      signers.length,
      signers.filter(({ writable }) => !writable).length,
      ordered.filter(({ signer, writable }) => !signer && !writable).length,
    ),
    encodeLength(ordered.length),
    ...ordered.map(({ address }) => addressBytes(address)),
    addressBytes(blockhash),
    encodeLength(instructions.length),
    ...instructions.flatMap(({ program, accounts, data }) => [
      Uint8Array.of(index(program)),
      encodeLength(accounts.length),
      Uint8Array.from(accounts, ({ address }) => index(address)),
      encodeLength(data.length),
      data,
    ]),
  );
}

/** Each account once, with the most that any instruction asks of it. The payer of the fee comes first. */
function mergeUses(feePayer: string, instructions: readonly Instruction[]): AccountUse[] {
  const uses = new Map<string, AccountUse>([
    [feePayer, { address: feePayer, signer: true, writable: true }],
  ]);
  const programs = instructions.map(({ program }): AccountUse => ({
    address: program,
    signer: false,
    writable: false,
  }));
  for (const use of [...instructions.flatMap(({ accounts }) => accounts), ...programs]) {
    const { address } = use;
    const known = uses.get(address) ?? use;
    const signer = known.signer || use.signer;
    const writable = known.writable || use.writable;
    uses.set(address, { address, signer, writable });
  }
  assert(uses.size <= 256, 'an index of an account is a byte');
  return [...uses.values()];
}

/** The payer of the fee is the first of group 0, since it was put there first and sorting is stable. */
function groupOf({ signer, writable }: AccountUse): number {
  return (signer ? 0 : 2) + (writable ? 0 : 1);
}

/** Compact-u16: seven bits a byte, the lowest first. */
function encodeLength(length: number): Uint8Array {
  assert(Number.isInteger(length) && length >= 0 && length <= 0xffff, 'a length has 16 bits');
  const bytes: number[] = [];
  let rest = length;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return Uint8Array.from([...bytes, rest]);
}

/** A message signed by one key: its signature before it. */
export function encodeTransaction(signature: Uint8Array, message: Uint8Array): Uint8Array {
  assert(signature.length === SIGNATURE_BYTES, 'a signature has 64 bytes');
  assert(message[0] === 1, 'the message asks for one signature');
  return concatBytes(encodeLength(1), signature, message);
}

/** Reads whole bytes, throws an error of `fail` where they end early or are not canonical. */
interface Reader {
  byte(): number;
  bytes(count: number): Uint8Array;
  length(): number;
  readonly position: number;
}

/** A transaction, or a message without its signatures, as its bytes say. */
export interface ParsedMessage {
  readonly version: 'legacy' | 0;
  /** Of the accounts, the first so many sign. */
  readonly signers: number;
  /** Those that the message itself names; lookup tables add more behind them. */
  readonly accounts: readonly string[];
  readonly blockhash: string;
  readonly instructions: readonly ParsedInstruction[];
}

export interface ParsedInstruction {
  readonly programIndex: number;
  readonly accountIndexes: readonly number[];
  readonly data: Uint8Array;
}

export interface ParsedTransaction {
  /** Base58; the first is the transaction's name. */
  readonly signatures: readonly string[];
  readonly message: ParsedMessage;
  readonly messageBytes: Uint8Array;
}

/** Throws an {@link AssertionFailure} where the bytes are no transaction of a known version, to the last byte. */
export function parseTransaction(bytes: Uint8Array): ParsedTransaction {
  const reader = createReader(bytes);
  const count = reader.length();
  const signatures = Array.from({ length: count }, () =>
    base58.encode(reader.bytes(SIGNATURE_BYTES)),
  );
  const messageBytes = bytes.slice(reader.position);
  const message = parseMessage(messageBytes);
  assert(count === message.signers, 'a transaction has a signature for each signer');
  return { signatures, message, messageBytes };
}

/** As {@link parseTransaction}, of a message. */
export function parseMessage(bytes: Uint8Array): ParsedMessage {
  const reader = createReader(bytes);
  const first = present(bytes[0], 'the bytes end early');
  const isVersioned = first >= 0x80;
  // The highest bit of the first byte marks a version; a legacy message begins with its signers' count.
  if (isVersioned) assert(reader.byte() === 0x80, 'the version of the message is known');
  const signers = reader.byte();
  const readonlySigners = reader.byte();
  const readonlyOthers = reader.byte();
  const accounts = Array.from({ length: reader.length() }, () => base58.encode(reader.bytes(32)));
  const isPlausible =
    signers > 0 &&
    readonlySigners < signers &&
    signers + readonlyOthers <= accounts.length &&
    new Set(accounts).size === accounts.length;
  assert(isPlausible, 'the header of the message fits its accounts');
  const blockhash = base58.encode(reader.bytes(32));
  const instructions = Array.from({ length: reader.length() }, () => parseInstruction(reader));
  if (isVersioned) skipLookups(reader);
  assert(reader.position === bytes.length, 'nothing follows the message');
  return { version: isVersioned ? 0 : 'legacy', signers, accounts, blockhash, instructions };
}

function parseInstruction(reader: Reader): ParsedInstruction {
  const programIndex = reader.byte();
  const accountIndexes = [...reader.bytes(reader.length())];
  return { programIndex, accountIndexes, data: reader.bytes(reader.length()) };
}

/** The node tells which accounts the tables add. */
function skipLookups(reader: Reader): void {
  const count = reader.length();
  for (let table = 0; table < count; table += 1) {
    reader.bytes(32);
    reader.bytes(reader.length());
    reader.bytes(reader.length());
  }
}

function createReader(source: Uint8Array): Reader {
  let position = 0;
  const bytes = (count: number): Uint8Array => {
    assert(position + count <= source.length, 'the bytes end early');
    position += count;
    return source.slice(position - count, position);
  };
  const byte = (): number => present(bytes(1)[0], 'the bytes end early');
  return {
    byte,
    bytes,
    length() {
      let length = 0;
      for (let shift = 0; shift <= 14; shift += 7) {
        const next = byte();
        length |= (next & 0x7f) << shift;
        if (next > 0x7f) continue;
        // One number has one form: a last byte of zero adds nothing.
        assert((next !== 0 || shift === 0) && length <= 0xffff, 'a length is in its shortest form');
        return length;
      }
      throw new AssertionFailure('a length has at most three bytes');
    },
    get position() {
      return position;
    },
  };
}
