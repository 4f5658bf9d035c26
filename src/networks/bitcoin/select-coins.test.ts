import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../base/random.ts';
import { seededBytes } from '../../../test/harness/seeded-bytes.ts';
import { sumOfCoins, type Coin } from './coin.ts';
import { selectCoins, type Selection, type SelectionTask } from './select-coins.ts';
import {
  feeFor,
  frameWeight,
  INPUT_WEIGHT,
  outputWeight,
  partFee,
  STANDARD_WEIGHT,
} from './weight.ts';

const CHANGE_WEIGHT = outputWeight(34);

function outpointAt(index: number): string {
  return `${index.toString(16).padStart(64, '0')}:0`;
}

function coinsOf(units: readonly bigint[]): Coin[] {
  return units.map((each, index) => ({ outpoint: outpointAt(index), units: each }));
}

interface Wish {
  readonly units: readonly bigint[];
  readonly payUnits: bigint;
  readonly satPerKvb: bigint;
  readonly longTermSatPerKvb?: bigint;
  readonly outputs?: number;
  readonly maxWeight?: number;
}

function taskOf(wish: Wish): SelectionTask {
  const outputs = wish.outputs ?? 1;
  return {
    coins: coinsOf(wish.units),
    payUnits: wish.payUnits,
    baseWeight: (inputs) => frameWeight(inputs, outputs + 1) + outputs * outputWeight(22),
    inputWeight: INPUT_WEIGHT.p2tr,
    changeWeight: CHANGE_WEIGHT,
    leastChangeUnits: 330n,
    maxWeight: wish.maxWeight ?? STANDARD_WEIGHT,
    satPerKvb: wish.satPerKvb,
    longTermSatPerKvb: wish.longTermSatPerKvb ?? 10_000n,
  };
}

const random = (seed = 1): Random => seededBytes(seed);

const aWish = fc.record({
  units: fc.array(fc.bigInt(1n, 50_000_000n), { maxLength: 60 }),
  payUnits: fc.bigInt(330n, 300_000_000n),
  satPerKvb: fc.bigInt(1_000n, 300_000n),
  longTermSatPerKvb: fc.bigInt(1_000n, 30_000n),
  outputs: fc.integer({ min: 1, max: 300 }),
  maxWeight: fc.integer({ min: 2_000, max: STANDARD_WEIGHT }),
});

function weightOf(task: SelectionTask, selection: Selection): number {
  const inputs = selection.coins.length;
  const change = selection.changeUnits > 0n ? task.changeWeight : 0;
  return task.baseWeight(inputs) + inputs * task.inputWeight + change;
}

describe('selectCoins', () => {
  it('pays exactly what is to be paid, the change and the fee, and nothing that it has not', () => {
    fc.assert(
      fc.property(aWish, fc.integer(), (wish, seed) => {
        const task = taskOf(wish);
        const selection = selectCoins(task, random(seed));
        if (selection === undefined) return;
        expect(sumOfCoins(selection.coins)).toBe(
          task.payUnits + selection.changeUnits + selection.feeUnits,
        );
        expect(selection.feeUnits).toBeGreaterThanOrEqual(
          feeFor(weightOf(task, selection), task.satPerKvb),
        );
      }),
    );
  });

  it('spends no coin twice, and none that was not offered', () => {
    fc.assert(
      fc.property(aWish, fc.integer(), (wish, seed) => {
        const task = taskOf(wish);
        const selection = selectCoins(task, random(seed));
        if (selection === undefined) return;
        const offered = new Map(task.coins.map((coin) => [coin.outpoint, coin]));
        const taken = selection.coins.map(({ outpoint }) => outpoint);
        expect(new Set(taken).size).toBe(taken.length);
        for (const coin of selection.coins) expect(offered.get(coin.outpoint)).toEqual(coin);
      }),
    );
  });

  it('makes no change that is dust, and gives away no more than a change output would cost', () => {
    fc.assert(
      fc.property(aWish, fc.integer(), (wish, seed) => {
        const task = taskOf(wish);
        const selection = selectCoins(task, random(seed));
        if (selection === undefined) return;
        const { changeUnits, feeUnits } = selection;
        const least = feeFor(weightOf(task, selection), task.satPerKvb);
        if (changeUnits > 0n) {
          expect(changeUnits).toBeGreaterThanOrEqual(task.leastChangeUnits);
          expect(feeUnits).toBe(least);
          return;
        }
        const withChange = weightOf(task, selection) + task.changeWeight;
        if (withChange > task.maxWeight) return;
        const given = feeUnits - least;
        const change = partFee(task.changeWeight, task.satPerKvb) + task.leastChangeUnits;
        const later = partFee(task.inputWeight, task.longTermSatPerKvb);
        expect(given).toBeLessThanOrEqual(change + later + 2n);
      }),
    );
  });

  it('stays within the weight', () => {
    fc.assert(
      fc.property(aWish, fc.integer(), (wish, seed) => {
        const task = taskOf(wish);
        const selection = selectCoins(task, random(seed));
        if (selection === undefined) return;
        expect(weightOf(task, selection)).toBeLessThanOrEqual(task.maxWeight);
      }),
    );
  });

  it('finds coins wherever the largest ones that fit pay for it', () => {
    fc.assert(
      fc.property(aWish, fc.integer(), (wish, seed) => {
        const task = taskOf(wish);
        const inputFee = partFee(task.inputWeight, task.satPerKvb);
        const room = task.maxWeight - task.baseWeight(task.coins.length) - task.changeWeight;
        const fit = Math.max(0, Math.floor(room / task.inputWeight));
        const net = task.coins
          .map(({ units }) => units - inputFee)
          .filter((units) => units > 0n)
          .toSorted((a, b) => (a > b ? -1 : 1))
          .slice(0, fit)
          .reduce((sum, units) => sum + units, 0n);
        const base = partFee(task.baseWeight(task.coins.length), task.satPerKvb) + 1n;
        const isEnough = net >= task.payUnits + base;
        if (isEnough) expect(selectCoins(task, random(seed))).toBeDefined();
      }),
    );
  });

  it('gives the same coins for the same seed', () => {
    fc.assert(
      fc.property(aWish, fc.integer(), (wish, seed) => {
        const task = taskOf(wish);
        expect(selectCoins(task, random(seed))).toEqual(selectCoins(task, random(seed)));
      }),
    );
  });

  it('gives the same coins in whatever order they are offered', () => {
    fc.assert(
      fc.property(aWish, fc.integer(), (wish, seed) => {
        const task = taskOf(wish);
        const turned = { ...task, coins: task.coins.toReversed() };
        expect(selectCoins(turned, random(seed))).toEqual(selectCoins(task, random(seed)));
      }),
    );
  });

  it('meets an exact sum without change', () => {
    const units = [9_000_000n, 3_000_000n, 2_000_000n, 1_000_000n];
    const rate = 20_000n;
    const bare = taskOf({ units, payUnits: 1n, satPerKvb: rate });
    const fee = feeFor(bare.baseWeight(2) + 2 * bare.inputWeight, rate);
    const task = taskOf({ units, payUnits: 5_000_000n - fee - 2n, satPerKvb: rate });
    expect(selectCoins(task, random())).toMatchObject({
      method: 'branch and bound',
      changeUnits: 0n,
      feeUnits: fee + 2n,
      coins: [{ units: 3_000_000n }, { units: 2_000_000n }],
    });
  });

  it('takes few coins while fees are high, and more while they are low', () => {
    const units = [50_000_000n, ...Array.from({ length: 40 }, () => 400_000n)];
    const high = selectCoins(
      taskOf({ units, payUnits: 2_000_000n, satPerKvb: 100_000n }),
      random(),
    );
    const low = selectCoins(taskOf({ units, payUnits: 2_000_000n, satPerKvb: 1_000n }), random());
    expect(high?.coins).toHaveLength(1);
    expect(low?.coins.length).toBeGreaterThan(1);
  });

  it('leaves out coins that cost more than they hold', () => {
    const task = taskOf({ units: [4_000n, 1_000_000n], payUnits: 900_000n, satPerKvb: 100_000n });
    expect(selectCoins(task, random())?.coins).toEqual([coinsOf([4_000n, 1_000_000n])[1]]);
    const poor = taskOf({ units: [4_000n], payUnits: 330n, satPerKvb: 100_000n });
    expect(selectCoins(poor, random())).toBeUndefined();
  });

  it('is bounded with thousands of coins that nearly meet the target', () => {
    const units = Array.from({ length: 3_000 }, (_, index) => 100_000n + BigInt(index % 977));
    const task = taskOf({ units, payUnits: 12_345_678n, satPerKvb: 30_000n });
    const selection = selectCoins(task, random());
    expect(selection?.coins.length).toBeLessThan(140);
  });

  it('takes no coin that is offered twice', () => {
    const [coin] = coinsOf([1_000_000n]);
    const task = taskOf({ units: [], payUnits: 1_000n, satPerKvb: 1_000n });
    expect(() =>
      selectCoins({ ...task, coins: coin === undefined ? [] : [coin, coin] }, random()),
    ).toThrow('a coin comes once');
  });
});
