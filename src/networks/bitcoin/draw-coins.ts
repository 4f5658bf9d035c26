import type { Random } from '../../base/random.ts';
import type { SelectionLimits, WorthyCoin } from './selection-limits.ts';

/**
 * Coins in a random order until they pay for the outputs and for change. Where they become too many, the
 * smallest of them makes room. Draws small and large coins alike, so that neither kind piles up.
 * Source: Bitcoin Core, SelectCoinsSRD.
 */
export function drawCoins(
  limits: SelectionLimits,
  coins: readonly WorthyCoin[],
  random: Random,
): readonly WorthyCoin[] | undefined {
  const { targetWithChangeUnits, maxInputs } = limits;
  const taken: WorthyCoin[] = [];
  let sum = 0n;
  for (const coin of shuffled(coins, random)) {
    insert(taken, coin);
    sum += coin.netUnits;
    if (taken.length > maxInputs) sum -= taken.pop()?.netUnits ?? 0n;
    if (sum >= targetWithChangeUnits) return taken;
  }
  return undefined;
}

/** Keeps the largest first. */
function insert(taken: WorthyCoin[], coin: WorthyCoin): void {
  let low = 0;
  let high = taken.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((taken[middle]?.netUnits ?? 0n) >= coin.netUnits) low = middle + 1;
    else high = middle;
  }
  taken.splice(low, 0, coin);
}

/** Fisher and Yates. */
function shuffled<T>(list: readonly T[], random: Random): T[] {
  const left = [...list];
  const order: T[] = [];
  while (left.length > 0) {
    const [item] = left.splice(below(left.length, random), 1);
    if (item !== undefined) order.push(item);
  }
  return order;
}

/** A whole number below `bound`, each as likely: what would prefer the first few is drawn again. */
function below(bound: number, random: Random): number {
  const fair = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const number = Buffer.from(random.bytes(4)).readUInt32BE(0);
    if (number < fair) return number % bound;
  }
}
