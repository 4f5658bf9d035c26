import { assert } from '../../base/assert.ts';
import type { Random } from '../../base/random.ts';
import type { TransferOrder } from '../network.ts';
import type { Coin } from './coin.ts';
import { dustLimit, scriptBytes, scriptOfAddress } from './script.ts';
import { selectCoins } from './select-coins.ts';
import { leastPiece, splitChange } from './split-change.ts';
import {
  feeFor,
  frameWeight,
  INPUT_WEIGHT,
  outputWeight,
  partFee,
  STANDARD_WEIGHT,
  type TreasuryKind,
} from './weight.ts';

export interface TreasuryScript {
  readonly kind: TreasuryKind;
  readonly script: string;
}

/** What a batch can be made of. */
export interface BatchTask {
  readonly orders: readonly TransferOrder[];
  /** Final and free. */
  readonly coins: readonly Coin[];
  /** Other coins of the treasury, which cannot be spent yet. */
  readonly youngCoins: readonly Coin[];
  readonly treasury: TreasuryScript;
  readonly satPerKvb: bigint;
  readonly ceilingSatPerKvb: bigint;
  readonly longTermSatPerKvb: bigint;
  readonly limits: { readonly orders: number; readonly inputs: number };
  /** How many coins the treasury should have to pay out of. */
  readonly wantedCoins: number;
}

export interface BatchPlan {
  readonly payable: readonly TransferOrder[];
  /** Not covered. */
  readonly short: readonly TransferOrder[];
  /** More than one transaction holds. */
  readonly left: readonly TransferOrder[];
  /** What outputs can be paid out of the coins, whatever the orders are. */
  readonly freeUnits: bigint;
  /** Null where nothing is payable. */
  readonly spend: { readonly coins: readonly Coin[]; readonly change: readonly bigint[] } | null;
}

/**
 * Which of the orders are paid together, out of which coins, and what becomes of the change. One that is too
 * large for what is left waits and does not hold up the others.
 */
export function planBatch(task: BatchTask, random: Random): BatchPlan {
  const open = task.orders.slice(0, task.limits.orders);
  const left = task.orders.slice(task.limits.orders);
  const freeUnits = capacityOf(task);
  const { payable, short } = sortByCover(task, open, freeUnits);
  const spend = payable.length === 0 ? null : chooseSpend(task, payable, random);
  return { payable, short, left, freeUnits, spend };
}

/**
 * The rate at which the treasury's means are counted: twice what is paid now. So what is promised leaves
 * enough for a fee that has to be raised, and no fee is ever paid out of what is promised.
 */
export function cautiousRate({
  satPerKvb,
  ceilingSatPerKvb,
}: Pick<BatchTask, 'satPerKvb' | 'ceilingSatPerKvb'>): bigint {
  return 2n * satPerKvb < ceilingSatPerKvb ? 2n * satPerKvb : ceilingSatPerKvb;
}

/** What the largest coins that fit hold beyond the fees of everything but the payouts' own outputs. */
function capacityOf(task: BatchTask): bigint {
  const rate = cautiousRate(task);
  const inputFee = partFee(INPUT_WEIGHT[task.treasury.kind], rate);
  const worth = task.coins
    .map(({ units }) => units - inputFee)
    .filter((units) => units > 0n)
    .toSorted((a, b) => (a > b ? -1 : a < b ? 1 : 0))
    .slice(0, task.limits.inputs);
  const frame = frameWeight(task.limits.inputs, task.limits.orders) + changeWeightOf(task);
  const held = worth.reduce((sum, units) => sum + units, 0n) - partFee(frame, rate);
  return held > 0n ? held : 0n;
}

function changeWeightOf({ treasury }: BatchTask): number {
  return outputWeight(scriptBytes(treasury.script));
}

function orderWeight({ toAddress }: TransferOrder): number {
  return outputWeight(scriptBytes(scriptOfAddress(toAddress)));
}

function sortByCover(
  task: BatchTask,
  orders: readonly TransferOrder[],
  freeUnits: bigint,
): { payable: TransferOrder[]; short: TransferOrder[] } {
  const rate = cautiousRate(task);
  const payable: TransferOrder[] = [];
  const short: TransferOrder[] = [];
  let left = freeUnits;
  for (const order of orders) {
    const cost = order.units + partFee(orderWeight(order), rate);
    if (cost > left) short.push(order);
    else {
      left -= cost;
      payable.push(order);
    }
  }
  return { payable, short };
}

/** Covered at the cautious rate, so there are coins at the present one. */
function chooseSpend(
  task: BatchTask,
  payable: readonly TransferOrder[],
  random: Random,
): NonNullable<BatchPlan['spend']> {
  const { coins, treasury, satPerKvb, longTermSatPerKvb, limits } = task;
  const outputsWeight = payable.reduce((sum, order) => sum + orderWeight(order), 0);
  const inputWeight = INPUT_WEIGHT[treasury.kind];
  const changeWeight = changeWeightOf(task);
  // The count of outputs as if change were there already; its own weight is added with it.
  const baseWeight = (inputs: number): number =>
    frameWeight(inputs, payable.length + 1) + outputsWeight;
  const payUnits = payable.reduce((sum, { units }) => sum + units, 0n);
  const maxWeight = Math.min(
    STANDARD_WEIGHT,
    baseWeight(Math.max(coins.length, limits.inputs)) + limits.inputs * inputWeight + changeWeight,
  );
  const leastChangeUnits = leastChange(treasury, longTermSatPerKvb);
  const costs = { inputWeight, changeWeight, satPerKvb, longTermSatPerKvb };
  const selection = selectCoins(
    { coins, payUnits, baseWeight, leastChangeUnits, maxWeight, ...costs },
    random,
  );
  assert(selection !== undefined, 'what is covered can be paid');
  const { changeUnits } = selection;
  if (changeUnits === 0n) return { coins: selection.coins, change: [] };
  const spent = new Set(selection.coins.map(({ outpoint }) => outpoint));
  const kept = [...coins, ...task.youngCoins].filter(
    ({ outpoint, units }) => !spent.has(outpoint) && units >= leastPiece(costs),
  );
  const { wantedCoins } = task;
  const split = { changeUnits, payUnits, otherCoins: kept.length, wantedCoins };
  return { coins: selection.coins, change: splitChange({ ...split, changeWeight, satPerKvb }) };
}

/** The weight of a transaction with these outputs at most: signatures can be a little shorter. */
export function foreseenWeight(
  kind: TreasuryKind,
  inputs: number,
  outputs: readonly { readonly script: string }[],
): number {
  const outputsWeight = outputs.reduce(
    (sum, { script }) => sum + outputWeight(scriptBytes(script)),
    0,
  );
  return frameWeight(inputs, outputs.length) + inputs * INPUT_WEIGHT[kind] + outputsWeight;
}

/** What is less is given away: dust, and what would cost more to spend one day than it holds. */
export function leastChange(treasury: TreasuryScript, longTermSatPerKvb: bigint): bigint {
  const dust = dustLimit(treasury.script);
  const spending = partFee(INPUT_WEIGHT[treasury.kind], longTermSatPerKvb);
  return dust > spending ? dust : spending;
}

/**
 * The most that a transaction of this weight may pay at a rate: where there is no change, as much more as
 * change would have been and cost, which is given away instead.
 */
export function mostFee(
  treasury: TreasuryScript,
  weight: number,
  rates: { readonly satPerKvb: bigint; readonly longTermSatPerKvb: bigint },
): bigint {
  const change = outputWeight(scriptBytes(treasury.script));
  const given = leastChange(treasury, rates.longTermSatPerKvb) + ROUNDING_UNITS;
  return feeFor(weight + change, rates.satPerKvb) + given;
}

/** Counts of inputs and outputs may take two bytes more than foreseen. */
const ROUNDING_UNITS = 4n;
