import type { SelectionLimits, WorthyCoin } from './selection-limits.ts';

/** So many steps of the search at most: some milliseconds. */
const MAX_STEPS = 100_000;

interface Found {
  readonly taken: readonly number[];
  readonly wasteUnits: bigint;
}

/**
 * Coins whose net units meet the target so well that no change is needed: at most the cost of change is
 * given away. Of those that the search meets within its bound, the set with the least waste. The coins
 * come largest first. Source: Murch, "An Evaluation of Coin Selection Strategies", 2016, as Bitcoin Core
 * has it; coins of equal units count as one branch.
 */
export function branchAndBound(
  limits: SelectionLimits,
  coins: readonly WorthyCoin[],
): readonly WorthyCoin[] | undefined {
  const search = startSearch(limits, coins);
  for (let step = 0; step < MAX_STEPS && !search.isDone(); step += 1) search.step();
  return search.best()?.taken.flatMap((index) => coins[index] ?? []);
}

interface Search {
  isDone(): boolean;
  step(): void;
  best(): Found | undefined;
}

/** Depth first: takes a coin where that can still end well, else goes back to the last taken and omits it. */
function startSearch(limits: SelectionLimits, coins: readonly WorthyCoin[]): Search {
  const { targetUnits, changeCostUnits, inputWasteUnits, maxInputs } = limits;
  const ahead = sumsAhead(coins);
  const taken: number[] = [];
  let next = 0;
  let sum = 0n;
  let done = false;
  let best: Found | undefined;
  const wasteNow = (): bigint => BigInt(taken.length) * inputWasteUnits;
  const isHopeless = (): boolean =>
    sum > targetUnits + changeCostUnits ||
    sum + (ahead[next] ?? 0n) < targetUnits ||
    // Each further input would only add to the waste.
    (best !== undefined && inputWasteUnits >= 0n && wasteNow() > best.wasteUnits);
  const note = (): void => {
    const wasteUnits = wasteNow() + (sum - targetUnits);
    if (best === undefined || wasteUnits < best.wasteUnits)
      best = { taken: [...taken], wasteUnits };
  };
  const goBack = (): void => {
    const last = taken.pop();
    if (last === undefined) {
      done = true;
      return;
    }
    const omitted = coins[last]?.netUnits ?? 0n;
    sum -= omitted;
    next = last + 1;
    // Another coin of the same units in its place would be the same set once more.
    while (coins[next]?.netUnits === omitted) next += 1;
  };
  return {
    isDone: () => done,
    best: () => best,
    step() {
      if (sum >= targetUnits && sum <= targetUnits + changeCostUnits) {
        note();
        goBack();
      } else if (isHopeless() || taken.length >= maxInputs || next >= coins.length) {
        goBack();
      } else {
        sum += coins[next]?.netUnits ?? 0n;
        taken.push(next);
        next += 1;
      }
    },
  };
}

/** By position: the sum of the net units from there to the end. */
function sumsAhead(coins: readonly WorthyCoin[]): readonly bigint[] {
  const sums: bigint[] = [0n];
  for (const { netUnits } of coins.toReversed()) sums.push((sums.at(-1) ?? 0n) + netUnits);
  return sums.toReversed();
}
