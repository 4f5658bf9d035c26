import { createDatabase, type Database } from '../src/database/database.ts';
import { checkBooks } from '../src/ledger/check-books.ts';
import { startBenchDatabase } from './bench-database.ts';
import { compareRuns, median, type BenchResult, type Run } from './bench-result.ts';
import { loadHistory, runByThemselves, type HistoryPlan } from './growth-history.ts';
import { OPERATIONS, type GrownDatabase, type Operation } from './growth-operations.ts';

export interface GrowthPlan {
  readonly few: number;
  readonly many: number;
  readonly businesses: number;
  readonly detailEvery: number;
  readonly runs: number;
  /** Before the first run, so that what is asked for is in the server's memory as what is young is in production. */
  readonly warmUpTurns: number;
  /** Of each operation on each database in a run; the median of them counts. */
  readonly turns: number;
}

/**
 * Set, `KNIT_BENCH_PAYOUTS` takes the place of ten million, and `KNIT_BENCH_DETAIL_EVERY` of 8: of the payouts
 * that have ended, one in so many has its answer and rows of settlement and webhooks too. With all of them ten million
 * take more room than the machine has memory.
 */
const FULL: GrowthPlan = {
  few: 10_000,
  many: Number(process.env['KNIT_BENCH_PAYOUTS'] ?? 10_000_000),
  businesses: 101,
  detailEvery: Number(process.env['KNIT_BENCH_DETAIL_EVERY'] ?? 8),
  runs: 3,
  warmUpTurns: 500,
  turns: 150,
};

/** Of a machine with 8 GB and more, as PostgreSQL's manual advises; the standard ones are of one with 1 GB. */
const MEMORY = { shared_buffers: '2GB', max_wal_size: '8GB' };

/** What a load of a year within minutes cannot wait for. Production has it, and so have the operations. */
const WHILE_LOADING = ['full_page_writes', 'autovacuum'];

/**
 * What each operation takes beside ten million payouts and beside ten thousand, in microseconds: two databases
 * of one server, the same process, by turns. Half of the payouts are one business's, and it is the one that
 * asks. Both have work waiting, the larger one some eighty times as much. What is read is drawn from the six thousand
 * youngest, but for `get/any-age`: of that, most pages have to be fetched into the server's memory first.
 */
export async function measureGrowth(
  tell: (progress: string) => void,
  plan: GrowthPlan = FULL,
): Promise<BenchResult> {
  const server = await startBenchDatabase(MEMORY);
  const opened: Database[] = [];
  try {
    const grow = async (name: string, payouts: number): Promise<GrownDatabase> => {
      const history = { ...plan, payouts };
      const world = await growDatabase(server.url, name, { history, tell });
      opened.push(world.database);
      return world;
    };
    await forLoading(server.url, true);
    const few = await grow('few', plan.few);
    const many = await grow('many', plan.many);
    await forLoading(server.url, false);
    await measureRun({ few, many, firstTurn: 0 }, plan.warmUpTurns);
    tell('warm');
    const runs: Run[] = [];
    for (let run = 0; run < plan.runs; run += 1) {
      runs.push(await measureRun({ few, many, firstTurn: (run + 1) * 10_000 }, plan.turns));
      tell(`run ${run + 1} of ${plan.runs}`);
    }
    await requireBalancedBooks([few.url, many.url]);
    return compareRuns({ name: 'growth', unit: 'microseconds' }, runs, (key) => key);
  } finally {
    for (const database of opened) await database.close();
    await server.stop();
  }
}

/** A database of the server, made from the one that is migrated and empty. */
async function growDatabase(
  serverUrl: string,
  name: string,
  of: { readonly history: HistoryPlan; readonly tell: (progress: string) => void },
): Promise<GrownDatabase> {
  await runByThemselves(serverUrl, [`CREATE DATABASE ${name} TEMPLATE postgres`]);
  const url = serverUrl.replace(/\/postgres$/, `/${name}`);
  const start = performance.now();
  const shape = await loadHistory(url, of.history, of.tell);
  const database = createDatabase(url, { maxConnections: 1 });
  const [business] = await database.query<{ business: string; user: string; endpoint: string }>(
    `SELECT b.business_id AS business, u.user_id AS user, e.endpoint_id AS endpoint
     FROM businesses b JOIN users u ON u.business_id = b.business_id
     JOIN webhook_endpoints e ON e.business_id = b.business_id WHERE b.name = 'Business 0'`,
  );
  if (business === undefined) throw new Error('the history has no first business');
  const [size] = await database.query<{ megabytes: bigint }>(
    'SELECT pg_database_size(current_database()) / 1000000 AS megabytes',
  );
  const seconds = Math.round((performance.now() - start) / 1_000);
  of.tell(`${shape.payouts} payouts: ${size?.megabytes} MB, loaded in ${seconds} s`);
  const ids = { businessId: business.business, userId: business.user };
  return { url, database, shape, ...ids, endpointId: business.endpoint };
}

async function forLoading(serverUrl: string, isLoading: boolean): Promise<void> {
  const change = (name: string): string =>
    isLoading ? `ALTER SYSTEM SET ${name} = off` : `ALTER SYSTEM RESET ${name}`;
  // What is written back later would be written while something is measured.
  const after = isLoading ? [] : ['CHECKPOINT'];
  await runByThemselves(serverUrl, [
    ...WHILE_LOADING.map(change),
    'SELECT pg_reload_conf()',
    ...after,
  ]);
}

interface Pair {
  readonly few: GrownDatabase;
  readonly many: GrownDatabase;
  readonly firstTurn: number;
}

async function measureRun(pair: Pair, turns: number): Promise<Run> {
  const ours = new Map<string, number>();
  const baselines = new Map<string, number>();
  for (const [name, operation] of OPERATIONS) {
    const took = await measureOperation(pair, { name, operation, turns });
    ours.set(name, took.many);
    baselines.set(name, took.few);
  }
  return { ours, baselines };
}

/** Medians, of turns that take place on both databases one after the other, now this first and now that. */
async function measureOperation(
  { few, many, firstTurn }: Pair,
  of: { readonly name: string; readonly operation: Operation; readonly turns: number },
): Promise<{ few: number; many: number }> {
  const took = { few: [] as number[], many: [] as number[] };
  for (let turn = firstTurn; turn < firstTurn + of.turns; turn += 1) {
    const isFewFirst = turn % 2 === 0;
    const first = await of.operation(isFewFirst ? few : many, turn);
    const second = await of.operation(isFewFirst ? many : few, turn);
    requireSame(of.name, first.found, second.found);
    took.few.push((isFewFirst ? first : second).ms * 1_000);
    took.many.push((isFewFirst ? second : first).ms * 1_000);
  }
  return { few: median(took.few), many: median(took.many) };
}

/** What finds less takes less. */
function requireSame(name: string, found: number, foundToo: number): void {
  if (found !== foundToo) {
    throw new Error(`${name} found ${found} and ${foundToo}: these do not compare`);
  }
  if (found === 0 && !MAY_FIND_NOTHING.has(name)) throw new Error(`${name} found nothing`);
}

/** All others have something to find at every turn. */
const MAY_FIND_NOTHING: ReadonlySet<string> = new Set(['list/nothing', 'settlement/report']);

/** Of every business, with what was created meanwhile. */
async function requireBalancedBooks(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    const database = createDatabase(url, { statementTimeoutMs: 600_000 });
    try {
      const businesses = await database.query<{ business_id: string }>(
        'SELECT business_id FROM businesses',
      );
      for (const { business_id: businessId } of businesses) {
        const problems = await checkBooks(database, businessId);
        if (problems.length > 0) throw new Error(problems.join('; '));
      }
    } finally {
      await database.close();
    }
  }
}
