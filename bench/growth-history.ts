import { createDatabase, type Database } from '../src/database/database.ts';
import {
  ATTEMPT_SPAN,
  balances,
  createPlan,
  fillPlan,
  payoutRows,
  tenantRows,
  type Shape,
} from './growth-rows.ts';

const YEAR_MS = 365 * 86_400_000;
/** Beyond this, more rows at a time make the load no faster. */
const AT_ONCE = 160_000;
const LOADERS = 2;
const PATIENCE_MS = 1_800_000;

/** One in fifty payouts is open, and at least as many as the operations that are measured take at a time. */
const OPEN_SHARE = 50;
const LEAST_OPEN = 2_400;

export interface HistoryPlan {
  /** A multiple of {@link ATTEMPT_SPAN}. */
  readonly payouts: number;
  readonly businesses: number;
  readonly detailEvery: number;
}

/** Fills a migrated, empty database with a year of payouts that ends an hour ago. */
export async function loadHistory(
  url: string,
  plan: HistoryPlan,
  tell: (progress: string) => void,
): Promise<Shape> {
  const shape = shapeOf(plan);
  // Rows that are made together need no check of each reference, and no wait for the disk at each step.
  const settings = {
    session_replication_role: 'replica',
    synchronous_commit: 'off',
    vacuum_buffer_usage_limit: '0',
  };
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const loadingUrl = `${url}?options=${encodeURIComponent(options.join(' '))}`;
  const database = createDatabase(loadingUrl, {
    maxConnections: LOADERS,
    statementTimeoutMs: PATIENCE_MS,
  });
  try {
    for (const statement of tenantRows(shape)) await database.query(statement);
    await loadPayouts(database, shape, tell);
    for (const statement of balances()) await database.query(statement);
    await database.query('DROP SCHEMA growth CASCADE');
    tell('vacuum');
    await vacuum(loadingUrl);
  } finally {
    await database.close();
  }
  return shape;
}

function shapeOf({ payouts, ...plan }: HistoryPlan): Shape {
  const most = Math.max(LEAST_OPEN, Math.floor(payouts / OPEN_SHARE));
  const stages = 4;
  const open = Math.ceil(most / ATTEMPT_SPAN / stages) * ATTEMPT_SPAN * stages;
  const stepMs = Math.floor(YEAR_MS / payouts);
  const endMs = Date.now() - 3_600_000;
  return { ...plan, payouts, open, startMs: endMs - payouts * stepMs, stepMs };
}

async function loadPayouts(
  database: Database,
  shape: Shape,
  tell: (progress: string) => void,
): Promise<void> {
  let next = 1;
  await atOnce(async (loader) => {
    const plan = `plan_${loader}`;
    await database.query(createPlan(plan));
    while (next <= shape.payouts) {
      const first = next;
      const last = Math.min(shape.payouts, first + AT_ONCE - 1);
      next = last + 1;
      await database.query(`TRUNCATE growth.${plan}`);
      await database.query(fillPlan(plan, shape), [first, last]);
      for (const [, statement] of payoutRows(plan)) await database.query(statement);
      tell(`${last} of ${shape.payouts} payouts`);
    }
  });
}

/** What autovacuum would have done over the year. */
async function vacuum(url: string): Promise<void> {
  const tables = await listTables(url);
  await atOnce(async () => {
    for (let table = tables.shift(); table !== undefined; table = tables.shift()) {
      await runByThemselves(url, [`VACUUM (ANALYZE, FREEZE) ${table}`]);
    }
  });
}

/** The largest first. */
async function listTables(url: string): Promise<string[]> {
  const database = createDatabase(url, { maxConnections: 1 });
  const rows = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
     ORDER BY pg_total_relation_size(oid) DESC`,
  );
  await database.close();
  return rows.map(({ name }) => name);
}

/** What may take long and cannot be part of a transaction. */
export async function runByThemselves(url: string, statements: readonly string[]): Promise<void> {
  const database = createDatabase(url, { maxConnections: 1, answerPatienceMs: PATIENCE_MS });
  try {
    for (const statement of ['SET statement_timeout = 0', ...statements]) {
      await database.query(statement);
    }
  } finally {
    await database.close();
  }
}

async function atOnce(work: (loader: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: LOADERS }, async (_, loader) => await work(loader)));
}
