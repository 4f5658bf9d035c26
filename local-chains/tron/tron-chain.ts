import type { ChainControls } from './controls.ts';
import type { TronGenesis } from './genesis.ts';
import type { TronNode } from './node.ts';
import type { ChainTruth } from './truth.ts';

/**
 * A Tron chain in memory: one truth, seen through any number of nodes. It reads no clock, rolls no dice
 * and does nothing of its own accord: the same calls at the same times give the same block ids.
 */
export interface TronChain {
  /** The time that the options' clock shows, in milliseconds since 1970. */
  now(): number;
  /**
   * Makes the next block of what is pooled. Its time is the last whole slot that has begun, at least one
   * slot after its parent's: a chain whose blocks are asked for faster than time passes runs ahead.
   */
  produceBlock(): Promise<BlockSummary>;
  /** The node of that name; made at the first call. */
  openNode(name: string): TronNode;
  readonly controls: ChainControls;
  readonly truth: ChainTruth;
}

export interface TronChainOptions extends TronGenesis {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Default 3,000. */
  readonly blockTimeMs?: number;
  /** A block is solidified when this many blocks follow it. Default 18: 19 of 27 have then built on it. */
  readonly solidifiedAfterBlocks?: number;
}

export interface BlockSummary {
  readonly number: number;
  /** Hex; its first 8 bytes are the number. */
  readonly blockId: string;
  readonly timestampMs: number;
  readonly txids: readonly string[];
}
