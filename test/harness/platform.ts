import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { present } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createIdSource } from '../../src/base/id.ts';
import { createDatabase, type Database } from '../../src/database/database.ts';
import { createGuard } from '../../src/sandbox/guard.ts';
import { startKnitService, type KnitService } from './knit-service.ts';
import type { PayingChain } from './paying-chain.ts';
import { openTenant, type Tenant } from './tenant.ts';

/** The treasury's. Not among the accounts that a development node unlocks and funds. */
export const PLATFORM_MNEMONIC =
  'legal winner thank year wave sausage worth useful legal winner thank yellow';

/**
 * Knit as an operator runs it: the API and workers are processes with settings in their environment,
 * on a real database and a real chain. Nothing runs until it is started.
 */
export interface Platform {
  readonly chain: PayingChain;
  readonly database: Database;
  readonly treasury: string;
  /** Each with 1,000 USDT and 1,000 USDC to pay out, or with one bitcoin. */
  readonly merchants: readonly Tenant[];
  /** Of the first API, and the same after each of its starts. */
  readonly apiUrl: string;
  /** Of each API. */
  readonly apiUrls: readonly string[];
  /** Resolves when it listens. Default: the first, with the settings of all. */
  startApi(index?: number, env?: Readonly<Record<string, string>>): Promise<KnitService>;
  startWorker(settings?: WorkerSettings): KnitService;
  /** Kills what still runs. Chain and database are the caller's. */
  close(): Promise<void>;
}

export interface WorkerSettings {
  /** Default: at the pace of production. */
  readonly kind?: 'worker' | 'test-worker';
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

export interface PlatformOptions {
  readonly databaseUrl: string;
  /** Of {@link PLATFORM_MNEMONIC}. */
  readonly chain: PayingChain;
  /** How the processes reach the chain; default: directly. */
  readonly rpcUrls?: readonly string[];
  readonly merchants?: number;
  /** How many APIs can run side by side; default: one. */
  readonly apis?: number;
  /** Further settings of all processes, or others in the place of the usual ones. */
  readonly settings?: Readonly<Record<string, string>>;
}

export async function createPlatform(options: PlatformOptions): Promise<Platform> {
  const { databaseUrl, chain, rpcUrls = [chain.rpcUrl] } = options;
  const database = createDatabase(databaseUrl, { maxConnections: 4 });
  const sources = {
    database,
    ids: createIdSource(systemClock, systemRandom),
    random: systemRandom,
    clock: systemClock,
  };
  const merchants: Tenant[] = [];
  for (let count = 0; count < (options.merchants ?? 1); count += 1) {
    merchants.push(await openTenant(sources, { tokens: chain.tokens }));
  }
  const guard = createGuard();
  const folder = await mkdtemp(join(tmpdir(), 'knit-platform-'));
  guard.removeFolder(folder);
  const ports = await lastingPorts(options.apis ?? 1);
  const apiUrls = ports.map((port) => `http://127.0.0.1:${port}`);
  const usual = await settingsOf({ chain, databaseUrl, rpcUrls, folder });
  const env = { ...usual, ...options.settings };
  const services: KnitService[] = [];
  const started = (service: KnitService): KnitService => {
    services.push(service);
    if (service.child.pid !== undefined) guard.watch(service.child.pid);
    return service;
  };
  return {
    chain,
    database,
    treasury: chain.treasury,
    merchants,
    apiUrl: present(apiUrls[0], 'there is an API'),
    apiUrls,
    startApi: async (index = 0, more = {}) => {
      const port = present(ports[index], 'there are so many');
      const api = started(startKnitService('api', { ...env, PORT: String(port), ...more }));
      await api.said('api listens');
      return api;
    },
    startWorker: ({ kind = 'worker', env: more = {}, nodeArgs = [] } = {}) => {
      const keys = { KNIT_TREASURY_MNEMONIC: PLATFORM_MNEMONIC };
      return started(startKnitService(kind, { ...env, ...keys, ...more }, nodeArgs));
    },
    close: async () => {
      await Promise.all(services.map(async (service) => await service.end('SIGKILL')));
      await database.close();
      await guard.dispose();
    },
  };
}

async function lastingPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await lastingPort());
  return [...ports];
}

/**
 * A free port that the system gives to nobody who does not ask for it by number (Linux gives away those
 * from 32768 on), so that an API that was killed finds it free again.
 */
async function lastingPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const outcome = await new Promise<'free' | 'taken'>((resolve) => {
      server.once('error', () => resolve('taken'));
      server.listen(port, '127.0.0.1', () => resolve('free'));
    });
    if (outcome === 'taken') continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

async function settingsOf(about: {
  chain: PayingChain;
  databaseUrl: string;
  rpcUrls: readonly string[];
  folder: string;
}): Promise<Record<string, string | undefined>> {
  const { chain, databaseUrl, rpcUrls, folder } = about;
  const { network, registryEntry, settings } = chain;
  const assetsFile = join(folder, 'assets.json');
  await writeFile(assetsFile, JSON.stringify({ [network]: registryEntry }));
  return {
    PATH: process.env['PATH'],
    DATABASE_URL: databaseUrl,
    KNIT_NETWORKS: network,
    [`KNIT_RPC_${network}`]: rpcUrls.join(','),
    KNIT_ASSETS_FILE: assetsFile,
    KNIT_MASTER_KEY: '11'.repeat(32),
    KNIT_REQUESTS_PER_SECOND: '0',
    ...settings,
  };
}
