import { availableParallelism, cpus } from 'node:os';

/** What a bench prints as the last line on stdout. */
export interface BenchResult {
  readonly name: string;
  readonly unit: string;
  /** By what was measured: "existing/USDT/50". */
  readonly ours: Readonly<Record<string, number>>;
  /** By whose figure it is and what was measured: "plain/existing/USDT/50". */
  readonly baselines: Readonly<Record<string, number>>;
  /** Ours divided by the baseline of the same key. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly runs: number;
  readonly machine: string;
  /** Where runs differ: the least and the greatest of each figure that is a median above. */
  readonly spreads?: Readonly<Record<'ours' | 'baselines' | 'ratios', Spreads>>;
}

export type Spreads = Readonly<Record<string, readonly [least: number, greatest: number]>>;

/** What one run measured. Baselines are named "<whose>/<key of ours>". */
export interface Run {
  readonly ours: ReadonlyMap<string, number>;
  readonly baselines: ReadonlyMap<string, number>;
}

export type Bench = (tell: (progress: string) => void) => Promise<BenchResult>;

/** The result of a bench whose baselines are named "<whose>/<key of ours>". */
export function compare(
  about: Pick<BenchResult, 'name' | 'unit' | 'runs'>,
  ours: ReadonlyMap<string, number>,
  baselines: ReadonlyMap<string, number>,
): BenchResult {
  return resultOf(about, { ours, baselines }, afterWhose);
}

function resultOf(
  about: Pick<BenchResult, 'name' | 'unit' | 'runs'>,
  run: Run,
  ownKeyOf: OwnKeyOf,
): BenchResult {
  return {
    ...about,
    ours: figures(run.ours),
    baselines: figures(run.baselines),
    ratios: figures(ratiosOf(run, ownKeyOf), 4),
    machine: describeMachine(),
  };
}

/** By a baseline's key the key of ours that is divided by it. */
export type OwnKeyOf = (key: string) => string;

const afterWhose: OwnKeyOf = (key) => key.slice(key.indexOf('/') + 1);

/** The medians of several runs that measured the same, with how far the runs were apart. */
export function compareRuns(
  about: Pick<BenchResult, 'name' | 'unit'>,
  runs: readonly Run[],
  ownKeyOf: OwnKeyOf = afterWhose,
): BenchResult {
  const ours = gather(runs.map((run) => run.ours));
  const baselines = gather(runs.map((run) => run.baselines));
  const whole = { ours: medians(ours), baselines: medians(baselines) };
  const result = resultOf({ ...about, runs: runs.length }, whole, ownKeyOf);
  const spreads = {
    ours: spread(ours, 1),
    baselines: spread(baselines, 1),
    ratios: spread(gather(runs.map((run) => ratiosOf(run, ownKeyOf))), 4),
  };
  return { ...result, spreads };
}

function ratiosOf({ ours, baselines }: Run, ownKeyOf: OwnKeyOf): Map<string, number> {
  const ratios = [...baselines].map(([key, figure]) => {
    const own = ours.get(ownKeyOf(key));
    if (own === undefined) throw new Error(`${key} is compared with nothing`);
    return [key, own / figure] as const;
  });
  return new Map(ratios);
}

function gather(
  runs: readonly ReadonlyMap<string, number>[],
): ReadonlyMap<string, readonly number[]> {
  const keys = new Set(runs.flatMap((run) => [...run.keys()]));
  return new Map(
    [...keys].map((key) => [
      key,
      runs.flatMap((run) => {
        const figure = run.get(key);
        return figure === undefined ? [] : [figure];
      }),
    ]),
  );
}

function medians(of: ReadonlyMap<string, readonly number[]>): Map<string, number> {
  return new Map([...of].map(([key, all]) => [key, median(all)]));
}

function spread(of: ReadonlyMap<string, readonly number[]>, digits: number): Spreads {
  return Object.fromEntries(
    [...of].map(([key, all]) => {
      const ends = [rounded(Math.min(...all), digits), rounded(Math.max(...all), digits)] as const;
      return [key, ends];
    }),
  );
}

/** The result of a bench with one figure of ours, and baselines named by whose they are. */
export function compareOne(
  about: Pick<BenchResult, 'name' | 'unit' | 'runs'>,
  ours: { readonly key: string; readonly figure: number },
  baselines: ReadonlyMap<string, number>,
): BenchResult {
  const ratios = [...baselines].map(
    ([whose, figure]) => [whose, rounded(ours.figure / figure, 4)] as const,
  );
  return {
    ...about,
    ours: figures(new Map([[ours.key, ours.figure]])),
    baselines: figures(baselines),
    ratios: Object.fromEntries(ratios),
    machine: describeMachine(),
  };
}

/** Of an odd number of figures the middle one, else the lower of the two. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (middle === undefined) throw new Error('no figures');
  return middle;
}

function figures(of: ReadonlyMap<string, number>, digits = 1): Record<string, number> {
  return Object.fromEntries([...of].map(([key, figure]) => [key, rounded(figure, digits)]));
}

function rounded(figure: number, digits: number): number {
  return Number(figure.toFixed(digits));
}

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${availableParallelism()} cores, ${model}, ${process.platform}, Node.js ${process.versions.node}`;
}
