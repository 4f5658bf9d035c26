import { createHash } from 'node:crypto';
import type { NetworkId } from '../../src/money/asset.ts';
import { familyOf, type NetworkFamily } from '../../src/networks/family.ts';
import { FINDING_KINDS, type FindingKind } from './findings.ts';
import type { Plant } from './plant.ts';
import { runWorld, type WorldResult } from './run-world.ts';
import type { WorldServer } from './server.ts';

export interface RunOptions {
  readonly payouts: number;
  /** A whole number of at most 15 digits. */
  readonly seed: number;
  readonly network: NetworkId;
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

/**
 * Larger runs are made of worlds of this many payouts, each with another seed and other troubles. A chain that
 * really executes what it is sent, or pays one payout in a transaction, takes more time for each.
 */
const WORLD_PAYOUTS: Readonly<Record<NetworkFamily, number>> = {
  evm: 20_000,
  tron: 300,
  solana: 1_000,
  bitcoin: 1_000,
};

/** While one waits for the database, another computes. They share nothing. */
const WORLDS_AT_ONCE = 2;

/** Runs as many worlds as the payouts need. The first has the run's own seed. */
export async function run(server: WorldServer, options: RunOptions): Promise<Run> {
  const { payouts, seed, progress = () => undefined } = options;
  const worlds = worldsOf(options);
  const results: WorldResult[] = [];
  const totals = createTotals();
  let done = 0;
  let next = 0;
  const runOn = async (): Promise<void> => {
    for (;;) {
      const index = next;
      const world = worlds[index];
      if (world === undefined) return;
      if (options.stopAtFirst === true && totals.found() > 0) return;
      next += 1;
      const result = await runOnce(server, world);
      results[index] = result;
      totals.add(result);
      done += world.payouts;
      if (result.sentences.length > 0) {
        for (const line of [...result.log.slice(-5), ...result.sentences]) progress(line);
        progress(`Again: ${commandOf(world)}`);
      }
      progress(`${done} of ${payouts} payouts, ${totals.steps()} steps, ${totals.found()} found`);
    }
  };
  await Promise.all(Array.from({ length: WORLDS_AT_ONCE }, runOn));
  const inOrder = results.filter((result) => result !== undefined);
  const digest = createHash('sha256');
  for (const result of inOrder) digest.update(result.digest);
  return {
    result: { payouts, seed, ...totals.result() },
    digest: digest.digest('hex'),
    sentences: inOrder.flatMap(({ sentences }) => sentences),
  };
}

function worldsOf(options: RunOptions): RunOptions[] {
  const { payouts, seed, network } = options;
  const most = WORLD_PAYOUTS[familyOf(network)];
  const count = Math.ceil(payouts / most);
  return Array.from({ length: count }, (_, index) => ({
    ...options,
    payouts: Math.min(most, payouts - index * most),
    seed: worldSeed(seed, index),
  }));
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
  readonly result: () => Omit<RunResult, 'payouts' | 'seed'>;
}

function createTotals(): Totals {
  const counts = new Map<FindingKind, number>();
  const faults = new Map<string, number>();
  let steps = 0;
  const countOf = (kind: FindingKind): number => counts.get(kind) ?? 0;
  return {
    add: (result) => {
      steps += result.steps;
      for (const kind of FINDING_KINDS) counts.set(kind, countOf(kind) + result.counts[kind]);
      for (const [kind, count] of Object.entries(result.faults)) {
        faults.set(kind, (faults.get(kind) ?? 0) + count);
      }
    },
    steps: () => steps,
    found: () => FINDING_KINDS.reduce((sum, kind) => sum + countOf(kind), 0),
    result: () => ({
      steps,
      faults: Object.fromEntries([...faults].sort(([a], [b]) => (a < b ? -1 : 1))),
      duplicates: countOf('duplicates'),
      paidButFailed: countOf('paidButFailed'),
      holdsLeaked: countOf('holdsLeaked'),
      imbalances: countOf('imbalances'),
      unterminated: countOf('unterminated'),
    }),
  };
}
