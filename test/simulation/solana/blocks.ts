import { present } from '../../../src/base/assert.ts';
import type { SolanaChain } from '../../../local-chains/solana/chain-interface.ts';
import type { Abandoned, BlockPlace } from '../simulated-network.ts';
import type { Issuer } from './issuer.ts';

/** How the chain goes on, with what befalls it on the way. */
export interface Blocks {
  readonly make: (place: BlockPlace) => bigint;
  readonly breakFinality: (place: BlockPlace) => Abandoned;
  readonly calm: () => void;
}

export function createBlocks(chain: SolanaChain, issuer: Issuer): Blocks {
  return {
    make: ({ random, faults }) => {
      issuer.attend();
      if (faults.strikes('reorg')) {
        const { abandoned } = chain.reorg({
          depth: random.between(1, 12),
          transactions: random.pick(['return', 'drop', 'later'] as const),
          laterBlocks: random.chance(0.2) ? 'last' : random.between(1, 60),
        });
        const [first] = abandoned.toSorted((a, b) => a.slot - b.slot);
        if (first !== undefined) return BigInt(first.slot);
      }
      const withholds = faults.strikes('blocks-withheld');
      const skip = faults.strikes('slots-skipped') ? random.between(1, 8) : 0;
      const { slot } = chain.produceBlock({
        skip,
        ...(withholds && { withhold: () => random.chance(0.5) }),
      });
      return BigInt(slot);
    },
    breakFinality: ({ random }) => {
      const final = chain.head('finalized');
      const { abandoned } = chain.reorg({
        depth: chain.head().height - final.height + random.between(1, 6),
        transactions: random.pick(['return', 'drop', 'later'] as const),
        pastFinal: true,
      });
      const first = abandoned.toSorted((a, b) => a.slot - b.slot)[0];
      const from = present(first, 'a deep reorganisation abandons blocks').slot;
      return { from: BigInt(from), to: BigInt(final.slot) };
    },
    calm: () => {
      // What is held back for long is sent again, and lands or expires.
      for (const { signature, notBeforeHeight } of chain.pool()) {
        if (notBeforeHeight > chain.head().height) chain.holdBack(signature, 0);
      }
    },
  };
}
