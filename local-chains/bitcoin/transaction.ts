import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import {
  compactSize,
  createReader,
  doubleSha256,
  hashFromShown,
  int64,
  Malformed,
  shownHash,
  sized,
  uint32,
  type Reader,
} from './encoding.ts';

export interface Transaction extends TransactionFields {
  readonly txid: string;
  /** Of all bytes, witness included (BIP-141). */
  readonly wtxid: string;
  readonly raw: Uint8Array;
  /** Without witness. */
  readonly strippedSize: number;
  /** BIP-141: three times the stripped size, and the total size. */
  readonly weight: number;
}

export interface TransactionFields {
  readonly version: number;
  readonly inputs: readonly TransactionInput[];
  readonly outputs: readonly TransactionOutput[];
  readonly lockTime: number;
}

export interface TransactionInput {
  readonly txid: string;
  readonly vout: number;
  readonly scriptSig: Uint8Array;
  readonly sequence: number;
  readonly witness: readonly Uint8Array[];
}

export interface TransactionOutput {
  readonly units: bigint;
  readonly scriptHex: string;
}

export const NULL_TXID = '0'.repeat(64);

/** Source: BIP-144. Throws {@link Malformed} for anything that is not exactly one transaction. */
export function parseTransaction(raw: Uint8Array): Transaction {
  const reader = createReader(raw);
  const transaction = readTransaction(reader, raw);
  if (!reader.isAtEnd()) throw new Malformed('bytes after the transaction');
  return transaction;
}

/** `raw` is what the reader reads from. */
export function readTransaction(reader: Reader, raw: Uint8Array): Transaction {
  const start = reader.at();
  const fields = readFields(reader);
  return completed(fields, raw.slice(start, reader.at()));
}

export function completeTransaction(fields: TransactionFields): Transaction {
  return completed(fields, serialise(fields, 'with witness'));
}

export function serialise(
  fields: TransactionFields,
  form: 'with witness' | 'stripped',
): Uint8Array {
  const witness = form === 'with witness' && hasWitness(fields);
  return concatBytes(
    uint32(fields.version),
    witness ? Uint8Array.of(0, 1) : new Uint8Array(),
    compactSize(fields.inputs.length),
    ...fields.inputs.map((input) =>
      concatBytes(outpointBytes(input), sized(input.scriptSig), uint32(input.sequence)),
    ),
    compactSize(fields.outputs.length),
    ...fields.outputs.map(outputBytes),
    ...(witness
      ? fields.inputs.map(({ witness: items }) =>
          concatBytes(compactSize(items.length), ...items.map(sized)),
        )
      : []),
    uint32(fields.lockTime),
  );
}

export function outpointBytes(input: { readonly txid: string; readonly vout: number }): Uint8Array {
  return concatBytes(hashFromShown(input.txid), uint32(input.vout));
}

export function outputBytes(output: TransactionOutput): Uint8Array {
  return concatBytes(int64(output.units), sized(hexToBytes(output.scriptHex)));
}

export function outpointKey(outpoint: { readonly txid: string; readonly vout: number }): string {
  return `${outpoint.txid}:${outpoint.vout}`;
}

export function hasWitness(fields: TransactionFields): boolean {
  return fields.inputs.some((input) => input.witness.length > 0);
}

export function isCoinbase(fields: TransactionFields): boolean {
  const [first] = fields.inputs;
  return fields.inputs.length === 1 && first !== undefined && isNullOutpoint(first);
}

export function isNullOutpoint(input: { readonly txid: string; readonly vout: number }): boolean {
  return input.vout === 0xffffffff && input.txid === NULL_TXID;
}

/** A quarter of the weight, rounded up (BIP-141). */
export function virtualSize(weight: number): number {
  return Math.ceil(weight / 4);
}

function completed(fields: TransactionFields, raw: Uint8Array): Transaction {
  const stripped = hasWitness(fields) ? serialise(fields, 'stripped') : raw;
  return {
    ...fields,
    raw,
    txid: shownHash(doubleSha256(stripped)),
    wtxid: shownHash(doubleSha256(raw)),
    strippedSize: stripped.length,
    weight: stripped.length * 3 + raw.length,
  };
}

function readFields(reader: Reader): TransactionFields {
  const version = reader.uint32();
  let count = reader.compactSize();
  const isExtended = count === 0;
  if (isExtended) {
    if (reader.take(1)[0] !== 1) throw new Malformed('no inputs');
    count = reader.compactSize();
  }
  const bare = Array.from({ length: count }, () => readInput(reader));
  const outputs = Array.from({ length: reader.compactSize() }, () => readOutput(reader));
  const inputs = isExtended
    ? bare.map((input) => ({ ...input, witness: readWitness(reader) }))
    : bare;
  const fields = { version, inputs, outputs, lockTime: reader.uint32() };
  if (isExtended && !hasWitness(fields)) throw new Malformed('superfluous witness record');
  return fields;
}

function readInput(reader: Reader): TransactionInput {
  return {
    txid: shownHash(reader.take(32)),
    vout: reader.uint32(),
    scriptSig: reader.sized().slice(),
    sequence: reader.uint32(),
    witness: [],
  };
}

function readWitness(reader: Reader): Uint8Array[] {
  return Array.from({ length: reader.compactSize() }, () => reader.sized().slice());
}

function readOutput(reader: Reader): TransactionOutput {
  return { units: reader.int64(), scriptHex: bytesToHex(reader.sized()) };
}
