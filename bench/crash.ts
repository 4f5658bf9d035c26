import { systemClock } from '../src/base/clock.ts';
import { startTestChain } from '../test/harness/chain.ts';
import type { KnitService } from '../test/harness/knit-service.ts';
import { payOnAnvil } from '../test/harness/paying-anvil.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from '../test/harness/platform.ts';
import { createSeededRandom, type SeededRandom } from '../test/harness/seeded-random.ts';
import { startBenchDatabase } from './bench-database.ts';
import { compareRuns, type BenchResult } from './bench-result.ts';
import {
  whatIsGone,
  whatIsLost,
  whatIsWrongInBooks,
  whatNobodyOrdered,
  whatWasPaidWrongly,
} from './crash-check.ts';
import { startInsistentClients, type InsistentClients } from './insistent-clients.ts';
import { killablePostgres, type KillablePostgres } from './killable-postgres.ts';

export interface CrashPlan {
  readonly rounds: number;
  readonly clients: number;
  readonly merchants: number;
  readonly seed: number;
}

const FULL: CrashPlan = { rounds: 50, clients: 64, merchants: 20, seed: 1 };

/** What is killed in a round, each with SIGKILL. */
const HARMS = ['api', 'worker', 'postgres', 'backend', 'api+postgres', 'all'] as const;
type Harm = (typeof HARMS)[number];

const CHAIN = { blockTimeSeconds: 0.2, blockGasLimit: 100_000_000 } as const;
/** Acknowledged in a round before anything is killed, so that it is under load, and after. */
const BEFORE = 100;
const AFTER = 100;
const LONGEST_LOAD_MS = 1_500;
const LONGEST_ABSENCE_MS = 300;
const ASKED_AGAIN = 20;

/**
 * API, worker and PostgreSQL are killed under full load, again and again, and started again. Each time every payout
 * that was ever acknowledged is looked for, those of the round with all that belongs to them, the books are checked,
 * and some are asked for again by their keys; at the end all are looked at closely, and the chain is asked whom it
 * paid. Throws at the first one that is wrong.
 * SIGKILL takes processes, not the operating system's memory: it stands for a crash, not for a power cut.
 */
export async function measureCrash(
  tell: (progress: string) => void,
  plan: CrashPlan = FULL,
): Promise<BenchResult> {
  const chain = await startTestChain(CHAIN);
  try {
    const postgres = killablePostgres(await startBenchDatabase());
    try {
      const paying = await payOnAnvil(chain, PLATFORM_MNEMONIC);
      const { merchants } = plan;
      const platform = await createPlatform({
        databaseUrl: postgres.url,
        chain: paying,
        merchants,
      });
      try {
        return await crashOn({ platform, postgres, plan, tell });
      } finally {
        await platform.close();
      }
    } finally {
      await postgres.stop();
    }
  } finally {
    await chain.stop();
  }
}

interface CrashWorld {
  readonly platform: Platform;
  readonly postgres: KillablePostgres;
  readonly plan: CrashPlan;
  readonly tell: (progress: string) => void;
}

async function crashOn(world: CrashWorld): Promise<BenchResult> {
  const { platform, plan } = world;
  const random = createSeededRandom(plan.seed);
  const services = { api: await platform.startApi(), worker: platform.startWorker() };
  await services.worker.said('settlement is ready');
  const clients = startInsistentClients(platform, {
    random: random.fork('clients'),
    clients: plan.clients,
  });
  try {
    const killed = await killInRounds(world, { services, clients, random });
    await clients.stop();
    return await concluded(world, clients, killed);
  } catch (error) {
    await clients.leave();
    throw error;
  }
}

/** Gives how often what was killed. */
async function killInRounds(
  world: CrashWorld,
  about: {
    readonly services: { api: KnitService; worker: KnitService };
    readonly clients: InsistentClients;
    readonly random: SeededRandom;
  },
): Promise<ReadonlyMap<string, number>> {
  const { plan, tell } = world;
  const { services, clients, random } = about;
  const killed = new Map<string, number>();
  let looked = 0;
  for (let round = 1; round <= plan.rounds; round += 1) {
    // Each of them once, and then whichever.
    const harm = HARMS[round - 1] ?? random.pick(HARMS);
    await clients.untilMore(BEFORE);
    // A process that finds no database when it starts ends, and whoever watches over it starts it again.
    await services.worker.said('settlement is ready');
    await systemClock.sleep(random.between(0, LONGEST_LOAD_MS));
    const from = performance.now();
    await killAndStartAgain(world, services, { harm, random });
    await clients.untilMore(AFTER);
    const seconds = (performance.now() - from) / 1_000;
    for (const victim of victimsOf(harm)) killed.set(victim, (killed.get(victim) ?? 0) + 1);
    looked = await lookAtAll(world, { clients, random, from: looked });
    const answered = [...clients.answers].map(([name, times]) => `${times} ${name}`).join(', ');
    tell(
      `round ${round}, ${harm} killed: back after ${seconds.toFixed(1)} s, ` +
        `${clients.acknowledged.length} acknowledged and found (answers: ${answered})`,
    );
  }
  return killed;
}

async function concluded(
  { platform, tell }: CrashWorld,
  clients: InsistentClients,
  killed: ReadonlyMap<string, number>,
): Promise<BenchResult> {
  const { acknowledged, answers } = clients;
  requireNothingWrong([
    ...(await whatIsLost(platform, acknowledged)),
    ...(await whatIsWrongInBooks(platform)),
    ...(await whatNobodyOrdered(platform, acknowledged)),
    ...(await whatWasPaidWrongly(platform, acknowledged)),
  ]);
  const [row] = await platform.database.query<{ completed: bigint }>(
    `SELECT count(*) AS completed FROM payouts WHERE status = 'COMPLETED'`,
  );
  tell(
    `${acknowledged.length} acknowledged, ${row?.completed} of them paid by the end, ` +
      `${clients.heardLate()} created without an answer and then heard of by their keys`,
  );
  const ours = new Map([
    ['found', acknowledged.length],
    ['heard-late', clients.heardLate()],
    ['completed', Number(row?.completed)],
    ...[...killed].map(([victim, times]) => [`killed/${victim}`, times] as const),
    ...[...answers].map(([name, times]) => [`answers/${name}`, times] as const),
  ]);
  const baselines = new Map([['acknowledged', acknowledged.length]]);
  return compareRuns({ name: 'crash', unit: 'payouts' }, [{ ours, baselines }], () => 'found');
}

function victimsOf(harm: Harm): readonly string[] {
  switch (harm) {
    case 'api':
    case 'worker':
    case 'postgres':
      return [harm];
    case 'backend':
      return ['backend of postgres'];
    case 'api+postgres':
      return ['api', 'postgres'];
    case 'all':
      return ['api', 'worker', 'postgres'];
  }
}

/** Those that are not killed must live: they go through an absence of the database by themselves. */
async function killAndStartAgain(
  { platform, postgres }: CrashWorld,
  services: { api: KnitService; worker: KnitService },
  { harm, random }: { readonly harm: Harm; readonly random: SeededRandom },
): Promise<void> {
  const victims = victimsOf(harm);
  requireAlive(services);
  const has = (victim: string): boolean => victims.includes(victim);
  if (harm === 'backend') {
    postgres.killOneBackend();
    await postgres.untilReady();
    return;
  }
  await Promise.all([
    ...(has('api') ? [services.api.end('SIGKILL')] : []),
    ...(has('worker') ? [services.worker.end('SIGKILL')] : []),
    ...(has('postgres') ? [postgres.killAll()] : []),
  ]);
  await systemClock.sleep(random.between(0, LONGEST_ABSENCE_MS));
  if (has('postgres')) await postgres.startAgain();
  if (has('api')) services.api = await platform.startApi();
  if (has('worker')) services.worker = platform.startWorker();
}

function requireAlive(services: { readonly api: KnitService; readonly worker: KnitService }): void {
  for (const [name, { child, lines }] of Object.entries(services)) {
    if (child.exitCode === null && child.signalCode === null) continue;
    throw new Error(`the ${name} has ended by itself: ${lines.slice(-5).join('\n')}`);
  }
}

/** While the clients go on. At those from `from` on closely; gives how many were looked at. */
async function lookAtAll(
  { platform }: CrashWorld,
  about: {
    readonly clients: InsistentClients;
    readonly random: SeededRandom;
    readonly from: number;
  },
): Promise<number> {
  const { clients, random, from } = about;
  const acknowledged = [...clients.acknowledged];
  const asked = Array.from({ length: ASKED_AGAIN }, async () => {
    return await clients.askAgain(random.pick(acknowledged));
  });
  requireNothingWrong([
    ...(await whatIsGone(platform, acknowledged)),
    ...(await whatIsLost(platform, acknowledged.slice(from))),
    ...(await whatIsWrongInBooks(platform)),
    ...(await Promise.all(asked)).filter((problem) => problem !== undefined),
  ]);
  return acknowledged.length;
}

const TOLD = 10;

function requireNothingWrong(wrong: readonly string[]): void {
  if (wrong.length === 0) return;
  throw new Error(`${wrong.length} promises broken: ${wrong.slice(0, TOLD).join('; ')}`);
}
