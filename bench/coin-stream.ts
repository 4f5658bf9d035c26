import type { Coin } from '../src/networks/bitcoin/coin.ts';
import { smallCoins } from '../src/networks/bitcoin/consolidate.ts';
import { planBatch, type BatchTask } from '../src/networks/bitcoin/plan-batch.ts';
import { settle } from '../src/networks/bitcoin/select-coins.ts';
import {
  feeFor,
  frameWeight,
  INPUT_WEIGHT,
  outputWeight,
  partFee,
  STANDARD_WEIGHT,
} from '../src/networks/bitcoin/weight.ts';
import type { TransferOrder } from '../src/networks/network.ts';
import { BTC, recipient } from '../test/harness/bitcoin-world.ts';
import { seededBytes } from '../test/harness/seeded-bytes.ts';
import { createSeededRandom, type SeededRandom } from '../test/harness/seeded-random.ts';

const CONFIRMATIONS = 6;
const LONG_TERM = 10_000n;
const TREASURY = { kind: 'p2tr', script: `5120${'ab'.repeat(32)}` } as const;
const WANTED_COINS = 28;

/** What became of a stream of payouts. */
export interface StreamFigures {
  readonly payouts: number;
  /** Satoshis. */
  readonly feesPaid: number;
  readonly coinsLeft: number;
  /** Satoshis that spending them all will cost one day. */
  readonly costOfCoinsLeft: number;
  readonly feesAndCostOfCoinsLeft: number;
  /** Payouts times blocks that they waited for final coins. */
  readonly payoutBlocksWaited: number;
}

interface Spend {
  readonly coins: readonly Coin[];
  readonly change: readonly bigint[];
  readonly paid: readonly TransferOrder[];
}

type Strategy = {
  readonly pay: (task: BatchTask, seed: number) => Spend | null;
  readonly consolidates: boolean;
};

export const STRATEGIES: Readonly<Record<'ours' | 'largestFirst', Strategy>> = {
  ours: {
    pay(task, seed) {
      const { spend, payable } = planBatch(task, seededBytes(seed));
      return spend === null ? null : { ...spend, paid: payable };
    },
    consolidates: true,
  },
  largestFirst: { pay: payLargestFirst, consolidates: false },
};

/** As many orders as are covered, out of the largest coins, with one change output. */
function payLargestFirst(task: BatchTask): Spend | null {
  const falling = task.coins.toSorted((a, b) => (a.units > b.units ? -1 : 1));
  for (let count = Math.min(task.orders.length, task.limits.orders); count > 0; count -= 1) {
    const paid = task.orders.slice(0, count);
    const selection = {
      ...task,
      payUnits: paid.reduce((sum, { units }) => sum + units, 0n),
      baseWeight: (inputs: number) => frameWeight(inputs, count + 1) + count * outputWeight(22),
      inputWeight: INPUT_WEIGHT.p2tr,
      changeWeight: outputWeight(34),
      leastChangeUnits: 575n,
      maxWeight: STANDARD_WEIGHT,
    };
    const taken: Coin[] = [];
    for (const coin of falling.slice(0, task.limits.inputs)) {
      taken.push(coin);
      const settled = settle(selection, taken);
      if (settled === undefined) continue;
      const change = settled.changeUnits === 0n ? [] : [settled.changeUnits];
      return { coins: taken, change, paid };
    }
  }
  return null;
}

interface Held extends Coin {
  readonly bornAt: number;
}

/** So many blocks, ten minutes apart; the same payouts, deposits and fee rates for every strategy. */
export async function runStream(
  strategy: Strategy,
  { seed, blocks }: { readonly seed: number; readonly blocks: number },
): Promise<StreamFigures> {
  const events = createSeededRandom(seed);
  let coins: Held[] = [{ outpoint: outpointOf(0), units: 2_000_000_000n, bornAt: -10 }];
  let made = 1;
  let [fees, waited, payouts, rate] = [0n, 0, 0, 8];
  let waiting: TransferOrder[] = [];
  const receive = (units: bigint, bornAt: number): void => {
    coins.push({ outpoint: outpointOf(made), units, bornAt });
    made += 1;
  };
  const spend = (spent: readonly Coin[], outUnits: bigint): void => {
    const gone = new Set(spent.map(({ outpoint }) => outpoint));
    coins = coins.filter(({ outpoint }) => !gone.has(outpoint));
    const fee = spent.reduce((sum, { units }) => sum + units, 0n) - outUnits;
    if (fee <= 0n) throw new Error(`a transaction without a fee: ${fee}`);
    fees += fee;
  };
  for (let block = 0; block < blocks; block += 1) {
    rate = nextRate(events, rate);
    for (const units of depositsOf(events)) receive(units, block);
    for (const units of payoutsOf(events)) {
      waiting.push({ payoutId: `${payouts}`, asset: BTC, units, toAddress: recipient(payouts) });
      payouts += 1;
    }
    const task = taskOf(coins, { block, orders: waiting, rate });
    const done = waiting.length === 0 ? null : strategy.pay(task, block);
    if (done !== null) {
      const outUnits = [...done.paid.map(({ units }) => units), ...done.change];
      spend(
        done.coins,
        outUnits.reduce((sum, units) => sum + units, 0n),
      );
      for (const units of done.change) receive(units, block);
      const paid = new Set(done.paid);
      waiting = waiting.filter((order) => !paid.has(order));
    } else if (strategy.consolidates && waiting.length === 0)
      consolidate(task, spend, (units) => receive(units, block));
    waited += waiting.length;
    if (block % 100 === 0) await new Promise(setImmediate);
  }
  const later = BigInt(coins.length) * partFee(INPUT_WEIGHT.p2tr, LONG_TERM);
  return {
    payouts: payouts - waiting.length,
    feesPaid: Number(fees),
    coinsLeft: coins.length,
    costOfCoinsLeft: Number(later),
    feesAndCostOfCoinsLeft: Number(fees + later),
    payoutBlocksWaited: waited,
  };
}

function taskOf(
  coins: readonly Held[],
  { block, orders, rate }: { block: number; orders: readonly TransferOrder[]; rate: number },
): BatchTask {
  const isFinal = ({ bornAt }: Held): boolean => block - bornAt >= CONFIRMATIONS;
  return {
    orders,
    coins: coins.filter(isFinal),
    youngCoins: coins.filter((coin) => !isFinal(coin)),
    treasury: TREASURY,
    satPerKvb: BigInt(Math.round(rate * 1_000)),
    ceilingSatPerKvb: 200_000n,
    longTermSatPerKvb: LONG_TERM,
    limits: { orders: 300, inputs: 200 },
    wantedCoins: WANTED_COINS,
  };
}

function consolidate(
  { coins, satPerKvb }: BatchTask,
  spend: (spent: readonly Coin[], outUnits: bigint) => void,
  receive: (units: bigint) => void,
): void {
  if (2n * satPerKvb > LONG_TERM) return;
  const inputFee = partFee(INPUT_WEIGHT.p2tr, satPerKvb);
  const small = smallCoins(coins, { keep: WANTED_COINS, inputFee });
  if (small.length < 20) return;
  const weight = frameWeight(small.length, 1) + small.length * INPUT_WEIGHT.p2tr + outputWeight(34);
  const units = small.reduce((sum, coin) => sum + coin.units, 0n) - feeFor(weight, satPerKvb);
  spend(small, units);
  receive(units);
}

function outpointOf(number: number): string {
  return `${number.toString(16).padStart(64, '0')}:0`;
}

/** Between 1 and 100 satoshis a byte, most of the time near 6: its logarithm walks and is drawn back. */
function nextRate(random: SeededRandom, rate: number): number {
  const step = (random.fraction() - 0.5) * 0.5;
  const wish = Math.log(rate) + step + (Math.log(6) - Math.log(rate)) * 0.02;
  return Math.min(100, Math.max(1, Math.exp(wish)));
}

/** About 0.5 BTC a block, mostly in small amounts. */
function depositsOf(random: SeededRandom): bigint[] {
  return Array.from({ length: random.between(0, 4) }, () =>
    random.chance(0.05)
      ? BigInt(random.between(100_000_000, 700_000_000))
      : BigInt(random.between(100_000, 10_000_000)),
  );
}

/** In half of the blocks some, about 0.5 BTC a block on the average. */
function payoutsOf(random: SeededRandom): bigint[] {
  if (random.chance(0.5)) return [];
  return Array.from({ length: random.between(1, 30) }, () =>
    BigInt(random.between(50_000, random.chance(0.1) ? 50_000_000 : 6_000_000)),
  );
}
