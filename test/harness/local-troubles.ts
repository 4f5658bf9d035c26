import type { LocalPayingChain } from './paying-chain.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What can be done to a local chain and its nodes. Each trouble gives its name; null where it found nothing. */
export interface LocalTroubles {
  produceBlock(): Promise<void>;
  /** Takes back blocks that are not final, and makes others. */
  reorganise(): Promise<string>;
  /** Something with what waits for a block: dropped, kept waiting, an older version sent instead. */
  meddle(): Promise<string | null>;
  /** Nothing is kept from the blocks any more. */
  release(): Promise<void>;
  /** As they were at the start. */
  heal(node: string): Promise<void>;
  /** Slow, silent, behind, forgetful: it fails, and says nothing that is not so. */
  trouble(node: string): Promise<string>;
  /** It says what is not so; never more than one node at a time. */
  mislead(node: string): Promise<string>;
}

export interface TroublePlace {
  readonly chain: LocalPayingChain;
  readonly random: SeededRandom;
  /** The most blocks that may be taken back. */
  readonly deepest: number;
}
