import type { SettlementPace } from '../../src/settlement/settlement.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';

/** What differs from one world to the next besides its troubles. */
export interface Shape {
  readonly workers: number;
  readonly gasAccounts: number;
  readonly blockMs: number;
  readonly finalizedBehind: number;
  readonly lifetimeSeconds: bigint;
  readonly maxBatchOrders: number;
  readonly batchesAtOnce: number;
  readonly maxWaitingTransactions: number;
  readonly roundSize: number;
  readonly pace: SettlementPace;
}

const MOST_BATCHES = 60;
const LARGEST_BATCH = 250;
const MANY_PAYOUTS = 1_000;

export function drawShape(random: SeededRandom, payouts: number): Shape {
  // Few payouts in small batches, many in large ones: about as many steps for each world.
  const least = Math.ceil(payouts / MOST_BATCHES);
  // Where there is much to do, looking for it may take its time.
  const patience = payouts > MANY_PAYOUTS ? 3 : 1;
  return {
    workers: random.between(2, 4),
    gasAccounts: random.between(2, 4),
    blockMs: random.pick([1_000, 2_000, 4_000]),
    finalizedBehind: random.between(2, 10),
    lifetimeSeconds: BigInt(random.pick([45, 90, 180, 600])),
    maxBatchOrders: Math.min(LARGEST_BATCH, Math.max(least, random.pick([1, 5, 20, 250]))),
    maxWaitingTransactions: random.pick([1, 4, 16]),
    roundSize: Math.max(least, random.pick([5, 50, 500])),
    pace: {
      leaseMs: random.pick([10_000, 20_000]),
      batchWaitMs: random.pick([1_000, 5_000]),
      checkEveryMs: patience * 3_000,
      checkIncludedEveryMs: random.pick([6_000, 30_000]),
      rebroadcastAfterMs: 15_000,
      replaceAfterMs: random.pick([20_000, 45_000]),
      reconcileEveryMs: 10_000,
      compareEveryMs: 120_000,
      waitMs: patience * 5_000,
      idleMs: patience * 1_000,
      tellSigningAfterMs: random.pick([0, 1_000]),
    },
    batchesAtOnce: random.between(1, 2),
  };
}
