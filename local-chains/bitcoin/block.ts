import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import {
  compactSize,
  createReader,
  doubleSha256,
  hashFromShown,
  Malformed,
  shownHash,
  uint32,
} from './encoding.ts';
import { readTransaction, type Transaction } from './transaction.ts';

export interface Block extends BlockHeader {
  readonly hash: string;
  readonly transactions: readonly Transaction[];
  readonly size: number;
  readonly strippedSize: number;
  readonly weight: number;
}

export interface BlockHeader {
  readonly version: number;
  readonly parentHash: string;
  readonly merkleRoot: string;
  /** Whole seconds since 1970. */
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
}

/** The only difficulty of regtest: every second hash will do. */
export const REGTEST_BITS = 0x207fffff;
const TARGET = 0x7fffffn << 232n;

const GENESIS_HEX =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e' +
  '67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f20020000000101000000010000000000000000000' +
  '000000000000000000000000000000000000000000000ffffffff4d04ffff001d010445546865205469' +
  '6d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261' +
  '696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105c' +
  'd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f' +
  'ac00000000';

/** Of regtest, as every node has it. */
export function genesisBlock(): Block {
  return parseBlock(hexToBytes(GENESIS_HEX));
}

export function parseBlock(raw: Uint8Array): Block {
  const reader = createReader(raw);
  const header = {
    version: reader.uint32(),
    parentHash: shownHash(reader.take(32)),
    merkleRoot: shownHash(reader.take(32)),
    time: reader.uint32(),
    bits: reader.uint32(),
    nonce: reader.uint32(),
  };
  const count = reader.compactSize();
  const transactions = Array.from({ length: count }, () => readTransaction(reader, raw));
  if (!reader.isAtEnd()) throw new Malformed('bytes after the block');
  return completeBlock(header, transactions);
}

/** Tries nonces from 0 until the header has the work that regtest wants. */
export function mineBlock(
  header: Omit<BlockHeader, 'nonce' | 'merkleRoot'>,
  transactions: readonly Transaction[],
): Block {
  const merkleRoot = shownHash(merkleRootOf(transactions.map(({ txid }) => hashFromShown(txid))));
  for (let nonce = 0; ; nonce += 1) {
    const tried = { ...header, merkleRoot, nonce };
    if (hasWork(hashOfHeader(tried))) return completeBlock(tried, transactions);
  }
}

export function hasWork(hash: string): boolean {
  return BigInt(`0x${hash}`) <= TARGET;
}

export function blockHex(block: Block): string {
  const parts = [
    headerBytes(block),
    compactSize(block.transactions.length),
    ...block.transactions.map(({ raw }) => raw),
  ];
  return bytesToHex(concatBytes(...parts));
}

export function headerHex(header: BlockHeader): string {
  return bytesToHex(headerBytes(header));
}

/** Pairs are hashed up to one; the last of an odd row with itself. */
export function merkleRootOf(leaves: readonly Uint8Array[]): Uint8Array {
  let row = leaves;
  while (row.length > 1) row = rowAbove(row);
  return row[0] ?? new Uint8Array(32);
}

function rowAbove(row: readonly Uint8Array[]): readonly Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let index = 0; index < row.length; index += 2) {
    const left = row[index] ?? new Uint8Array(32);
    above.push(doubleSha256(concatBytes(left, row[index + 1] ?? left)));
  }
  return above;
}

/**
 * Whether a row holds the same hash twice as a pair: then fewer leaves have the same root, and the list
 * is not told by it (CVE-2012-2459).
 */
export function isAmbiguous(leaves: readonly string[]): boolean {
  let row: readonly Uint8Array[] = leaves.map(hashFromShown);
  while (row.length > 1) {
    const shown = row.map((each) => bytesToHex(each));
    if (shown.some((each, index) => index % 2 === 1 && each === shown[index - 1])) return true;
    row = rowAbove(row);
  }
  return false;
}

/** Source: BIP-141. The coinbase counts as zero. */
export function witnessCommitment(
  transactions: readonly Transaction[],
  reserved: Uint8Array,
): Uint8Array {
  const leaves = transactions.map(({ wtxid }, index) =>
    index === 0 ? new Uint8Array(32) : hashFromShown(wtxid),
  );
  return doubleSha256(concatBytes(merkleRootOf(leaves), reserved));
}

function completeBlock(header: BlockHeader, transactions: readonly Transaction[]): Block {
  const fixed = 80 + compactSize(transactions.length).length;
  const size = transactions.reduce((sum, { raw }) => sum + raw.length, fixed);
  const strippedSize = transactions.reduce((sum, each) => sum + each.strippedSize, fixed);
  return {
    ...header,
    hash: hashOfHeader(header),
    transactions,
    size,
    strippedSize,
    weight: strippedSize * 3 + size,
  };
}

function hashOfHeader(header: BlockHeader): string {
  return shownHash(doubleSha256(headerBytes(header)));
}

function headerBytes(header: BlockHeader): Uint8Array {
  return concatBytes(
    uint32(header.version),
    hashFromShown(header.parentHash),
    hashFromShown(header.merkleRoot),
    uint32(header.time),
    uint32(header.bits),
    uint32(header.nonce),
  );
}
