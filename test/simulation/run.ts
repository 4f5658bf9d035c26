import { createHash } from 'node:crypto';
import type { EvmNetworkId } from '../../src/networks/evm/evm-network.ts';
import { FINDING_KINDS, type FindingKind } from './findings.ts';
import type { Plant } from './plant.ts';
import { runWorld, type WorldResult } from './run-world.ts';
import type { WorldServer } from './server.ts';

export interface RunOptions {
  readonly payouts: number;
  /** A whole number of at most 15 digits. */
  readonly seed: number;
  readonly network: EvmNetworkId;
  readonly plant: Plant | null;
  /** Ends with the first thing found. */
  readonly stopAtFirst?: boolean;
  readonly progress?: (line: string) => void;
}

export interface RunResult extends Readonly<Record<FindingKind, number>> {
  readonly payouts: number;
  readonly seed: number;
  readonly steps: number;
  readonly faults: Readonly<Record<string, number>>;
}

export interface Run {
  readonly result: RunResult;
  /** Of all steps, in hex. */
  readonly digest: string;
  readonly sentences: readonly string[];
}

/** Larger runs are made of worlds of this many payouts, each with another seed and other troubles. */
export const WORLD_PAYOUTS = 5_000;

/** Runs as many worlds as the payouts need. The first has the run's own seed. */
export async function run(server: WorldServer, options: RunOptions): Promise<Run> {
  const { payouts, seed, progress = () => undefined } = options;
  const totals = createTotals();
  let done = 0;
  for (let index = 0; done < payouts; index += 1) {
    const size = Math.min(WORLD_PAYOUTS, payouts - done);
    const world = { ...options, payouts: size, seed: worldSeed(seed, index) };
    const result = await runOnce(server, world);
    done += size;
    totals.add(result);
    if (totals.found() > 0) {
      for (const line of [...result.log.slice(-5), ...result.sentences]) progress(line);
    }
    if (result.sentences.length > 0) progress(`Again: ${commandOf(world)}`);
    progress(`${done} of ${payouts} payouts, ${totals.steps()} steps, ${totals.found()} found`);
    if (options.stopAtFirst === true && totals.found() > 0) break;
  }
  return totals.run(options);
}

async function runOnce(server: WorldServer, options: RunOptions): Promise<WorldResult> {
  const { database, drop } = await server.open();
  try {
    return await runWorld({
      seed: String(options.seed),
      payouts: options.payouts,
      network: options.network,
      plant: options.plant,
      real: database,
      stopAtFirst: options.stopAtFirst ?? false,
    });
  } finally {
    await drop();
  }
}

/** The command that runs one world again. */
export function commandOf(options: Omit<RunOptions, 'progress'>): string {
  const { payouts, seed, network, plant } = options;
  const planted = plant === null ? '' : ` --plant ${plant.name}`;
  return `npm run simulate -- --payouts ${payouts} --seed ${seed} --network ${network}${planted}`;
}

const SEED_BYTES = 6;

function worldSeed(seed: number, index: number): number {
  if (index === 0) return seed;
  const hash = createHash('sha256').update(`${seed}/${index}`).digest();
  return hash.readUIntBE(0, SEED_BYTES);
}

interface Totals {
  readonly add: (result: WorldResult) => void;
  readonly steps: () => number;
  readonly found: () => number;
  readonly run: (options: RunOptions) => Run;
}

function createTotals(): Totals {
  const counts = new Map<FindingKind, number>();
  const faults = new Map<string, number>();
  const sentences: string[] = [];
  const digest = createHash('sha256');
  let steps = 0;
  const found = (): number => [...counts.values()].reduce((sum, count) => sum + count, 0);
  return {
    add: (result) => {
      steps += result.steps;
      digest.update(result.digest);
      sentences.push(...result.sentences);
      for (const kind of FINDING_KINDS) {
        counts.set(kind, (counts.get(kind) ?? 0) + result.counts[kind]);
      }
      for (const [kind, count] of Object.entries(result.faults)) {
        faults.set(kind, (faults.get(kind) ?? 0) + count);
      }
    },
    steps: () => steps,
    found,
    run: ({ payouts, seed }) => ({
      digest: digest.copy().digest('hex'),
      sentences,
      result: {
        payouts,
        seed,
        steps,
        faults: Object.fromEntries([...faults].sort(([a], [b]) => (a < b ? -1 : 1))),
        duplicates: counts.get('duplicates') ?? 0,
        paidButFailed: counts.get('paidButFailed') ?? 0,
        holdsLeaked: counts.get('holdsLeaked') ?? 0,
        imbalances: counts.get('imbalances') ?? 0,
        unterminated: counts.get('unterminated') ?? 0,
      },
    }),
  };
}
