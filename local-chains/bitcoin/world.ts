import type { BlockTemplate } from './bitcoin-chain.ts';
import type { BlockStore, StoredBlock } from './block-store.ts';
import type { Block } from './block.ts';
import type { NodeCore } from './node-core.ts';
import type { Transaction } from './transaction.ts';

/** The one chain, as its nodes need it. */
export interface World {
  readonly store: BlockStore;
  /** Hears what gossips, and makes the blocks. Its chain is the truth. */
  readonly miner: NodeCore;
  nowSeconds(): number;
  /** Satoshis per 1,000 virtual bytes. */
  feeEstimate(): bigint | null;
  /** Keeps the bytes of what was accepted somewhere. */
  remember(transaction: Transaction): void;
  /** What a node has accepted, to the miner and all who hear. */
  gossip(from: string, transaction: Transaction): void;
  mine(template?: BlockTemplate): StoredBlock;
  /** A block from elsewhere: null, or what is wrong with it, or "inconclusive" on a shorter branch. */
  submit(block: Block): string | null;
  invalidate(hash: string): void;
  reconsider(hash: string): void;
  count(fault: string): void;
}
