import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { addressOfSecretKey, signDigest, type Address } from './address.ts';
import type { Execution } from './execute.ts';
import type { ChainState } from './state.ts';
import { encodeTransaction, type Transaction } from './transaction.ts';
import type { Wish } from './wish.ts';
import { bytesField, numberField } from './wire.ts';

export interface Block {
  readonly number: number;
  /** 32 bytes, hex: the number in the first 8, the header's hash in the rest. */
  readonly id: string;
  readonly timestampMs: number;
  readonly parent: Block | null;
  readonly header: BlockHeader;
  readonly entries: readonly BlockEntry[];
  /** What the controls had asked for and this block carries out. */
  readonly wishes: readonly Wish[];
  /** After the block. */
  readonly state: ChainState;
}

export interface BlockEntry {
  readonly transaction: Transaction;
  readonly execution: Execution;
  /** Of an account whose key the chain holds. */
  readonly ofOwner: boolean;
}

export interface BlockHeader {
  readonly witness: Address;
  readonly txTrieRoot: string;
  readonly parentId: string;
  /** Tells branches of equal content apart; empty on the first. */
  readonly accountStateRoot: string;
}

export interface BlockOrder {
  readonly parent: Block | null;
  readonly timestampMs: number;
  /** How many reorganisations came before. */
  readonly branch: number;
  readonly entries: readonly BlockEntry[];
  readonly wishes: readonly Wish[];
  readonly state: ChainState;
}

const VERSION = 31n;
const NO_HASH = '0'.repeat(64);

/** The 27 that take turns. */
const WITNESSES = Array.from({ length: 27 }, (_, index) => {
  const secretKey = sha256(utf8ToBytes(`local Tron chain: witness ${index}`));
  return { secretKey, address: addressOfSecretKey(secretKey) };
});

export function createBlock(order: BlockOrder): Block {
  const number = order.parent === null ? 0 : order.parent.number + 1;
  const header: BlockHeader = {
    witness: witnessOf(number).address,
    txTrieRoot: merkleRoot(order.entries.map((entry) => entry.transaction)),
    parentId: order.parent?.id ?? NO_HASH,
    accountStateRoot:
      order.branch === 0 ? '' : bytesToHex(sha256(utf8ToBytes(`branch ${order.branch}`))),
  };
  const digest = digestOf({ header, number, timestampMs: order.timestampMs });
  return {
    number,
    id: number.toString(16).padStart(16, '0') + bytesToHex(digest.subarray(8)),
    timestampMs: order.timestampMs,
    parent: order.parent,
    header,
    entries: order.entries,
    wishes: order.wishes,
    state: order.state,
  };
}

/** Made when it is first shown: most blocks are never looked at so closely. */
export function witnessSignatureOf(block: Block): string {
  const known = signatures.get(block);
  if (known !== undefined) return known;
  const { secretKey } = witnessOf(block.number);
  const signature = bytesToHex(signDigest(digestOf(block), secretKey));
  signatures.set(block, signature);
  return signature;
}

const signatures = new WeakMap<Block, string>();

function witnessOf(number: number): (typeof WITNESSES)[number] {
  const witness = WITNESSES[number % WITNESSES.length];
  if (witness === undefined) throw new Error('there is no witness');
  return witness;
}

/** Of protocol.BlockHeader.raw; its version is 31. */
function digestOf({
  header,
  number,
  timestampMs,
}: Pick<Block, 'header' | 'number' | 'timestampMs'>) {
  return sha256(
    concatBytes(
      numberField(1, BigInt(timestampMs)),
      bytesField(2, hexToBytes(header.txTrieRoot)),
      bytesField(3, hexToBytes(header.parentId)),
      numberField(7, BigInt(number)),
      bytesField(9, hexToBytes(header.witness)),
      numberField(10, VERSION),
      bytesField(11, hexToBytes(header.accountStateRoot)),
    ),
  );
}

function merkleRoot(transactions: readonly Transaction[]): string {
  let level: Uint8Array[] = transactions.map((transaction) =>
    sha256(encodeTransaction(transaction)),
  );
  while (level.length > 1) {
    const pairs: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const left = level[index] ?? new Uint8Array(32);
      const right = level[index + 1];
      pairs.push(right === undefined ? left : sha256(concatBytes(left, right)));
    }
    level = pairs;
  }
  return level[0] === undefined ? NO_HASH : bytesToHex(level[0]);
}
