import { sumOfCoins, type Coin } from './coin.ts';
import { replacementFee, type FeePolicy, type FeeQuote, type Replaced } from './fees.ts';
import { foreseenWeight, mostFee, type TreasuryScript } from './plan-batch.ts';
import type { Output } from './transaction.ts';

/** What a replacement can be made of. */
export interface ReplacementTask {
  /** What the replaced transaction spends, in its order. */
  readonly kept: readonly Coin[];
  /** What may be added. */
  readonly extra: readonly Coin[];
  /** What is paid, the same as before. */
  readonly payments: readonly Output[];
  /** How many outputs the change has now. */
  readonly changeOutputs: number;
  readonly treasury: TreasuryScript;
  readonly replaced: Replaced;
  readonly quote: FeeQuote;
  readonly policy: FeePolicy;
  readonly leastChangeUnits: bigint;
}

export interface ReplacementPlan {
  /** The kept ones first, in their order. */
  readonly coins: readonly Coin[];
  /** Satoshis of each change output. */
  readonly change: readonly bigint[];
}

/**
 * With as few further coins as will do, and then as many change outputs as before. Null where no fee that
 * nodes take is within the ceiling, or the coins do not cover it.
 */
export function planReplacement(task: ReplacementTask): ReplacementPlan | null {
  for (const coins of coinSetsOf(task)) {
    const change = changeOf(task, coins);
    if (change !== null) return { coins, change };
  }
  return null;
}

/** None more; one more, the smallest first, that the rest is kept for payouts; then the largest together. */
function coinSetsOf({ kept, extra }: ReplacementTask): readonly (readonly Coin[])[] {
  const rising = extra.toSorted((a, b) => (a.units < b.units ? -1 : a.units > b.units ? 1 : 0));
  const falling = rising.toReversed();
  return [
    kept,
    ...rising.map((coin) => [...kept, coin]),
    ...falling.slice(1).map((_, index) => [...kept, ...falling.slice(0, index + 2)]),
  ];
}

/** What comes back of these coins; null where they do not do. */
function changeOf(task: ReplacementTask, coins: readonly Coin[]): readonly bigint[] | null {
  const most = Math.max(task.changeOutputs, coins.length > task.kept.length ? 1 : 0);
  for (let pieces = most; pieces >= 1; pieces -= 1) {
    const fee = feeWith(task, coins, pieces);
    if (fee === null) continue;
    const rest = leftOf(task, coins) - fee;
    if (rest < task.leastChangeUnits * BigInt(pieces)) continue;
    const units = rest / BigInt(pieces);
    const first = rest - units * BigInt(pieces - 1);
    return [first, ...Array.from({ length: pieces - 1 }, () => units)];
  }
  return task.payments.length > 0 && isEnoughWithoutChange(task, coins) ? [] : null;
}

/** What the coins hold beyond the payments. */
function leftOf({ payments }: ReplacementTask, coins: readonly Coin[]): bigint {
  return sumOfCoins(coins) - payments.reduce((sum, { units }) => sum + units, 0n);
}

function weightWith(task: ReplacementTask, coins: readonly Coin[], pieces: number): number {
  const { treasury, payments } = task;
  const change = Array.from({ length: pieces }, () => ({ script: treasury.script }));
  return foreseenWeight(treasury.kind, coins.length, [...payments, ...change]);
}

function feeWith(task: ReplacementTask, coins: readonly Coin[], pieces: number): bigint | null {
  const { replaced, quote, policy } = task;
  return replacementFee(replaced, { weight: weightWith(task, coins, pieces), quote, policy });
}

/** All that is left is the fee then: enough of it, and not too much. */
function isEnoughWithoutChange(task: ReplacementTask, coins: readonly Coin[]): boolean {
  const { treasury, policy } = task;
  const fee = feeWith(task, coins, 0);
  const left = leftOf(task, coins);
  const ceiling = { ...policy, satPerKvb: policy.ceilingSatPerKvb };
  return (
    fee !== null && left >= fee && left <= mostFee(treasury, weightWith(task, coins, 0), ceiling)
  );
}
