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
import { compareRuns, type BenchResult, type Run } from './bench-result.ts';
import { runStream, STRATEGIES } from './coin-stream.ts';

const RATES = { 3: 3_000n, 12: 12_000n, 30: 30_000n, 100: 100_000n } as const;
const LONG_TERM = 10_000n;

export interface CoinRuns {
  readonly seeds: readonly number[];
  /** Small cases for each seed and fee rate. */
  readonly cases: number;
  /** The stream's length. */
  readonly blocks: number;
}

/** Twenty days. */
const FULL: CoinRuns = { seeds: [1, 2, 3, 4, 5], cases: 1_000, blocks: 2_880 };

/**
 * The coins that are chosen, once for each seed. Small cases: waste in satoshis a transaction, against an exact solver
 * that tries every set, and against the largest coins first; how much more than the exact it is; and the share of
 * cases where it is the exact. A stream of payouts and deposits: fees in satoshis and what is left of coins, against
 * the largest coins first without splitting or consolidating.
 */
export async function measureCoins(
  tell: (progress: string) => void,
  { seeds, cases, blocks }: CoinRuns = FULL,
): Promise<BenchResult> {
  const runs: Run[] = [];
  for (const seed of seeds) {
    const figures = { ours: new Map<string, number>(), baselines: new Map<string, number>() };
    addSmallCases(figures, { seed, cases });
    await addStream(figures, { seed, blocks });
    tell(`seed ${seed}: ${JSON.stringify(Object.fromEntries(figures.ours))}`);
    runs.push(figures);
  }
  const unit = 'satoshis (waste: of a transaction, the mean), counts, or the share of cases';
  return compareRuns({ name: 'coins', unit }, runs);
}

interface Figures {
  readonly ours: Map<string, number>;
  readonly baselines: Map<string, number>;
}

function addSmallCases(
  { ours, baselines }: Figures,
  { seed, cases }: { readonly seed: number; readonly cases: number },
): void {
  for (const [name, rate] of Object.entries(RATES)) {
    const random = createSeededRandom(`${seed}/${name}`);
    const found = compareSmall(random, { satPerKvb: rate, cases });
    const key = `waste/${name}-sat-per-byte`;
    ours.set(`${key}/beyond-exact`, found.ours - found.exact);
    ours.set(`${key}/percent-exact`, found.optimal * 100);
    // Below the long-term rate it saves to spend more coins: waste is less than nothing, and has no ratio.
    if (rate < LONG_TERM) continue;
    ours.set(key, found.ours);
    baselines.set(`exact/${key}`, found.exact);
    baselines.set(`largest-first/${key}`, found.largest);
  }
}

async function addStream(
  { ours, baselines }: Figures,
  stream: { readonly seed: number; readonly blocks: number },
): Promise<void> {
  const own = await runStream(STRATEGIES.ours, stream);
  const plain = await runStream(STRATEGIES.largestFirst, stream);
  for (const [key, figure] of Object.entries<number>({ ...own })) ours.set(`stream/${key}`, figure);
  for (const [key, figure] of Object.entries<number>({ ...plain })) {
    // A ratio to nothing says nothing.
    if (figure > 0) baselines.set(`largest-first/stream/${key}`, figure);
  }
}

interface SmallFigures {
  readonly ours: number;
  readonly exact: number;
  readonly largest: number;
  /** Of all cases, those in which ours is the exact optimum. */
  readonly optimal: number;
}

function compareSmall(
  random: SeededRandom,
  { satPerKvb, cases }: { readonly satPerKvb: bigint; readonly cases: number },
): SmallFigures {
  let [ours, exact, largest, optimal, compared] = [0n, 0n, 0n, 0, 0];
  for (let index = 0; index < cases; index += 1) {
    const task = smallTask(random, satPerKvb);
    const own = selectCoins(task, seededBytes(index));
    const best = bestOf(task);
    const plain = largestFirst(task);
    if (own === undefined || best === undefined || plain === undefined) continue;
    compared += 1;
    ours += own.wasteUnits;
    exact += best;
    largest += plain;
    if (own.wasteUnits === best) optimal += 1;
  }
  const mean = (sum: bigint): number => Number(sum) / compared;
  return {
    ours: mean(ours),
    exact: mean(exact),
    largest: mean(largest),
    optimal: optimal / compared,
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
