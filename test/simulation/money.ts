import type { SeededRandom } from '../harness/seeded-random.ts';
import type { Faults } from './faults.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

/** What the treasury holds on chain: enough from the start, or too little, and more of it as time goes by. */
export interface Money {
  readonly topUp: () => void;
  readonly fill: () => void;
}

export function createMoney(place: {
  readonly chain: Pick<SimulatedNetwork, 'fund' | 'orderUnits'>;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly payouts: number;
}): Money {
  const { chain, random, faults } = place;
  const enough = BigInt(chain.orderUnits.most) * BigInt(place.payouts);
  const { fund } = chain;
  const isShort = faults.isOn('treasury-short');
  if (isShort) faults.count('treasury-short');
  fund(isShort ? enough / 50n : enough);
  return {
    topUp: () => {
      if (isShort && random.chance(0.05)) fund(enough / BigInt(random.between(20, 200)));
    },
    fill: () => fund(enough),
  };
}
