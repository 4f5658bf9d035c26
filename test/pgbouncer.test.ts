import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../src/base/clock.ts';
import { createIdSource } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { createDatabase, type Database } from '../src/database/database.ts';
import { readMigrations } from '../src/database/migrate.ts';
import { CommitUnknown, ConnectionLost, sqlState } from '../src/database/sql-failure.ts';
import { createEndpoint } from '../src/webhooks/endpoint.ts';
import { whatIsWrong } from './harness/chaos-verdict.ts';
import { openDatabaseWay } from './harness/database-way.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { recipientOf } from './harness/fresh-recipient.ts';
import { orderOverHttp, readOverHttp, type HttpOrder } from './harness/order-over-http.ts';
import { startPayingAnvil } from './harness/paying-anvil.ts';
import { fetchPgBouncer, startPgBouncer, type PgBouncer } from './harness/pgbouncer.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from './harness/platform.ts';
import { startReceiver } from './harness/receiver.ts';
import { runKnit, type KnitResult } from './harness/run-knit.ts';

// Everything through a pooler in transaction mode, whose connections belong to nobody for longer than a
// transaction.

const fetched = await fetchPgBouncer();
const note = fetched.kind === 'ready' ? '' : ` (did not run: ${fetched.reason})`;
const folder = fetched.kind === 'ready' ? fetched.folder : '';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));
/** Fewer than its clients want at once, so that they take turns. */
const POOL_SIZE = 4;

let db: TestDatabase;

async function limitStatements(limit: string): Promise<void> {
  const name = new URL(db.url).pathname.slice(1);
  await db.database.query(
    `ALTER ROLE postgres IN DATABASE ${name} SET statement_timeout = '${limit}'`,
  );
}

async function withPooler<T>(
  about: { serverUrl?: string; poolSize?: number; settings?: Record<string, string> },
  work: (pooler: PgBouncer) => Promise<T>,
): Promise<T> {
  const { serverUrl = db.url, poolSize = POOL_SIZE, settings } = about;
  const pooler = await startPgBouncer({ folder, serverUrl, poolSize, settings });
  try {
    return await work(pooler);
  } finally {
    await pooler.stop();
  }
}

describe.skipIf(fetched.kind !== 'ready')(`by commands${note}`, () => {
  let migrated: KnitResult;

  beforeAll(async () => {
    db = await createTestDatabase({ migrated: false });
    migrated = await withPooler({}, async ({ url }) => {
      return await runKnit(['migrate', '--json'], { DATABASE_URL: url });
    });
  });
  afterAll(async () => {
    await db.drop();
  });

  /** What `knit doctor` says of the database. */
  async function diagnosis(url: string): Promise<readonly string[]> {
    const { stdout } = await runKnit(['doctor', '--json'], { DATABASE_URL: url });
    const { findings } = JSON.parse(stdout) as { findings: { level: string; what: string }[] };
    return findings
      .filter(({ what }) => /database|pooler|migration/.test(what))
      .map(({ level, what }) => `${level}: ${what}`);
  }

  it('is migrated', async () => {
    const versions = (await readMigrations(MIGRATIONS)).map(({ version }) => version);
    expect(migrated).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(migrated.stdout)).toMatchObject({ applied: versions });
  });

  it('is not used before the server limits statements', async () => {
    await limitStatements('0');
    const limit = "no limit of a statement's time";
    const ignored = 'statement_timeout, idle_in_transaction_session_timeout';
    for (const settings of [{}, { ignore_startup_parameters: ignored }]) {
      await withPooler({ settings }, async ({ url }) => {
        const { exitCode, stderr } = await runKnit(['business', 'list'], { DATABASE_URL: url });
        expect(exitCode).not.toBe(0);
        expect(stderr).toContain(limit);
        expect(await diagnosis(url)).toEqual([expect.stringMatching(`^fail: .*${limit}`)]);
      });
    }
  });

  it('is well when it does', async () => {
    await limitStatements('30s');
    await withPooler({}, async ({ url }) => {
      expect(await runKnit(['business', 'list'], { DATABASE_URL: url })).toMatchObject({
        exitCode: 0,
      });
      expect(await diagnosis(url)).toEqual([expect.stringMatching('^ok: the database at')]);
    });
  });
});

describe.skipIf(fetched.kind !== 'ready')(`by statements${note}`, () => {
  beforeAll(async () => {
    db = await createTestDatabase({ migrated: false });
    await limitStatements('25s');
    await db.database.query('CREATE TABLE numbers (id integer PRIMARY KEY)');
  });
  afterAll(async () => {
    await db.drop();
  });

  const SHOWN = `SELECT current_setting('statement_timeout') AS statement,
    current_setting('idle_in_transaction_session_timeout') AS idle`;

  it('limits of a transaction are its own, and end with it', async () => {
    await withPooler({ poolSize: 1 }, async ({ url }) => {
      const database = createDatabase(url, { statementTimeoutMs: 200 });
      const own = { statement: '200ms', idle: '10s' };
      const shown = async (): Promise<unknown> =>
        await database.transaction(async (tx) => await tx.query(SHOWN));
      expect(await shown()).toEqual([own]);
      expect(await database.query(SHOWN)).toEqual([{ statement: '25s', idle: '0' }]);
      const slow = database.transaction(async (tx) => await tx.query('SELECT pg_sleep(5)'));
      await expect(slow).rejects.toSatisfy((error) => sqlState(error) === '57014');
      expect(await database.query(SHOWN)).toEqual([{ statement: '25s', idle: '0' }]);
      await database.close();
    });
  });

  it('a command that may take long takes longer than the server allows the role', async () => {
    await withPooler({ poolSize: 1 }, async ({ url }) => {
      const database = createDatabase(url, { statementTimeoutMs: 600_000 });
      expect(await database.query(SHOWN)).toEqual([{ statement: '10min', idle: '10s' }]);
      await database.close();
    });
  });

  it.each([
    ['that refuses limits of a session', {}],
    [
      'that keeps quiet about them',
      { ignore_startup_parameters: 'statement_timeout, idle_in_transaction_session_timeout' },
    ],
  ])('what is repeated is done once, behind a pooler %s', async (_, settings) => {
    await db.database.query('DELETE FROM numbers WHERE id >= 1000');
    const ids = Array.from({ length: 200 }, (__, index) => 1_000 + index);
    await withPooler({ settings }, async ({ url }) => {
      const database = createDatabase(url, { maxConnections: 12 });
      const inserted = await Promise.all(
        ids.map(async (id) => {
          const text = 'INSERT INTO numbers (id) VALUES ($1) RETURNING id';
          return await database.query<{ id: number }>(text, [id], { isRepeated: true });
        }),
      );
      expect(inserted.flat().map(({ id }) => id)).toEqual(ids);
      await database.close();
    });
    const rows = await db.database.query<{ id: number }>(
      'SELECT id FROM numbers WHERE id >= 1000 ORDER BY id',
    );
    expect(rows.map(({ id }) => id)).toEqual(ids);
  });

  /** The server is gone once it has got a message with this word. */
  async function withMortalServer(
    word: string,
    work: (database: Database) => Promise<void>,
  ): Promise<void> {
    const way = await openDatabaseWay(db.url, {
      toServer: (data, { client, server }) => {
        server.write(data);
        if (data.includes(word)) client.destroy();
      },
    });
    await withPooler({ serverUrl: way.url }, async ({ url }) => {
      const database = createDatabase(url);
      await work(database);
      // The pooler finds it again.
      expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await database.close();
    });
    await way.close();
  }

  it('a server that is gone at COMMIT leaves the outcome unknown', async () => {
    await withMortalServer('COMMIT\0', async (database) => {
      const work = database.transaction(async (tx) => {
        await tx.query('INSERT INTO numbers VALUES (1)');
      });
      await expect(work).rejects.toBeInstanceOf(CommitUnknown);
    });
  });

  it('a server that is gone at a plain statement is a lost connection', async () => {
    await withMortalServer('INSERT', async (database) => {
      const work = database.query('INSERT INTO numbers VALUES (2)');
      await expect(work).rejects.toBeInstanceOf(ConnectionLost);
    });
  });
});

describe.skipIf(fetched.kind !== 'ready')(`by the whole road${note}`, () => {
  const PAYOUTS = 24;
  let pooler: PgBouncer;
  let platform: Platform;

  beforeAll(async () => {
    db = await createTestDatabase();
    await limitStatements('30s');
    pooler = await startPgBouncer({ folder, serverUrl: db.url, poolSize: POOL_SIZE });
    const chain = await startPayingAnvil(PLATFORM_MNEMONIC);
    platform = await createPlatform({ databaseUrl: pooler.url, chain, merchants: 2 });
  }, 120_000);
  afterAll(async () => {
    await platform.close();
    await platform.chain.stop();
    await pooler.stop();
    await db.drop();
  });

  it('payouts are completed and told of', { timeout: 180_000 }, async () => {
    const receiver = await startReceiver();
    const { merchants, database } = platform;
    for (const { businessId } of merchants) {
      const ids = createIdSource(systemClock, systemRandom);
      const guard = {
        lookup: async () => await Promise.resolve([]),
        allowedPrivateTargets: [receiver.target],
      };
      const deps = { clock: systemClock, ids, guard };
      await createEndpoint(database, deps, { businessId, url: receiver.url });
    }
    await platform.startApi();
    platform.startWorker({
      kind: 'test-worker',
      env: { KNIT_WEBHOOK_PRIVATE_TARGETS: receiver.target },
    });
    const orders = await Promise.all(
      Array.from({ length: PAYOUTS }, async (_, number) => await place(number)),
    );
    const ends = new Map<string, Awaited<ReturnType<typeof readOverHttp>>>();
    for (const order of orders) {
      await expect
        .poll(async () => await readOverHttp(platform, order), { timeout: 120_000, interval: 200 })
        .toMatchObject({ status: 'COMPLETED' });
      ends.set(order.payoutId, await readOverHttp(platform, order));
    }
    expect(await whatIsWrong(platform, { orders, ends })).toEqual([]);
    await receiver.received(PAYOUTS);
    const told = receiver.requests.map(
      ({ body }) => JSON.parse(body) as { payout: { id: string } },
    );
    expect(new Set(told.map(({ payout }) => payout.id))).toEqual(new Set(ends.keys()));
    await receiver.stop();
  });

  async function place(number: number): Promise<HttpOrder & { payoutId: string }> {
    const merchant = platform.merchants[number % platform.merchants.length];
    if (merchant === undefined) throw new Error('there is a merchant');
    const order: HttpOrder = {
      merchant,
      token: number % 3 === 0 ? 'USDC' : 'USDT',
      units: BigInt(10_000 + number),
      toAddress: recipientOf(platform.chain.network, `pooled ${number}`),
      idempotencyKey: `pooled ${number}`,
    };
    const outcome = await orderOverHttp(platform, order);
    if (outcome.kind !== 'accepted') throw new Error(JSON.stringify(outcome));
    return { ...order, payoutId: outcome.payoutId };
  }
});
