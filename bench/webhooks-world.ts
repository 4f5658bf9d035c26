import { setTimeout as sleep } from 'node:timers/promises';
import { later, systemClock } from '../src/base/clock.ts';
import { createIdSource } from '../src/base/id.ts';
import { silentLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { createDatabase, type Database } from '../src/database/database.ts';
import { appendAll } from '../src/outbox/outbox.ts';
import { EVENT_TOPIC } from '../src/payouts/outbox-topics.ts';
import { createEndpoint, type Endpoint } from '../src/webhooks/endpoint.ts';
import { createFanOut } from '../src/webhooks/fan-out-events.ts';
import { startBenchDatabase } from './bench-database.ts';
import { startChild, type BenchChild } from './child.ts';
import type { WebhookLoad } from './load-webhooks.ts';

/** A webhook worker and a receiver, each a process, on a PostgreSQL of their own. */
export interface WebhooksWorld {
  readonly database: Database;
  readonly pids: Readonly<Record<'worker' | 'postgres' | 'receiver', number>>;
  /** "127.0.0.1:port" of the receiver. */
  readonly target: string;
  /** One business each, told of successes at a path of its own. */
  readonly endpoints: readonly Endpoint[];
  /** Of one more business, at a place that is dead. */
  newEndpoint(url: string): Promise<Endpoint>;
  /** Stops the worker and makes completed payouts that are to be told of. */
  prepare(order: Order): Promise<void>;
  /** Lets the worker go on. Gives what came in since, looked at every few milliseconds until it is enough. */
  watch(isEnough: (seen: Seen) => boolean): Promise<readonly Seen[]>;
  /** How many deliveries are recorded as delivered, of all. */
  countDelivered(): Promise<number>;
  stop(): Promise<void>;
}

export interface Order {
  readonly endpoints: readonly Endpoint[];
  /** Of each endpoint's business. */
  readonly count: number;
  /** Whether the deliveries have been queued before, so that the worker does not make them of events. */
  readonly queued: boolean;
}

export interface Seen {
  readonly atMs: number;
  /** By path. */
  readonly counts: ReadonlyMap<string, number>;
}

const MASTER_KEY = new Uint8Array(32).fill(0x11);
const PATIENCE_MS = 180_000;
const LOOK_EVERY_MS = 20;
const ROWS_AT_ONCE = 2_000;

const ids = createIdSource(systemClock, systemRandom);
const deps = { ids, clock: systemClock, random: systemRandom, log: silentLog };

/** With `profileFolder` the worker writes what its CPU time was spent on there when it ends. */
export async function startWebhooksWorld(about: WorldPlan): Promise<WebhooksWorld> {
  const server = await startBenchDatabase();
  const database = createDatabase(server.url, { maxConnections: 4 });
  const receiver = startChild<{ target: string }>('load-receiver.ts', {});
  const stop = async (): Promise<void> => {
    receiver.stop();
    await database.close();
    await server.stop();
  };
  try {
    const { target } = await receiver.answer;
    const allowed = [target, ...about.allowed];
    const endpoints: Endpoint[] = [];
    for (let made = 0; made < about.endpoints; made += 1) {
      endpoints.push(await createTenant(database, allowed, `http://${target}/${made}`));
    }
    const worker = await startWorker(about, { databaseUrl: server.url, allowedTargets: allowed });
    return {
      database,
      pids: { worker: worker.pid, postgres: server.pid, receiver: receiver.pid },
      target,
      endpoints,
      newEndpoint: async (url) => await createTenant(database, allowed, url),
      prepare: async (order) => await prepare(database, worker.pid, order),
      watch: async (isEnough) => {
        const before = await readCounts(target);
        process.kill(worker.pid, 'SIGCONT');
        return await watch(target, before, isEnough);
      },
      countDelivered: async () => await countDelivered(database),
      stop: async () => {
        await endWorker(worker.pid);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface WorldPlan {
  readonly endpoints: number;
  /** Private targets beside the receiver. */
  readonly allowed: readonly string[];
  readonly profileFolder: string | undefined;
}

async function startWorker(
  { profileFolder }: WorldPlan,
  access: Omit<WebhookLoad, 'masterKey'>,
): Promise<BenchChild<object>> {
  const load: WebhookLoad = { ...access, masterKey: MASTER_KEY };
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const worker = startChild<object>('load-webhooks.ts', load, profiling);
  await worker.answer;
  return worker;
}

/** By a stop as in production, so that it can write its profile. */
async function endWorker(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGTERM');
  // A stopped process hears of nothing.
  process.kill(pid, 'SIGCONT');
  await until(() => !isAlive(pid));
}

async function prepare(database: Database, workerPid: number, order: Order): Promise<void> {
  // What is left from before, for a dead endpoint say, is not for this time.
  await database.query(`DELETE FROM outbox_items`);
  // It must not begin before everything is there.
  process.kill(workerPid, 'SIGSTOP');
  await completePayouts(database, order);
  if (order.queued) await queueAll(database);
  await database.query('VACUUM ANALYZE');
  await database.query('CHECKPOINT');
}

async function createTenant(
  database: Database,
  allowedPrivateTargets: readonly string[],
  url: string,
): Promise<Endpoint> {
  const businessId = ids.next();
  const at = systemClock.now();
  await database.query(
    `INSERT INTO businesses (business_id, name, created_at, updated_at) VALUES ($1, 'B', $2, $2)`,
    [businessId, at],
  );
  const lookup = async (): Promise<never> => await Promise.reject(new Error('no names here'));
  const guard = { lookup, allowedPrivateTargets };
  return await createEndpoint(database, { ...deps, guard }, { businessId, url });
}

async function watch(
  target: string,
  before: Seen,
  isEnough: (seen: Seen) => boolean,
): Promise<readonly Seen[]> {
  const timeline: Seen[] = [];
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = since(await readCounts(target), before);
    timeline.push(seen);
    if (isEnough(seen)) return timeline;
    if (Date.now() > giveUpAt) throw new Error(`too few came in: ${sum(seen.counts.values())}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** As settlement leaves them: the payouts, their audits and what is to be told. */
async function completePayouts(database: Database, order: Order): Promise<void> {
  const at = systemClock.now();
  // Payouts of a business do not come in one lump.
  const owners = Array.from({ length: order.count }, () => order.endpoints).flat();
  for (let from = 0; from < owners.length; from += ROWS_AT_ONCE) {
    const rows = owners
      .slice(from, from + ROWS_AT_ONCE)
      .map(({ businessId }) => ({ businessId, payoutId: ids.next() }));
    const values = [rows.map((row) => row.businessId), rows.map((row) => row.payoutId), at];
    await database.transaction(async (tx) => {
      await tx.query(INSERT_PAYOUTS, values);
      await tx.query(INSERT_AUDITS, [...values, 'ab'.repeat(16)]);
      await appendAll(
        tx,
        rows.map(({ businessId, payoutId }, index) => ({
          businessId,
          itemId: ids.next(),
          topic: EVENT_TOPIC,
          lane: businessId,
          payload: { eventType: 'PAYOUT_SUCCESSFUL', payoutId },
          at: later(at, (from + index) / 1000),
        })),
      );
    });
  }
}

const INSERT_PAYOUTS = `INSERT INTO payouts
    (business_id, payout_id, user_id, api_account_id, network, token, units, to_address, status,
     transaction_hash, created_at, updated_at)
  SELECT business_id, payout_id, business_id, business_id, 'MATIC_MAINNET', 'USDT', 100250000000000000000,
    '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b', 'COMPLETED', '0x' || repeat('ab', 32), $3, $3
  FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)`;

const INSERT_AUDITS = `INSERT INTO payout_audits
    (business_id, payout_id, client_ip, credential_kind, credential_id, request_id, created_at, trace_id)
  SELECT business_id, payout_id, '127.0.0.1', 'API_KEY', business_id, 'request', $3, $4
  FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)`;

async function queueAll(database: Database): Promise<void> {
  const fanOut = createFanOut({ ...deps, database });
  while ((await fanOut.step()) > 0);
}

async function readCounts(target: string): Promise<Seen> {
  const answer = await fetch(`http://${target}/`);
  const { atMs, counts } = (await answer.json()) as { atMs: number; counts: [string, number][] };
  return { atMs, counts: new Map(counts) };
}

function since(now: Seen, before: Seen): Seen {
  const counts = [...now.counts].map(
    ([path, count]) => [path, count - (before.counts.get(path) ?? 0)] as const,
  );
  return { atMs: now.atMs, counts: new Map(counts) };
}

async function countDelivered(database: Database): Promise<number> {
  const [row] = await database.query<{ count: bigint }>(
    `SELECT count(*) AS count FROM webhook_deliveries WHERE state = 'DELIVERED'`,
  );
  return Number(row?.count ?? 0);
}

export function sum(figures: Iterable<number>): number {
  let total = 0;
  for (const figure of figures) total += figure;
  return total;
}

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > giveUpAt) throw new Error('it took too long');
    await sleep(LOOK_EVERY_MS);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
