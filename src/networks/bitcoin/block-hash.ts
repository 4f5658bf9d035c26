import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { readCount, readHash, readHex, readInteger } from './read-answer.ts';

/**
 * Whether a block holds just these transactions: its hash is that of its header, and the header holds the
 * root over their ids. So a node cannot leave one out of a block, or put one in. Throws RpcFailure where the
 * header is malformed.
 */
export function isBlockOf(
  block: Readonly<Record<string, unknown>>,
  hash: string,
  txids: readonly string[],
): boolean {
  // A last one that is told twice can have the same root (CVE-2012-2459).
  if (new Set(txids).size !== txids.length) return false;
  const root = merkleRoot(txids);
  if (root !== readHash(block['merkleroot'], 'merkle root')) return false;
  try {
    return headerHash(block) === hash;
  } catch (error) {
    // A number that its field cannot hold.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Source: the protocol's block header: 80 bytes, numbers and hashes the little end first. */
export function headerHash(block: Readonly<Record<string, unknown>>): string {
  const parent = block['previousblockhash'] ?? null;
  const header = Buffer.alloc(80);
  header.writeInt32LE(readInteger(block['version'], 'block version'), 0);
  if (parent !== null) header.set(hashBytes(readHash(parent, 'parent block')), 4);
  header.set(hashBytes(readHash(block['merkleroot'], 'merkle root')), 36);
  header.writeUInt32LE(readCount(block['time'], 'block time'), 68);
  header.set(hexToBytes(readHex(block['bits'], 'block bits')).toReversed(), 72);
  header.writeUInt32LE(readCount(block['nonce'], 'block nonce'), 76);
  return hashText(twice(header));
}

/** Pairs are hashed together, level by level; a last one without a partner with itself. */
export function merkleRoot(txids: readonly string[]): string {
  let level: readonly Uint8Array[] = txids.map(hashBytes);
  while (level.length > 1) {
    const pairs: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const left = level[index] ?? new Uint8Array();
      pairs.push(twice(concatBytes(left, level[index + 1] ?? left)));
    }
    level = pairs;
  }
  return hashText(level[0] ?? new Uint8Array(32));
}

function twice(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes));
}

function hashBytes(text: string): Uint8Array {
  return hexToBytes(text).toReversed();
}

function hashText(bytes: Uint8Array): string {
  return bytesToHex(bytes.toReversed());
}
