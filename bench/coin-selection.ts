import type { Coin } from '../src/networks/bitcoin/coin.ts';
import { selectCoins, settle, type SelectionTask } from '../src/networks/bitcoin/select-coins.ts';
import {
  frameWeight,
  INPUT_WEIGHT,
  outputWeight,
  STANDARD_WEIGHT,
} from '../src/networks/bitcoin/weight.ts';
import { seededBytes } from '../test/harness/seeded-bytes.ts';
import { createSeededRandom, type SeededRandom } from '../test/harness/seeded-random.ts';
import { compare, type BenchResult } from './bench-result.ts';
import { runStream, STRATEGIES } from './coin-stream.ts';

const CASES = 1_000;
const RATES = { 12: 12_000n, 30: 30_000n, 100: 100_000n } as const;
const LONG_TERM = 10_000n;

/**
 * The coins that are chosen. Small cases: waste in satoshis a transaction, against an exact solver that tries
 * every set, and against the largest coins first. A stream of ten days of payouts and deposits: fees in
 * satoshis and what is left of coins, against the largest coins first without splitting or consolidating.
 */
export async function measureCoins(tell: (progress: string) => void): Promise<BenchResult> {
  const ours = new Map<string, number>();
  const baselines = new Map<string, number>();
  for (const [name, rate] of Object.entries(RATES)) {
    const found = compareSmall(createSeededRandom(Number(name)), rate);
    const key = `waste-at-${name}-sat-per-byte`;
    ours.set(key, found.ours);
    baselines.set(`exact/${key}`, found.exact);
    baselines.set(`largest-first/${key}`, found.largest);
    tell(`${key}: ${JSON.stringify(found)}`);
  }
  const own = await runStream(STRATEGIES.ours, 7);
  const plain = await runStream(STRATEGIES.largestFirst, 7);
  tell(`stream, ours: ${JSON.stringify(own)}`);
  tell(`stream, largest first: ${JSON.stringify(plain)}`);
  for (const key of Object.keys(own) as (keyof typeof own)[]) {
    ours.set(`stream-${key}`, own[key]);
    // A ratio to nothing says nothing.
    if (plain[key] > 0) baselines.set(`largest-first/stream-${key}`, plain[key]);
  }
  return compare({ name: 'coins', unit: 'satoshis, or counts', runs: CASES }, ours, baselines);
}

interface SmallFigures {
  readonly ours: number;
  readonly exact: number;
  readonly largest: number;
  /** Of all cases, those in which ours is the exact optimum. */
  readonly optimal: number;
}

function compareSmall(random: SeededRandom, satPerKvb: bigint): SmallFigures {
  let [ours, exact, largest, optimal, cases] = [0n, 0n, 0n, 0, 0];
  for (let index = 0; index < CASES; index += 1) {
    const task = smallTask(random, satPerKvb);
    const own = selectCoins(task, seededBytes(index));
    const best = bestOf(task);
    const plain = largestFirst(task);
    if (own === undefined || best === undefined || plain === undefined) continue;
    cases += 1;
    ours += own.wasteUnits;
    exact += best;
    largest += plain;
    if (own.wasteUnits === best) optimal += 1;
  }
  const mean = (sum: bigint): number => Number(sum) / cases;
  return {
    ours: mean(ours),
    exact: mean(exact),
    largest: mean(largest),
    optimal: optimal / cases,
  };
}

/** Up to twelve coins, of which about a third is to be paid; some sums can be met without change. */
function smallTask(random: SeededRandom, satPerKvb: bigint): SelectionTask {
  const coins = Array.from({ length: random.between(4, 12) }, (_, index) => ({
    outpoint: `${index.toString(16).padStart(64, '0')}:0`,
    units: BigInt(random.between(20_000, random.chance(0.3) ? 5_000_000 : 500_000)),
  }));
  const total = coins.reduce((sum, { units }) => sum + units, 0n);
  return {
    coins,
    payUnits: (total * BigInt(random.between(10, 60))) / 100n,
    baseWeight: (inputs) => frameWeight(inputs, 3) + 2 * outputWeight(22),
    inputWeight: INPUT_WEIGHT.p2tr,
    changeWeight: outputWeight(34),
    leastChangeUnits: 575n,
    maxWeight: STANDARD_WEIGHT,
    satPerKvb,
    longTermSatPerKvb: LONG_TERM,
  };
}

/** The least waste of all sets. */
function bestOf(task: SelectionTask): bigint | undefined {
  let best: bigint | undefined;
  for (let set = 1; set < 1 << task.coins.length; set += 1) {
    const coins = task.coins.filter((_, index) => (set & (1 << index)) !== 0);
    const waste = settle(task, coins)?.wasteUnits;
    if (waste !== undefined && (best === undefined || waste < best)) best = waste;
  }
  return best;
}

function largestFirst(task: SelectionTask): bigint | undefined {
  const falling = task.coins.toSorted((a, b) => (a.units > b.units ? -1 : 1));
  const taken: Coin[] = [];
  for (const coin of falling) {
    taken.push(coin);
    const settled = settle(task, taken);
    if (settled !== undefined) return settled.wasteUnits;
  }
  return undefined;
}
