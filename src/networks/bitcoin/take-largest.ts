import type { SelectionLimits, WorthyCoin } from './selection-limits.ts';

/**
 * The fewest coins that pay for the outputs and for change: the largest, of which the last is exchanged
 * for the smallest that does as well. Where not even all coins pay for change, they pay without it.
 * All inputs weigh the same, so no transaction with change is lighter. The coins come largest first.
 */
export function takeLargest(
  limits: SelectionLimits,
  coins: readonly WorthyCoin[],
): readonly WorthyCoin[] | undefined {
  return (
    takeUntil(limits.targetWithChangeUnits, coins, limits.maxInputs) ??
    takeUntil(limits.targetUnits, coins, limits.maxInputs)
  );
}

function takeUntil(
  target: bigint,
  coins: readonly WorthyCoin[],
  maxInputs: number,
): readonly WorthyCoin[] | undefined {
  let sum = 0n;
  for (const [index, coin] of coins.slice(0, maxInputs).entries()) {
    if (sum + coin.netUnits >= target) {
      const enough = coins.findLast(({ netUnits }) => sum + netUnits >= target) ?? coin;
      return [...coins.slice(0, index), enough];
    }
    sum += coin.netUnits;
  }
  return undefined;
}
