import { systemClock } from '../src/base/clock.ts';
import { createIdSource } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { createDatabase } from '../src/database/database.ts';
import { compareRuns, type BenchResult, type Run } from './bench-result.ts';
import { askChild, startChild, type BenchChild } from './child.ts';
import { cpuSecondsOf, cpuSecondsOfMachine } from './cpu-time.ts';
import { countPayouts, requireBalancedBooks, requireStored } from './intake-check.ts';
import {
  keyedRequest,
  payoutRequest,
  startIntakeWorld,
  tokenRequest,
  type IntakeWorld,
} from './intake-world.ts';
import type { BareQuestion } from './load-bare.ts';
import type { HttpAnswers, HttpLoad, LoadRequest } from './load-http.ts';
import type { NaiveAnswers, NaiveLoad } from './load-naive.ts';
import type { PacedAnswers, PacedLoad } from './load-paced.ts';

export interface IntakePlan {
  readonly runs: number;
  readonly businesses: number;
  readonly warmUpSeconds: number;
  /** Of each part of a run. */
  readonly seconds: number;
  /** Where the API's profile is written. */
  readonly profileFolder: string | undefined;
}

const FULL: IntakePlan = {
  runs: 3,
  businesses: 1_000,
  warmUpSeconds: 2,
  seconds: 8,
  profileFolder: process.env['KNIT_BENCH_PROFILE'],
};

const CONNECTIONS = 64;
const NAIVE_CONNECTIONS = 16;
const NAIVE_ACCOUNTS = 1_000;

/** By the baseline's key the figure of ours that is compared with it. */
const OWN: Readonly<Record<string, string>> = {
  bareHttp: 'spread',
  pgNaive: 'spread',
  hotOverSpread: 'hot',
  p99OverP50: 'half-load/p99-ms',
};

/**
 * Payouts acknowledged per second over HTTP by one API process, each looked for in the database afterwards: of 1,000
 * businesses (`spread`) and of one (`hot`). Beside `spread`, in the same run: the same Fastify that gives the
 * same answer and does nothing (`bareHttp`), and five statements a payout on 16 connections without HTTP
 * (`pgNaive`), on tables of its own with primary keys alone, with prepared statements: the least work for that way
 * to do it. `p99OverP50` is of latencies at half the rate of `spread`.
 */
export async function measureIntake(
  tell: (progress: string) => void,
  plan: IntakePlan = FULL,
): Promise<BenchResult> {
  const world = await startIntakeWorld(plan);
  try {
    const naive = await prepareNaive(world);
    const bare = startChild<{ url: string }>('load-bare.ts', await readAnswer(world));
    try {
      const bench = { world, plan, tell, bare, bareUrl: (await bare.answer).url, naive };
      const runs: Run[] = [];
      for (let run = 1; run <= plan.runs; run += 1) {
        tell(`run ${run} of ${plan.runs}`);
        runs.push(await measureOnce(bench, run));
      }
      const unit = 'payouts per second; milliseconds where the key says so';
      return compareRuns({ name: 'intake', unit }, runs, (key) => OWN[key] ?? key);
    } finally {
      bare.stop();
    }
  } finally {
    await world.stop();
  }
}

interface IntakeBench {
  readonly world: IntakeWorld;
  readonly plan: IntakePlan;
  readonly tell: (progress: string) => void;
  readonly bare: BenchChild<{ url: string }>;
  readonly bareUrl: string;
  readonly naive: { readonly url: string; readonly accounts: readonly string[] };
}

/** Every other run goes the other way round, so that no part always comes after the same one. */
async function measureOnce(bench: IntakeBench, run: number): Promise<Run> {
  const { world } = bench;
  const tokens = await Promise.all(
    world.businesses.map(async (tenant) => await tokenRequest(world.database, tenant)),
  );
  const parts: Readonly<Record<string, () => Promise<number>>> = {
    bareHttp: async () => await measureBare(bench),
    spread: async () => await measureHttp(bench, 'spread', world.businesses.map(payoutRequest)),
    pgNaive: async () => await measureNaive(bench),
    hot: async () => await measureHttp(bench, 'hot', [payoutRequest(world.hot)]),
    'spread/keyed': async () =>
      await measureHttp(bench, 'spread/keyed', world.businesses.map(keyedRequest)),
    'spread/bearer': async () => await measureHttp(bench, 'spread/bearer', tokens),
  };
  const figures = new Map<string, number>();
  const names = Object.keys(parts);
  for (const name of run % 2 === 1 ? names : names.toReversed()) {
    figures.set(name, (await parts[name]?.()) ?? Number.NaN);
  }
  const figure = (name: string): number => figures.get(name) ?? Number.NaN;
  const { latencyMs } = await measurePaced(bench, run, figure('spread') / 2);
  const ours = new Map([
    ...[...figures].filter(([name]) => name !== 'bareHttp' && name !== 'pgNaive'),
    ['half-load/per-second', figure('spread') / 2] as const,
    ...Object.entries(latencyMs).map(([name, ms]) => [`half-load/${name}-ms`, ms] as const),
  ]);
  const baselines = new Map([
    ['bareHttp', figure('bareHttp')],
    ['pgNaive', figure('pgNaive')],
    ['hotOverSpread', figure('spread')],
    ['p99OverP50', latencyMs.p50],
  ]);
  return { ours, baselines };
}

async function measureHttp(
  bench: IntakeBench,
  name: string,
  requests: readonly LoadRequest[],
): Promise<number> {
  const { world } = bench;
  const before = await countPayouts(world.database);
  const load = { ...loadOf(bench, world.apiUrl, requests), uniqueIds: name === 'spread/keyed' };
  const { answer, cpu } = await watched(bench, async () => {
    return await askChild<HttpAnswers>('load-http.ts', load);
  });
  requireOnlyCreated(answer.statuses, answer);
  await requireStored(world.database, answer.ids);
  const created = (await countPayouts(world.database)) - before;
  const unanswered = created - answer.ids.length / 36;
  // The generator cuts its connections at the end of the warm-up and at the end.
  if (unanswered < 0 || unanswered > 2 * CONNECTIONS) {
    throw new Error(`${unanswered} payouts were created without an answer`);
  }
  await requireBalancedBooks(world.database, businessIdsOf(world));
  tellPart(bench, name, answer, cpu);
  return answer.created / answer.seconds;
}

async function measureBare(bench: IntakeBench): Promise<number> {
  const requests = bench.world.businesses.map(payoutRequest);
  const load = { ...loadOf(bench, bench.bareUrl, requests), uniqueIds: false };
  const { answer, cpu } = await watched(bench, async () => {
    return await askChild<HttpAnswers>('load-http.ts', load);
  });
  requireOnlyCreated(answer.statuses, answer);
  tellPart(bench, 'bareHttp', answer, cpu);
  return answer.created / answer.seconds;
}

async function measureNaive(bench: IntakeBench): Promise<number> {
  const { naive, plan } = bench;
  const { warmUpSeconds, seconds } = plan;
  const load: NaiveLoad = { ...naive, connections: NAIVE_CONNECTIONS, warmUpSeconds, seconds };
  const before = await countNaive(naive.url);
  const { answer, cpu } = await watched(bench, async () => {
    return await askChild<NaiveAnswers>('load-naive.ts', load);
  });
  const stored = (await countNaive(naive.url)) - before;
  if (stored !== answer.committedInAll) {
    throw new Error(`${stored} naive payouts of ${answer.committedInAll}`);
  }
  tellPart(bench, 'pgNaive', { ...answer, created: answer.committed }, cpu);
  return answer.committed / answer.seconds;
}

async function measurePaced(
  bench: IntakeBench,
  run: number,
  perSecond: number,
): Promise<PacedAnswers> {
  const { world, plan } = bench;
  const load: PacedLoad = {
    port: Number(new URL(world.apiUrl).port),
    connections: CONNECTIONS,
    perSecond,
    warmUpSeconds: plan.warmUpSeconds,
    seconds: plan.seconds,
    requests: world.businesses.map(payoutRequest),
    seed: run,
  };
  const { answer, cpu } = await watched(bench, async () => {
    return await askChild<PacedAnswers>('load-paced.ts', load);
  });
  requireOnlyCreated(answer.statuses, answer);
  await requireStored(world.database, answer.ids);
  await requireBalancedBooks(world.database, businessIdsOf(world));
  tellPart(bench, `half load, ${perSecond.toFixed(0)}/s`, { ...plan, ...answer }, cpu);
  return answer;
}

function loadOf(
  { plan }: IntakeBench,
  url: string,
  requests: readonly LoadRequest[],
): Omit<HttpLoad, 'uniqueIds'> {
  const { warmUpSeconds, seconds } = plan;
  return { url, connections: CONNECTIONS, warmUpSeconds, seconds, requests };
}

function businessIdsOf({ businesses, hot }: IntakeWorld): readonly string[] {
  return [...businesses, hot].map(({ businessId }) => businessId);
}

/** A load that is refused in part is no measurement of what is accepted. */
function requireOnlyCreated(
  statuses: Readonly<Record<string, number>>,
  { ids, ...answers }: { readonly ids: string; readonly errors?: number },
): void {
  const answered = statuses['201'] ?? 0;
  const isClean = Object.keys(statuses).join() === '201' && (answers.errors ?? 0) === 0;
  if (!isClean || ids.length !== answered * 36) {
    throw new Error(`answers: ${JSON.stringify({ ...statuses, ...answers })}`);
  }
}

interface CpuUse {
  readonly api: number;
  readonly postgres: number;
  readonly bare: number;
  readonly machine: number;
  readonly seconds: number;
}

/** Does it on a database that has nothing left to do from before, and sees what CPU time is used meanwhile. */
async function watched<Answer>(
  bench: IntakeBench,
  act: () => Promise<Answer>,
): Promise<{ answer: Answer; cpu: CpuUse }> {
  await settleDown(bench.world);
  const before = readCpu(bench);
  const answer = await act();
  const after = readCpu(bench);
  const cpu = {
    api: after.api - before.api,
    postgres: after.postgres - before.postgres,
    bare: after.bare - before.bare,
    machine: after.machine - before.machine,
    seconds: after.seconds - before.seconds,
  };
  return { answer, cpu };
}

function readCpu({ world, bare }: IntakeBench): CpuUse {
  return {
    api: cpuSecondsOf(world.apiPid),
    postgres: cpuSecondsOf(world.databasePid),
    bare: cpuSecondsOf(bare.pid),
    machine: cpuSecondsOfMachine(),
    seconds: performance.now() / 1_000,
  };
}

const VACUUM_PATIENCE_MS = 20_000;

/** Neither the pages that a part has left to write nor the vacuum of its rows may burden the next one. */
async function settleDown({ database }: IntakeWorld): Promise<void> {
  await database.query('CHECKPOINT');
  const giveUpAt = Date.now() + VACUUM_PATIENCE_MS;
  while (Date.now() < giveUpAt) {
    const busy = await database.query(
      `SELECT 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'`,
    );
    if (busy.length === 0) return;
    await systemClock.sleep(200);
  }
}

function tellPart(
  { tell, plan }: IntakeBench,
  name: string,
  answer: {
    readonly created: number;
    readonly seconds: number;
    readonly cpuSeconds: number;
    readonly wholeCpuSeconds: number;
    readonly latencyMs?: Readonly<Record<string, number>>;
  },
  cpu: CpuUse,
): void {
  const { created, seconds, cpuSeconds, wholeCpuSeconds, latencyMs = {} } = answer;
  // CPU is of the warm-up too, so that the payouts of both share it.
  const all = created * (1 + plan.warmUpSeconds / plan.seconds);
  const micros = (used: number, count = all): string => `${((used * 1e6) / count).toFixed(0)} µs`;
  const own = cpu.api + cpu.postgres + cpu.bare + wholeCpuSeconds;
  const parts = [
    `${name}: ${(created / seconds).toFixed(0)}/s`,
    ...Object.entries(latencyMs).map(([key, ms]) => `${key} ${ms.toFixed(1)} ms`),
    `CPU each: API ${micros(cpu.api)}, PostgreSQL ${micros(cpu.postgres)}`,
    `bare server ${micros(cpu.bare)}, this end ${micros(cpuSeconds, created)}`,
    `cores busy ${(cpu.machine / cpu.seconds).toFixed(2)}, by these ${(own / cpu.seconds).toFixed(2)}`,
  ];
  tell(`  ${parts.join(', ')}`);
}

/** One answer of the API, for the bare server to repeat. Headers of the connection are the server's own. */
async function readAnswer(world: IntakeWorld): Promise<BareQuestion> {
  const { headers, body } = payoutRequest(world.hot);
  const answer = await fetch(`${world.apiUrl}/api/v1/payouts`, { method: 'POST', headers, body });
  if (answer.status !== 201) throw new Error(await answer.text());
  const own = ['connection', 'keep-alive', 'date', 'content-length'];
  const kept = [...answer.headers].filter(([name]) => !own.includes(name));
  return { status: 201, headers: Object.fromEntries(kept), body: await answer.text() };
}

const NAIVE_TABLES = [
  `CREATE TABLE accounts (account_id uuid PRIMARY KEY, balance_units numeric(78, 0) NOT NULL,
     held_units numeric(78, 0) NOT NULL CHECK (held_units <= balance_units))`,
  `CREATE TABLE payouts (payout_id uuid PRIMARY KEY, account_id uuid NOT NULL, network text NOT NULL,
     token text NOT NULL, units numeric(78, 0) NOT NULL, to_address text NOT NULL, status text NOT NULL,
     created_at timestamptz NOT NULL)`,
  `CREATE TABLE entries (payout_id uuid NOT NULL, side text NOT NULL, account_id uuid NOT NULL,
     units numeric(78, 0) NOT NULL, created_at timestamptz NOT NULL, PRIMARY KEY (payout_id, side))`,
  `CREATE TABLE outbox (item_id uuid PRIMARY KEY, payload jsonb NOT NULL, created_at timestamptz NOT NULL)`,
];

/** A database of its own on the same server. */
async function prepareNaive({ database, databaseUrl }: IntakeWorld): Promise<IntakeBench['naive']> {
  await database.query('CREATE DATABASE naive');
  const url = databaseUrl.replace(/\/postgres$/, '/naive');
  const naive = createDatabase(url, { maxConnections: 1 });
  try {
    for (const table of NAIVE_TABLES) await naive.query(table);
    const ids = createIdSource(systemClock, systemRandom);
    const accounts = Array.from({ length: NAIVE_ACCOUNTS }, () => ids.next());
    await naive.query(
      `INSERT INTO accounts SELECT id, 1000000000000000000000000000, 0 FROM unnest($1::uuid[]) AS t (id)`,
      [accounts],
    );
    await naive.query('VACUUM (ANALYZE)');
    return { url, accounts };
  } finally {
    await naive.close();
  }
}

async function countNaive(url: string): Promise<number> {
  const naive = createDatabase(url, { maxConnections: 1 });
  try {
    const [row] = await naive.query<{ count: bigint }>('SELECT count(*) AS count FROM outbox');
    return Number(row?.count);
  } finally {
    await naive.close();
  }
}
