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
}

export type Bench = (tell: (progress: string) => void) => Promise<BenchResult>;

/** The result of a bench whose baselines are named "<whose>/<key of ours>". */
export function compare(
  about: Pick<BenchResult, 'name' | 'unit' | 'runs'>,
  ours: ReadonlyMap<string, number>,
  baselines: ReadonlyMap<string, number>,
): BenchResult {
  const ratios = [...baselines].map(([key, figure]) => {
    const own = ours.get(key.slice(key.indexOf('/') + 1));
    if (own === undefined) throw new Error(`${key} is compared with nothing`);
    return [key, rounded(own / figure, 4)] as const;
  });
  return {
    ...about,
    ours: figures(ours),
    baselines: figures(baselines),
    ratios: Object.fromEntries(ratios),
    machine: describeMachine(),
  };
}

function figures(of: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...of].map(([key, figure]) => [key, rounded(figure, 1)]));
}

function rounded(figure: number, digits: number): number {
  return Number(figure.toFixed(digits));
}

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${availableParallelism()} cores, ${model}, ${process.platform}, Node.js ${process.versions.node}`;
}
