import { present } from '../../../src/base/assert.ts';
import type { SimulatedChain } from '../../harness/simulated-chain/simulated-chain.ts';
import type { Abandoned, BlockPlace } from '../simulated-network.ts';

/** The next block, now and then without some of what waits, and now and then another one in its place. */
export function makeBlock(chain: SimulatedChain, { random, faults }: BlockPlace): bigint {
  if (faults.strikes('reorg')) {
    const { abandoned } = chain.reorg({
      depth: random.between(1, 12),
      transactions: random.pick(['pool', 'dropped', 'remined'] as const),
    });
    const [first] = abandoned;
    if (first !== undefined) return first.number;
  }
  const withholds = faults.strikes('blocks-withheld');
  const shuffled = random.chance(0.2);
  const { number } = chain.mine({
    shuffled,
    ...(withholds && { withhold: () => random.chance(0.5) }),
  });
  return number;
}

export function breakFinality(chain: SimulatedChain, { random }: BlockPlace): Abandoned {
  const final = chain.finalized().number;
  const beyond = BigInt(random.between(1, 6));
  const depth = Number(chain.head().number - final + beyond);
  const { abandoned } = chain.reorg({
    depth: Math.min(depth, Number(chain.head().number)),
    transactions: random.pick(['pool', 'dropped', 'remined'] as const),
    pastFinal: true,
  });
  const first = present(abandoned[0], 'a deep reorganisation abandons blocks').number;
  return { from: first, to: final };
}
