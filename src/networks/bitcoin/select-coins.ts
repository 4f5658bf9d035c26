import { assert } from '../../base/assert.ts';
import type { Random } from '../../base/random.ts';
import { branchAndBound } from './branch-and-bound.ts';
import { sumOfCoins, type Coin } from './coin.ts';
import { drawCoins } from './draw-coins.ts';
import type { SelectionLimits, WorthyCoin } from './selection-limits.ts';
import { takeLargest } from './take-largest.ts';
import { feeFor, partFee } from './weight.ts';

/** What is to be paid, out of what. Units and fees are satoshis, rates satoshis per 1,000 virtual bytes. */
export interface SelectionTask {
  readonly coins: readonly Coin[];
  /** The sum of the outputs that are not change. */
  readonly payUnits: bigint;
  /** Of the transaction with so many inputs, without their own weight and without change. */
  readonly baseWeight: (inputs: number) => number;
  readonly inputWeight: number;
  /** Of one change output. */
  readonly changeWeight: number;
  /** The least change that is worth an output: dust or more. */
  readonly leastChangeUnits: bigint;
  readonly maxWeight: number;
  readonly satPerKvb: bigint;
  /** What spending the coins another time is expected to cost. */
  readonly longTermSatPerKvb: bigint;
}

export interface Selection {
  /** Largest first. */
  readonly coins: readonly Coin[];
  /** 0: no change output. Else at least the least change. */
  readonly changeUnits: bigint;
  readonly feeUnits: bigint;
  /** The figure that chose it: the lower the better. It can be negative where fees are low. */
  readonly wasteUnits: bigint;
  readonly method: 'branch and bound' | 'random draw' | 'largest first';
}

/** So many random draws compete; each costs one pass over the coins. */
const DRAWS = 4;

/**
 * Which coins a transaction spends: of what three methods find, the one with the least waste. Waste is
 * what the inputs cost now beyond what they would cost another time, and the price of change (its output
 * now, its input later) or, without change, what is given away. Bitcoin Core chooses by the same figure.
 * Deterministic in its arguments; bounded work. Undefined where the coins cannot pay, within the weight.
 */
export function selectCoins(task: SelectionTask, random: Random): Selection | undefined {
  const worth = worthSpending(task);
  const found = [
    ...tryMethod(task, 'branch and bound', branchAndBound(limitsOf(task, worth), worth)),
    ...Array.from({ length: DRAWS }, () =>
      tryMethod(task, 'random draw', drawCoins(limitsOf(task, worth), worth, random)),
    ).flat(),
    ...tryMethod(task, 'largest first', takeLargest(limitsOf(task, worth), worth)),
  ];
  return found.reduce<Selection | undefined>(
    (best, next) => (best === undefined || next.wasteUnits < best.wasteUnits ? next : best),
    undefined,
  );
}

/** Largest first; of equal ones by their outpoints, so that the order is the same every time. */
function worthSpending({ coins, inputWeight, satPerKvb }: SelectionTask): readonly WorthyCoin[] {
  assert(new Set(coins.map(({ outpoint }) => outpoint)).size === coins.length, 'a coin comes once');
  const inputFee = partFee(inputWeight, satPerKvb);
  return coins
    .map((coin) => ({ coin, netUnits: coin.units - inputFee }))
    .filter(({ netUnits }) => netUnits > 0n)
    .toSorted((a, b) => compare(b.netUnits, a.netUnits) || byText(a.coin, b.coin));
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byText(a: Coin, b: Coin): number {
  return a.outpoint < b.outpoint ? -1 : 1;
}

function limitsOf(task: SelectionTask, worth: readonly WorthyCoin[]): SelectionLimits {
  const { baseWeight, inputWeight, changeWeight, satPerKvb, longTermSatPerKvb } = task;
  const base = baseWeight(worth.length);
  const targetUnits = task.payUnits + partFee(base, satPerKvb) + ROUNDING_UNITS;
  const changeFee = partFee(changeWeight, satPerKvb);
  return {
    targetUnits,
    targetWithChangeUnits: targetUnits + changeFee + task.leastChangeUnits,
    changeCostUnits: changeFee + partFee(inputWeight, longTermSatPerKvb),
    maxInputs: Math.max(0, Math.floor((task.maxWeight - base - changeWeight) / inputWeight)),
    inputWasteUnits: partFee(inputWeight, satPerKvb) - partFee(inputWeight, longTermSatPerKvb),
  };
}

/** Nodes round the whole up to a virtual byte: at most three weight units more than the parts. */
const ROUNDING_UNITS = 1n;

function tryMethod(
  task: SelectionTask,
  method: Selection['method'],
  found: readonly WorthyCoin[] | undefined,
): Selection[] {
  if (found === undefined || found.length === 0) return [];
  const coins = found.map(({ coin }) => coin).toSorted((a, b) => compare(b.units, a.units));
  const settled = settle(task, coins);
  return settled === undefined ? [] : [{ ...settled, method }];
}

/**
 * Fee, change and waste of spending just these coins; undefined where they do not cover what is to be paid
 * at the rate, or are too heavy. Change that is too small for an output is given away as a fee.
 */
export function settle(
  task: SelectionTask,
  coins: readonly Coin[],
): Omit<Selection, 'method'> | undefined {
  const { baseWeight, inputWeight, changeWeight, satPerKvb, longTermSatPerKvb } = task;
  const weight = baseWeight(coins.length) + coins.length * inputWeight;
  const overUnits = sumOfCoins(coins) - task.payUnits;
  const leastFee = feeFor(weight, satPerKvb);
  if (overUnits < leastFee || weight > task.maxWeight) return undefined;
  const inputWaste =
    BigInt(coins.length) *
    (partFee(inputWeight, satPerKvb) - partFee(inputWeight, longTermSatPerKvb));
  const feeWithChange = feeFor(weight + changeWeight, satPerKvb);
  const changeUnits = overUnits - feeWithChange;
  if (changeUnits >= task.leastChangeUnits && weight + changeWeight <= task.maxWeight) {
    const changeCost = partFee(changeWeight, satPerKvb) + partFee(inputWeight, longTermSatPerKvb);
    return { coins, changeUnits, feeUnits: feeWithChange, wasteUnits: inputWaste + changeCost };
  }
  const wasteUnits = inputWaste + (overUnits - leastFee);
  return { coins, changeUnits: 0n, feeUnits: overUnits, wasteUnits };
}
