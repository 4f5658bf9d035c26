import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { createIdSource } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import { issueAccessToken } from '../src/businesses/access-token.ts';
import { createDatabase, type Database } from '../src/database/database.ts';
import { credit, fund } from '../src/ledger/move.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import { createGuard, type Guard } from '../src/sandbox/guard.ts';
import { ONE, openTenant, type Tenant } from '../test/harness/tenant.ts';
import { startBenchDatabase } from './bench-database.ts';
import type { LoadRequest } from './load-http.ts';

/** `knit api` as a process, on a PostgreSQL of its own, with businesses that have money. */
export interface IntakeWorld {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly databasePid: number;
  readonly apiUrl: string;
  readonly apiPid: number;
  /** Each with an API key, an OAuth client and an account that no bench empties. */
  readonly businesses: readonly Tenant[];
  /** One more, which is not among them. */
  readonly hot: Tenant;
  stop(): Promise<void>;
}

const MASTER_KEY = '11'.repeat(32);
const NETWORK = 'MATIC_MAINNET';
const PLENTY = 10n ** 9n * ONE;
const BUSINESSES_AT_ONCE = 8;

const sources = {
  ids: createIdSource(systemClock, systemRandom),
  random: systemRandom,
  clock: systemClock,
};

/** With `profileFolder` the API writes what its CPU time was spent on there when it ends. */
export async function startIntakeWorld(about: {
  readonly businesses: number;
  readonly profileFolder: string | undefined;
}): Promise<IntakeWorld> {
  const server = await startBenchDatabase();
  const guard = createGuard();
  const database = createDatabase(server.url, { maxConnections: BUSINESSES_AT_ONCE });
  const stop = async (): Promise<void> => {
    await database.close();
    await guard.dispose();
    await server.stop();
  };
  try {
    const tenants = await openTenants(database, about.businesses + 1);
    const [hot, ...businesses] = tenants;
    if (hot === undefined) throw new Error('there is no business');
    const api = await startApi(guard, server.url, about.profileFolder);
    return {
      database,
      databaseUrl: server.url,
      databasePid: server.pid,
      apiUrl: api.url,
      apiPid: api.pid,
      businesses,
      hot,
      stop: async () => {
        await api.stop();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openTenants(database: Database, count: number): Promise<readonly Tenant[]> {
  const tenants: Tenant[] = [];
  let begun = 0;
  const openTheNext = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      tenants.push(await openRichTenant(database));
    }
  };
  await Promise.all(Array.from({ length: BUSINESSES_AT_ONCE }, openTheNext));
  await database.query('VACUUM (ANALYZE)');
  return tenants;
}

async function openRichTenant(database: Database): Promise<Tenant> {
  const tenant = await openTenant({ database, ...sources }, { tokens: ['USDT'] });
  const { businessId } = tenant;
  const move = { businessId, token: 'USDT', units: PLENTY, at: systemClock.now() } as const;
  const { ids } = sources;
  await database.transaction(async (tx) => {
    await credit(tx, ids, { ...move, referenceId: ids.next() });
    await fund(tx, ids, { ...move, referenceId: ids.next() });
  });
  return tenant;
}

interface Api {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** With the settings of production; only the limit of one business's requests is off. Its log goes to a file. */
async function startApi(
  guard: Guard,
  databaseUrl: string,
  profileFolder: string | undefined,
): Promise<Api> {
  const folder = await mkdtemp(join(tmpdir(), 'knit-bench-intake-'));
  guard.removeFolder(folder);
  const logFile = join(folder, 'api.log');
  const log = await open(logFile, 'w');
  const port = await freePort();
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const child = spawn(process.execPath, [...profiling, main, 'api'], {
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      KNIT_NETWORKS: NETWORK,
      // Nothing answers there, and nothing is asked: intake needs no chain.
      [`KNIT_RPC_${NETWORK}`]: `http://127.0.0.1:${await freePort()}`,
      KNIT_MASTER_KEY: MASTER_KEY,
      KNIT_REQUESTS_PER_SECOND: '0',
    },
    stdio: ['ignore', log.fd, log.fd],
  });
  await once(child, 'spawn');
  await log.close();
  const { pid = 0 } = child;
  guard.watch(pid);
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, async () => {
    if (child.exitCode === null) return;
    throw new Error(`the API has ended: ${await readFile(logFile, 'utf8')}`);
  });
  return {
    url,
    pid,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function untilReady(url: string, look: () => Promise<void>): Promise<void> {
  for (;;) {
    await look();
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    await systemClock.sleep(50);
  }
}

/** The smallest payout there is, asked for with the business's API key. */
export function payoutRequest({ apiKey }: Tenant): LoadRequest {
  return { headers: { ...JSON_BODY, 'x-api-key': apiKey }, body: bodyOf({}) };
}

/** With an Idempotency-Key and a merchantReference that are other ones each time. */
export function keyedRequest({ apiKey }: Tenant): LoadRequest {
  return {
    headers: { ...JSON_BODY, 'x-api-key': apiKey, 'idempotency-key': '[<id>]' },
    body: bodyOf({ merchantReference: '[<id>]' }),
  };
}

/** With a bearer token, which is good for 15 minutes from now on. */
export async function tokenRequest(
  database: Database,
  { clientId, clientSecret }: Tenant,
): Promise<LoadRequest> {
  const masterKey = new Uint8Array(Buffer.from(MASTER_KEY, 'hex'));
  const { accessToken } = await issueAccessToken(
    { db: database, ids: sources.ids, masterKey },
    { clientId, clientSecret, now: systemClock.now() },
  );
  const headers = { ...JSON_BODY, authorization: `Bearer ${accessToken}` };
  return { headers, body: bodyOf({}) };
}

const JSON_BODY = { 'content-type': 'application/json' };

function bodyOf(more: object): string {
  return JSON.stringify({
    network: NETWORK,
    token: 'USDT',
    amount: 0.01,
    toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
    ...more,
  });
}
