import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { present } from '../src/base/assert.ts';
import { completed, whatIsWrong } from './harness/chaos-verdict.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { recipientOf } from './harness/fresh-recipient.ts';
import { orderOverHttp, readOverHttp, type HttpOrder } from './harness/order-over-http.ts';
import { startPayingAnvil } from './harness/paying-anvil.ts';
import { fetchPgBouncer, startPgBouncer, type PgBouncer } from './harness/pgbouncer.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from './harness/platform.ts';
import type { KnitService } from './harness/knit-service.ts';
import { createSeededRandom } from './harness/seeded-random.ts';
import type { AcknowledgedOrder } from './harness/steady-merchants.ts';

// Four APIs and four workers on one database, any of which is killed at any moment; half of them by way of a
// pooler, where one can be had. Each order goes to two APIs at once with one key, and again to any of them
// until it is answered. What was paid is counted on the chain.

const SEED = Number(process.env['KNIT_CHAOS_SEED'] ?? randomInt(2 ** 31));
const APIS = 4;
const WORKERS = 4;
/** The pooler's connections to the server, for the processes that go by it. */
const POOL_SIZE = 6;
/** In each, one API and one worker are killed at the same moment, and started again. */
const ROUNDS = 4;
const LONGEST_PAUSE_MS = 2_000;
const PATIENCE_MS = 120_000;
const ORDER_EVERY_MS = 150;
const LEAST_ORDERS = 40;
/** A slow machine takes long to start what was killed, and then long to pay all. */
const MOST_ORDERS = 150;
const REPEAT_AFTER_MS = 200;

const fetched = await fetchPgBouncer();
const note = fetched.kind === 'ready' ? 'half of them by a pooler' : `no pooler: ${fetched.reason}`;

let db: TestDatabase;
let pooler: PgBouncer | undefined;
let platform: Platform;
const random = createSeededRandom(SEED);

beforeAll(async () => {
  db = await createTestDatabase();
  pooler = await startPooler();
  const chain = await startPayingAnvil(PLATFORM_MNEMONIC);
  platform = await createPlatform({ databaseUrl: db.url, chain, merchants: 3, apis: APIS });
}, 120_000);
afterAll(async () => {
  await platform.close();
  await platform.chain.stop();
  await pooler?.stop();
  await db.drop();
});

async function startPooler(): Promise<PgBouncer | undefined> {
  if (fetched.kind !== 'ready') return undefined;
  const name = new URL(db.url).pathname.slice(1);
  await db.database.query(`ALTER ROLE postgres IN DATABASE ${name} SET statement_timeout = '30s'`);
  const { folder } = fetched;
  return await startPgBouncer({ folder, serverUrl: db.url, poolSize: POOL_SIZE });
}

/** Every second process goes by the pooler. */
function wayOf(index: number): Record<string, string> {
  return pooler === undefined || index % 2 === 0 ? {} : { DATABASE_URL: pooler.url };
}

async function startApi(index: number): Promise<KnitService> {
  return await platform.startApi(index, wayOf(index));
}

function startWorker(index: number): KnitService {
  return platform.startWorker({ kind: 'test-worker', env: wayOf(index) });
}

it(
  `pays each payout once, whoever took it in and whoever settles it (${note}; KNIT_CHAOS_SEED=${SEED})`,
  async () => {
    const apis = await Promise.all(
      Array.from({ length: APIS }, async (_, index) => await startApi(index)),
    );
    const workers = Array.from({ length: WORKERS }, (_, index) => startWorker(index));
    // The treasury is set up by the first.
    const first = await placeTwice(newOrder(0));
    await untilEnded([first]);
    const orders = await orderWhile(killInTurn(apis, workers));
    const all = [first, ...orders];
    const ends = await untilEnded(all);
    expect(await whatIsWrong(platform, { orders: all, ends })).toEqual([]);
    expect(new Set(all.map(({ payoutId }) => payoutId)).size).toBe(all.length);
    expect(completed({ orders: all, ends })).toBe(all.length);
  },
  PATIENCE_MS + 240_000,
);

async function killInTurn(apis: KnitService[], workers: KnitService[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    await sleep(random.between(0, LONGEST_PAUSE_MS));
    const [api, worker] = [random.between(0, APIS - 1), random.between(0, WORKERS - 1)];
    await Promise.all([apis[api]?.end('SIGKILL'), workers[worker]?.end('SIGKILL')]);
    workers[worker] = startWorker(worker);
    apis[api] = await startApi(api);
  }
}

async function orderWhile(killing: Promise<void>): Promise<AcknowledgedOrder[]> {
  const halt = new AbortController();
  const killed = killing.finally(() => halt.abort());
  const placed: Promise<AcknowledgedOrder>[] = [];
  while (placed.length < (halt.signal.aborted ? LEAST_ORDERS : MOST_ORDERS)) {
    const placing = placeTwice(newOrder(placed.length + 1));
    // Heard at the end; until then it must not end the process.
    placing.catch(() => undefined);
    placed.push(placing);
    await sleep(ORDER_EVERY_MS);
  }
  await killed;
  return await Promise.all(placed);
}

function newOrder(number: number): HttpOrder {
  const { network, tokens } = platform.chain;
  return {
    merchant: random.pick(platform.merchants),
    token: random.pick(tokens),
    units: BigInt(random.between(10_000, 1_999_999)),
    toAddress: recipientOf(network, `${SEED} recipient ${number}`),
    idempotencyKey: randomUUID(),
  };
}

/** By two APIs at once: both tell of one payout, or of none. */
async function placeTwice(order: HttpOrder): Promise<AcknowledgedOrder> {
  const payoutIds = await Promise.all([place(order), place(order)]);
  const [payoutId] = payoutIds;
  expect(payoutIds).toEqual([payoutId, payoutId]);
  return { ...order, payoutId: present(payoutId, 'there are two') };
}

async function place(order: HttpOrder): Promise<string> {
  for (;;) {
    const outcome = await orderOverHttp(anyApi(), order);
    if (outcome.kind === 'accepted') return outcome.payoutId;
    if (outcome.kind === 'refused') throw new Error(`${outcome.status} ${outcome.text}`);
    await sleep(REPEAT_AFTER_MS);
  }
}

async function untilEnded(
  orders: readonly AcknowledgedOrder[],
): Promise<Map<string, Awaited<ReturnType<typeof readOverHttp>>>> {
  const from = Date.now();
  const ends = new Map<string, Awaited<ReturnType<typeof readOverHttp>>>();
  while (ends.size < orders.length) {
    for (const order of orders.filter(({ payoutId }) => !ends.has(payoutId))) {
      const now = await readOverHttp(anyApi(), order);
      if (now.status === 'COMPLETED' || now.status === 'FAILED') ends.set(order.payoutId, now);
    }
    if (Date.now() - from > PATIENCE_MS) {
      throw new Error(`${orders.length - ends.size} of ${orders.length} payouts do not end`);
    }
    await sleep(200);
  }
  return ends;
}

function anyApi(): Platform {
  return { ...platform, apiUrl: random.pick(platform.apiUrls) };
}
