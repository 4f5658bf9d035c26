import { resolve } from 'node:path';
import { AssertionFailure } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { createIdSource } from '../base/id.ts';
import { createLog, type Log } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { CommandFailure, endingOf, EXIT } from '../commands/exit-code.ts';
import { MIGRATIONS_FOLDER } from '../commands/require-database.ts';
import {
  ConfigProblem,
  processEnvironment,
  readSandboxConfig,
  type SandboxConfig,
} from '../config.ts';
import { createDatabase, type Database } from '../database/database.ts';
import { migrate, readMigrations } from '../database/migrate.ts';
import { TOKENS } from '../money/asset.ts';
import { listLanes } from '../settlement/lanes.ts';
import { createMnemonicSigner } from '../treasury/mnemonic-signer.ts';
import { newMnemonic } from '../treasury/new-mnemonic.ts';
import { announce } from './announce.ts';
import { freePort } from './free-port.ts';
import { createGuard, type Guard } from './guard.ts';
import {
  assetsFileOf,
  environmentFileOf,
  prepareHandover,
  sandboxFileOf,
  writePrivate,
  type Handover,
} from './handover.ts';
import { startInbox, type Inbox } from './inbox.ts';
import { startPostgres } from './postgres.ts';
import { answers, refuseSecondSandbox, refuseUsedPort } from './preflight.ts';
import { createSandboxBusiness, type SandboxBusiness } from './sandbox-business.ts';
import { startService, type Service } from './service.ts';
import type { SandboxChain } from './sandbox-chain.ts';
import { startSandboxChain } from './start-chain.ts';

export interface SandboxOptions {
  /** False: database and chains only; `knit api` and `knit worker` are started by hand. */
  readonly services: boolean;
  /** Shows a line to the person who started it. */
  readonly print: (line: string) => void;
}

/**
 * The one-command world: a real PostgreSQL, a local chain for each network, a funded business, the
 * API and the worker. Runs until `signal` aborts, then leaves no process and no data behind.
 */
export async function runSandbox(options: SandboxOptions, signal: AbortSignal): Promise<void> {
  const config = readSandboxConfig(processEnvironment());
  const log = createLog({ level: 'error', service: 'sandbox' });
  const startedAt = performance.now();
  await refuseSecondSandbox(config.folder);
  await refuseUsedPort(config.port);
  const cleanUps: (() => Promise<void>)[] = [];
  const guard = createGuard();
  const sandbox: Sandbox = { config, options, log, signal, cleanUps, guard };
  cleanUps.push(async () => await guard.dispose());
  try {
    const world = await start(sandbox);
    if (!signal.aborted) {
      announce(sandbox.options.print, {
        ...world,
        ...world.handover,
        hasServices: options.services,
        seconds: (performance.now() - startedAt) / 1000,
      });
      await untilEnd(sandbox, world.services);
    }
  } finally {
    options.print('Stopping …');
    for (const cleanUp of cleanUps.toReversed()) {
      await cleanUp().catch((error: unknown) => log.error({ err: error }, 'a part did not stop'));
    }
  }
}

interface Sandbox {
  readonly config: SandboxConfig;
  readonly options: SandboxOptions;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly guard: Guard;
  /** Run in reverse order at the end. */
  readonly cleanUps: (() => Promise<void>)[];
}

interface World {
  readonly baseUrl: string;
  readonly business: SandboxBusiness;
  readonly chains: readonly SandboxChain[];
  readonly services: readonly Service[];
  readonly handover: Handover;
}

async function start(sandbox: Sandbox): Promise<World> {
  const { config, options } = sandbox;
  const mnemonic = newMnemonic(systemRandom);
  const handover = await prepareHandover(resolve(config.folder));
  sandbox.cleanUps.push(handover.remove);
  const keys = createMnemonicSigner({ mnemonic });
  const [{ database, databaseUrl }, inbox, ...chains] = await allOrNone([
    startDatabase(sandbox),
    startReceiver(sandbox),
    ...config.networks.map(async (network) => {
      const chain = await timed(
        sandbox,
        `${network} local chain`,
        async () =>
          await startSandboxChain(network, { guard: sandbox.guard, log: sandbox.log, keys }),
      );
      sandbox.cleanUps.push(chain.stop);
      return chain;
    }),
  ]);
  const masterKey = systemRandom.bytes(32);
  const settings = settingsOf({ sandbox, handover, databaseUrl, masterKey, inbox, chains });
  await writePrivate(handover.mnemonicFile, `${mnemonic}\n`);
  await writePrivate(handover.assetsFile, assetsFileOf(chains));
  await writePrivate(handover.environmentFile, environmentFileOf(settings));
  const services = options.services ? await startServices(sandbox, handover, settings) : [];
  const ids = createIdSource(systemClock, systemRandom);
  const sources = { database, clock: systemClock, ids, random: systemRandom, masterKey };
  const privateTarget = new URL(inbox.webhookUrl).host;
  const webhook = { url: inbox.webhookUrl, privateTarget };
  const tokens = TOKENS.filter((token) => chains.some((chain) => token in chain.tokens));
  const business = await createSandboxBusiness(sources, { webhook, tokens });
  const baseUrl = `http://127.0.0.1:${config.port}`;
  if (options.services) {
    const parts = { baseUrl, database, services };
    await timed(sandbox, 'API and worker', async () => await untilReady(sandbox, parts));
  }
  const { inboxUrl } = inbox;
  const content = sandboxFileOf({ baseUrl, business, inboxUrl, databaseUrl, chains, services });
  await writePrivate(handover.sandboxFile, content);
  return { baseUrl, business, chains, services, handover };
}

/** Every start ends before one of them may fail the whole, so that all can be cleaned up. */
async function allOrNone<T extends readonly unknown[]>(starts: {
  [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  await Promise.allSettled(starts);
  try {
    return await Promise.all(starts);
  } catch (error) {
    throw startFailure(error);
  }
}

/** A program that is missing or a full disk is the machine's matter, and no mistake of ours. */
function startFailure(error: unknown): unknown {
  if (error instanceof AssertionFailure || endingOf(error).exitCode !== EXIT.internal) return error;
  const words = error instanceof Error ? error.message : String(error);
  const line = `the sandbox cannot start: ${words.replaceAll(/\s+/g, ' ')}`;
  return new CommandFailure(EXIT.unreachable, line);
}

async function timed<T>(sandbox: Sandbox, what: string, work: () => Promise<T>): Promise<T> {
  const before = performance.now();
  const result = await work();
  const seconds = ((performance.now() - before) / 1000).toFixed(1);
  sandbox.options.print(`  ${what.padEnd(34)} ${seconds} s`);
  return result;
}

async function startDatabase(
  sandbox: Sandbox,
): Promise<{ database: Database; databaseUrl: string }> {
  const { config, guard, log, cleanUps } = sandbox;
  let databaseUrl = config.databaseUrl;
  if (databaseUrl === undefined) {
    const postgres = await timed(
      sandbox,
      'PostgreSQL',
      async () => await startPostgres({ guard, log, random: systemRandom }),
    );
    cleanUps.push(async () => await postgres.stop());
    databaseUrl = postgres.url;
  }
  const database = createDatabase(databaseUrl, { maxConnections: 4 });
  cleanUps.push(async () => await database.close());
  await timed(
    sandbox,
    'schema',
    async () => await migrate(database, await readMigrations(MIGRATIONS_FOLDER), systemClock),
  );
  return { database, databaseUrl };
}

async function startReceiver(sandbox: Sandbox): Promise<Inbox> {
  const inbox = await startInbox({ clock: systemClock });
  sandbox.cleanUps.push(async () => await inbox.stop());
  return inbox;
}

/** Exactly the settings of production, for this database and these chains. */
function settingsOf(parts: {
  readonly sandbox: Sandbox;
  readonly handover: Handover;
  readonly databaseUrl: string;
  readonly masterKey: Uint8Array;
  readonly inbox: Inbox;
  readonly chains: readonly SandboxChain[];
}): Record<string, string> {
  const { sandbox, handover, chains } = parts;
  const rpc = chains.map(({ network, rpcUrl }) => [`KNIT_RPC_${network}`, rpcUrl]);
  return {
    DATABASE_URL: parts.databaseUrl,
    // Beside a running sandbox its port is taken.
    ...(sandbox.options.services ? {} : { PORT: String(sandbox.config.port) }),
    KNIT_ENVIRONMENT: 'sandbox',
    KNIT_NETWORKS: chains.map(({ network }) => network).join(','),
    ...(Object.fromEntries(rpc) as Record<string, string>),
    KNIT_ASSETS_FILE: handover.assetsFile,
    KNIT_MASTER_KEY: Buffer.from(parts.masterKey).toString('hex'),
    KNIT_TREASURY_MNEMONIC_FILE: handover.mnemonicFile,
    KNIT_WEBHOOK_PRIVATE_TARGETS: new URL(parts.inbox.webhookUrl).host,
    KNIT_REQUESTS_PER_SECOND: '0',
    KNIT_LOG_LEVEL: sandbox.config.logLevel,
  };
}

async function startServices(
  sandbox: Sandbox,
  handover: Handover,
  settings: Readonly<Record<string, string>>,
): Promise<Service[]> {
  const { KNIT_TREASURY_MNEMONIC_FILE: mnemonicFile = '', ...shared } = settings;
  const port = String(sandbox.config.port);
  const own = {
    api: { ...shared, PORT: port },
    worker: { ...shared, KNIT_TREASURY_MNEMONIC_FILE: mnemonicFile },
  };
  const metricsPorts = { api: await freePort(), worker: await freePort() };
  return (['api', 'worker'] as const).map((name) => {
    const service = startService({
      name,
      settings: own[name],
      metricsPort: metricsPorts[name],
      logFile: handover.logFileOf(name),
      guard: sandbox.guard,
    });
    sandbox.cleanUps.push(service.stop);
    return service;
  });
}

/** Ready: the API answers, and the worker has opened a lane on every network. */
async function untilReady(
  sandbox: Sandbox,
  world: { baseUrl: string; database: Database; services: readonly Service[] },
): Promise<void> {
  const failed = Promise.race(
    world.services.map(async (service) => {
      await service.ended;
      throw new ConfigProblem(endWords(sandbox, service));
    }),
  );
  failed.catch(() => undefined);
  for (;;) {
    if (sandbox.signal.aborted) return;
    const [isUp, lanes] = await Promise.all([
      answers(`${world.baseUrl}/readyz`),
      listLanes(world.database),
    ]);
    const open = new Set(lanes.map(({ network }) => network));
    if (isUp && sandbox.config.networks.every((network) => open.has(network))) return;
    await Promise.race([failed, systemClock.sleep(50)]);
  }
}

function endWords(sandbox: Sandbox, service: Service): string {
  return `the ${service.name} process has ended; ${resolve(sandbox.config.folder)}/${service.name}.log says why`;
}

async function untilEnd(sandbox: Sandbox, services: readonly Service[]): Promise<void> {
  const asked = new Promise<void>((done) => {
    if (sandbox.signal.aborted) done();
    sandbox.signal.addEventListener('abort', () => done(), { once: true });
  });
  const ended = services.map(async (service) => {
    await service.ended;
    if (!sandbox.signal.aborted) throw new ConfigProblem(endWords(sandbox, service));
  });
  await Promise.race([asked, ...ended]);
}
