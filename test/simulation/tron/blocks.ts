import type { TronChain } from '../../../local-chains/tron/tron-chain.ts';
import type { Abandoned, BlockPlace } from '../simulated-network.ts';
import type { MoodyNode } from './moody-node.ts';

/** How the chain goes on, with what befalls it on the way. */
export interface Blocks {
  readonly make: (place: BlockPlace) => Promise<bigint>;
  readonly breakFinality: (place: BlockPlace) => Promise<Abandoned>;
  /** The node stays where it is when the chain is next reorganised. */
  readonly strand: (node: MoodyNode) => void;
  readonly calm: () => void;
}

export function createBlocks(chain: TronChain): Blocks {
  const { truth, controls } = chain;
  let stranded: MoodyNode[] = [];
  const strandNodes = (): void => {
    for (const node of stranded) node.set({ frozen: true });
    stranded = [];
  };
  const deepest = (): number => truth.head().number - truth.solidified().number;
  return {
    make: async ({ random, faults }) => {
      if (faults.strikes('reorg') && deepest() > 0) {
        const blocks = Math.min(random.between(1, 12), deepest());
        const since = truth.head().number - blocks + 1;
        strandNodes();
        const transactions = random.pick(['return', 'drop'] as const);
        await controls.reorganise({ blocks, transactions, replace: random.chance(0.7) });
        return BigInt(since);
      }
      const withheld = faults.strikes('blocks-withheld');
      controls.holdBackAll(withheld);
      const { number } = await chain.produceBlock();
      controls.holdBackAll(false);
      return BigInt(number);
    },
    breakFinality: async ({ random }) => {
      const final = truth.solidified().number;
      const blocks = Math.min(deepest() + random.between(1, 6), truth.head().number - 1);
      const first = truth.head().number - blocks + 1;
      const transactions = random.pick(['return', 'drop'] as const);
      await controls.reorganise({ blocks, transactions, replace: true, pastSolidified: true });
      return { from: BigInt(first), to: BigInt(final) };
    },
    strand: (node) => {
      stranded.push(node);
    },
    calm: () => {
      stranded = [];
      controls.holdBackAll(false);
      for (const txid of truth.pooled()) controls.holdBack(txid, false);
    },
  };
}
