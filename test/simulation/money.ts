import type { Faults } from './faults.ts';
import type { Issuer } from './issuer.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What the treasury holds on chain: enough from the start, or too little, and more of it as time goes by. */
export interface Money {
  readonly topUp: () => void;
  readonly fill: () => void;
}

/** Of one payout, in whole tokens; most are smaller. */
const LARGEST_WHOLE = 2_000n;

export function createMoney(place: {
  readonly issuer: Issuer;
  readonly treasury: `0x${string}`;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly payouts: number;
  readonly decimals: number;
}): Money {
  const { issuer, treasury, random, faults } = place;
  const enough = LARGEST_WHOLE * BigInt(place.payouts) * 10n ** BigInt(place.decimals);
  const fund = (units: bigint): void => issuer.fund(treasury, units);
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
