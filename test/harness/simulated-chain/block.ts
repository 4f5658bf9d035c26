import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { Applied } from './apply.ts';
import { keccakOf } from './signatures.ts';
import type { SimulatedBlock } from './simulated-chain.ts';
import type { UndoRecord } from './state.ts';
import { wordOf } from './words.ts';

/** A block as the chain keeps it. */
export interface BlockRecord {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestamp: bigint;
  readonly baseFeeWei: bigint;
  readonly gasUsed: number;
  readonly gasLimit: number;
  /** How many reorganisations came before: blocks of two branches differ even where they are empty. */
  readonly branch: number;
  readonly transactions: readonly Applied[];
  /** The newest final and the newest safe block for a node whose newest block is this one. */
  readonly finalNumber: number;
  readonly safeNumber: number;
  /** To take it back; null once its state before is forgotten. */
  undo: UndoRecord | null;
  /** What its keys held after it, once it was abandoned. */
  redo: ReadonlyMap<string, bigint> | null;
}

export type BlockContent = Omit<BlockRecord, 'hash' | 'undo' | 'redo'>;

/** A hash that depends on all that tells this block from another; it is of no real header. */
export function sealBlock(content: BlockContent, undo: UndoRecord): BlockRecord {
  const parts = [
    content.parentHash.slice(2),
    ...[BigInt(content.number), content.timestamp, content.baseFeeWei, BigInt(content.branch)].map(
      wordOf,
    ),
    ...content.transactions.map(({ transaction }) => transaction.hash.slice(2)),
  ];
  return { ...content, hash: keccakOf(parts.join('')), undo, redo: null };
}

/** EIP-1559, with a target of half the limit. */
export function nextBaseFee(parent: BlockRecord): bigint {
  const { baseFeeWei, gasUsed, gasLimit } = parent;
  const target = Math.floor(gasLimit / 2);
  if (gasUsed === target) return baseFeeWei;
  const delta = BigInt(Math.abs(gasUsed - target));
  const change = (baseFeeWei * delta) / BigInt(target) / 8n;
  if (gasUsed < target) return baseFeeWei - change;
  return baseFeeWei + (change > 1n ? change : 1n);
}

export function shown(block: BlockRecord): SimulatedBlock {
  return {
    number: BigInt(block.number),
    hash: block.hash,
    parentHash: block.parentHash,
    timestamp: block.timestamp,
    baseFeeWei: block.baseFeeWei,
    gasUsed: BigInt(block.gasUsed),
    transactions: block.transactions.map(({ transaction }) => transaction.hash),
  };
}
