import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BTC, recipient } from '../../../test/harness/bitcoin-world.ts';
import { seededBytes } from '../../../test/harness/seeded-bytes.ts';
import type { TransferOrder } from '../network.ts';
import { sumOfCoins, type Coin } from './coin.ts';
import { smallCoins } from './consolidate.ts';
import { leastReplacementFee, replacementFee, STANDARD_FEES } from './fees.ts';
import { foreseenWeight, leastChange, mostFee, planBatch, type BatchTask } from './plan-batch.ts';
import { planReplacement, type ReplacementTask } from './plan-replacement.ts';
import { outputsOf } from './attempt.ts';
import { splitChange } from './split-change.ts';
import { feeFor, rateOf, STANDARD_WEIGHT } from './weight.ts';

const TREASURY = { kind: 'p2tr', script: `5120${'ab'.repeat(32)}` } as const;

function coinsOf(units: readonly bigint[]): Coin[] {
  return units.map((each, index) => ({
    outpoint: `${index.toString(16).padStart(64, '0')}:0`,
    units: each,
  }));
}

function ordersOf(units: readonly bigint[]): TransferOrder[] {
  return units.map((each, index) => ({
    payoutId: `${index}`,
    asset: BTC,
    units: each,
    toAddress: recipient(index),
  }));
}

const aTask = fc
  .record({
    coins: fc.array(fc.bigInt(1_000n, 10n ** 8n), { maxLength: 40 }),
    young: fc.array(fc.bigInt(1_000n, 10n ** 8n), { maxLength: 5 }),
    orders: fc.array(fc.bigInt(1_000n, 10n ** 7n), { minLength: 1, maxLength: 40 }),
    satPerKvb: fc.bigInt(1_000n, 200_000n),
  })
  .map(({ coins, young, orders, satPerKvb }): BatchTask => ({
    coins: coinsOf(coins),
    youngCoins: coinsOf(young).map((coin) => ({
      ...coin,
      outpoint: `${'f'.repeat(60)}${coin.outpoint.slice(60)}`,
    })),
    orders: ordersOf(orders),
    treasury: TREASURY,
    satPerKvb,
    ...STANDARD_FEES,
    limits: { orders: 30, inputs: 20 },
    wantedCoins: 28,
  }));

describe('planBatch', () => {
  it('pays what it says out of coins that are there, at the rate and not above what is meant', () => {
    fc.assert(
      fc.property(aTask, fc.integer(), (task, seed) => {
        const { payable, short, left, spend, freeUnits } = planBatch(task, seededBytes(seed));
        const all = [...payable, ...short, ...left].map(({ payoutId }) => payoutId);
        expect(all.toSorted()).toEqual(task.orders.map(({ payoutId }) => payoutId).toSorted());
        expect(payable.length).toBeLessThanOrEqual(task.limits.orders);
        expect(spend === null).toBe(payable.length === 0);
        const paid = payable.reduce((sum, { units }) => sum + units, 0n);
        expect(paid).toBeLessThanOrEqual(freeUnits);
        if (spend === null) return;
        const change = spend.change.map((units) => ({ units, script: TREASURY.script }));
        const outputs = [...outputsOf(payable), ...change];
        const weight = foreseenWeight('p2tr', spend.coins.length, outputs);
        const fee = sumOfCoins(spend.coins) - outputs.reduce((sum, { units }) => sum + units, 0n);
        expect(fee).toBeGreaterThanOrEqual(feeFor(weight, task.satPerKvb));
        expect(fee).toBeLessThanOrEqual(mostFee(TREASURY, weight, task));
        expect(weight).toBeLessThanOrEqual(STANDARD_WEIGHT);
        expect(spend.coins.length).toBeLessThanOrEqual(task.limits.inputs);
        const least = leastChange(TREASURY, task.longTermSatPerKvb);
        for (const { units } of change) expect(units).toBeGreaterThanOrEqual(least);
      }),
    );
  });
});

describe('splitChange', () => {
  const base = { otherCoins: 0, wantedCoins: 28, changeWeight: 172, satPerKvb: 10_000n };

  it('gives the change away to nobody: pieces and their outputs are all of it', () => {
    fc.assert(
      fc.property(
        fc.bigInt(575n, 10n ** 10n),
        fc.bigInt(1_000n, 10n ** 9n),
        fc.nat(40),
        fc.bigInt(1_000n, 200_000n),
        (changeUnits, payUnits, otherCoins, satPerKvb) => {
          const task = { ...base, changeUnits, payUnits, otherCoins, satPerKvb };
          const pieces = splitChange(task);
          const sum = pieces.reduce((total, units) => total + units, 0n);
          const cost = changeUnits - sum;
          const most = (BigInt(pieces.length - 1) * 43n * satPerKvb) / 1_000n + 3n;
          expect(cost).toBeLessThanOrEqual(pieces.length === 1 ? 0n : most);
          expect(pieces.length).toBeLessThanOrEqual(Math.max(1, 28 - otherCoins, 1));
          if (pieces.length > 1)
            for (const units of pieces) expect(units).toBeGreaterThanOrEqual(payUnits);
        },
      ),
    );
  });

  const cases: readonly [string, Partial<Parameters<typeof splitChange>[0]>, number][] = [
    ['a lone large coin', { changeUnits: 10n ** 9n, payUnits: 10n ** 6n }, 8],
    ['enough coins', { changeUnits: 10n ** 9n, payUnits: 10n ** 6n, otherCoins: 28 }, 1],
    ['two coins short', { changeUnits: 10n ** 9n, payUnits: 10n ** 6n, otherCoins: 25 }, 3],
    ['change for three such batches', { changeUnits: 35n * 10n ** 5n, payUnits: 10n ** 6n }, 3],
    ['little change', { changeUnits: 60_000n, payUnits: 1_000n }, 1],
    [
      'change that pieces would cost too much of',
      { changeUnits: 10n ** 6n, payUnits: 1_000n, satPerKvb: 200_000n },
      1,
    ],
  ];
  it.each(cases)('%s', (_, change, pieces) => {
    expect(splitChange({ ...base, changeUnits: 0n, payUnits: 0n, ...change })).toHaveLength(pieces);
  });
});

describe('the fee of a replacement', () => {
  const replaced = { feeUnits: 1_000n, weight: 800, packageFeeUnits: 1_000n };
  const quote = { satPerKvb: 1_000n, incrementSatPerKvb: 1_000n };

  it('is more in all and for each byte, and pays for all that goes', () => {
    expect(leastReplacementFee(replaced, 800, 1_000n)).toBe(1_200n);
    expect(leastReplacementFee({ ...replaced, packageFeeUnits: 9_000n }, 800, 1_000n)).toBe(9_200n);
    // Twice the weight: the rate decides.
    expect(leastReplacementFee(replaced, 1_600, 1_000n)).toBe(2_001n);
  });

  it('rises by a quarter at least, to the market where that is more, and never above the ceiling', () => {
    const policy = STANDARD_FEES;
    expect(replacementFee(replaced, { weight: 800, quote, policy })).toBe(1_250n);
    const dear = { ...quote, satPerKvb: 50_000n };
    expect(replacementFee(replaced, { weight: 800, quote: dear, policy })).toBe(10_000n);
    const beyond = { ...quote, satPerKvb: 900_000n };
    expect(replacementFee(replaced, { weight: 800, quote: beyond, policy })).toBe(40_000n);
    const pinned = { ...replaced, packageFeeUnits: 39_801n };
    expect(replacementFee(pinned, { weight: 800, quote, policy })).toBeNull();
  });

  const aReplacement = fc.record({
    kept: fc.array(fc.bigInt(10_000n, 10n ** 7n), { minLength: 1, maxLength: 5 }),
    extra: fc.array(fc.bigInt(600n, 10n ** 7n), { maxLength: 5 }),
    change: fc.integer({ min: 0, max: 4 }),
    pay: fc.array(fc.bigInt(1_000n, 10n ** 6n), { minLength: 1, maxLength: 10 }),
    market: fc.bigInt(1_000n, 300_000n),
    packageFeeUnits: fc.bigInt(0n, 50_000n),
  });

  it('is paid out of change and further coins, in bounds, with all coins kept in their order', () => {
    fc.assert(
      fc.property(aReplacement, ({ kept, extra, change, pay, market, packageFeeUnits }) => {
        const coins = coinsOf([...kept, ...extra]);
        const payments = outputsOf(ordersOf(pay));
        const weight = foreseenWeight('p2tr', kept.length, payments);
        const feeUnits = feeFor(weight, 2_000n);
        const task: ReplacementTask = {
          kept: coins.slice(0, kept.length),
          extra: coins.slice(kept.length),
          payments,
          changeOutputs: change,
          treasury: TREASURY,
          replaced: { feeUnits, weight, packageFeeUnits },
          quote: { satPerKvb: market, incrementSatPerKvb: 1_000n },
          policy: STANDARD_FEES,
          leastChangeUnits: 575n,
        };
        const plan = planReplacement(task);
        if (plan === null) return;
        expect(plan.coins.slice(0, kept.length)).toEqual(task.kept);
        expect(new Set(plan.coins).size).toBe(plan.coins.length);
        const outputs = [
          ...payments,
          ...plan.change.map((units) => ({ units, script: TREASURY.script })),
        ];
        const fee = sumOfCoins(plan.coins) - outputs.reduce((sum, { units }) => sum + units, 0n);
        const next = foreseenWeight('p2tr', plan.coins.length, outputs);
        expect(fee).toBeGreaterThanOrEqual(leastReplacementFee(task.replaced, next, 1_000n));
        expect(rateOf(fee, next)).toBeGreaterThan(rateOf(feeUnits, weight));
        const ceiling = { ...STANDARD_FEES, satPerKvb: STANDARD_FEES.ceilingSatPerKvb };
        expect(fee).toBeLessThanOrEqual(mostFee(TREASURY, next, ceiling));
        for (const units of plan.change) expect(units).toBeGreaterThanOrEqual(575n);
      }),
    );
  });
});

describe('smallCoins', () => {
  it('takes the smallest that are worth it, a hundred at most, and keeps the largest', () => {
    const coins = coinsOf(Array.from({ length: 200 }, (_, index) => BigInt(index) * 10n));
    const found = smallCoins(coins, { keep: 28, inputFee: 100n });
    expect(found).toHaveLength(100);
    expect(found[0]?.units).toBe(110n);
    expect(found.at(-1)?.units).toBe(1_100n);
    expect(smallCoins(coins.slice(0, 38), { keep: 28, inputFee: 0n })).toHaveLength(9);
    expect(smallCoins(coins.slice(0, 10), { keep: 28, inputFee: 0n })).toEqual([]);
  });
});
