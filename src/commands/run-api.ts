import { once } from 'node:events';
import { systemClock } from '../base/clock.ts';
import { createIdSource } from '../base/id.ts';
import { createLog, type Log } from '../base/log.ts';
import { noMeter } from '../base/meter.ts';
import { systemRandom } from '../base/random.ts';
import { VERSION } from '../base/version.ts';
import { accessOf, ConfigProblem, type ApiConfig } from '../config.ts';
import { createDatabase, type Database } from '../database/database.ts';
import { createServer, type ServerDeps } from '../http/server.ts';
import { ChainMismatch, type NetworkReader } from '../networks/network.ts';
import { openReader } from '../networks/open-reader.ts';
import { verifyNetwork } from '../networks/verify-network.ts';
import { createIntake } from '../payouts/intake.ts';
import type { Payout } from '../payouts/payout.ts';
import { confirmNow } from '../settlement/confirm-now.ts';
import { isOwnWallet } from '../settlement/lanes.ts';
import { limitAsking } from '../settlement/limit-asking.ts';
import type { AssetOf } from '../settlement/order.ts';
import { STANDARD_PACE } from '../settlement/standard-pace.ts';
import { requireDatabase } from './require-database.ts';

const CONFIRM_WITHIN_MS = 5_000;
const ASK_EVERY_MS = 1_000;
const MOST_ASKED_AT_ONCE = 16;
/** A node that does not answer keeps the API from starting no longer than this. */
const COMPARE_WITHIN_MS = 5_000;
/** Failed authentications, and requests for a token, of one address in a minute. */
const ATTEMPTS_PER_ADDRESS = 600;
/** A payout that had to wait longer for its turn is refused: its caller is about to ask again. */
const INTAKE_PATIENCE_MS = 3_000;

/** The HTTP API, until `signal` aborts; then it answers what has reached it and ends. Holds no key. */
export async function runApi(config: ApiConfig, signal: AbortSignal): Promise<void> {
  const log = createLog({ level: config.logLevel, service: 'api' });
  const database = createDatabase(config.databaseUrl, {
    maxConnections: config.databaseConnections,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
  });
  try {
    await requireDatabase(database);
    await compareWithChains(config, log, signal);
    await serve(config, { database, log }, signal);
  } finally {
    await database.close();
  }
}

/**
 * A request is judged by the configured decimals and contracts, so a configuration that the chain
 * contradicts stops the start. A chain that does not answer does not: payouts can be taken in without it,
 * and the worker compares again before it signs.
 */
async function compareWithChains(config: ApiConfig, log: Log, signal: AbortSignal): Promise<void> {
  const { enabledNetworks } = config;
  const comparisons = enabledNetworks.map(async (network) => {
    try {
      await verifyNetwork(network, accessOf(config, network));
    } catch (error) {
      if (error instanceof ChainMismatch) throw error;
      log.warn({ err: error, network }, 'the configuration was not compared with the chain');
    }
  });
  const patience = new AbortController();
  try {
    await Promise.race([
      Promise.all(comparisons),
      systemClock.sleep(COMPARE_WITHIN_MS, AbortSignal.any([signal, patience.signal])),
    ]);
  } finally {
    patience.abort();
  }
}

async function serve(
  config: ApiConfig,
  parts: { database: Database; log: Log },
  signal: AbortSignal,
): Promise<void> {
  const { log } = parts;
  const deps = serverDeps(config, parts);
  const intake = createIntake(deps, {
    maxWaiting: deps.maxRequestsInFlight,
    maxWaitMs: INTAKE_PATIENCE_MS,
  });
  const server = createServer({ ...deps, intake });
  try {
    await server.listen({ host: config.host, port: config.port });
  } catch (error) {
    throw new ConfigProblem(listenProblem(config, error), { cause: error });
  }
  log.info(
    { host: config.host, port: config.port, networks: config.enabledNetworks },
    'api listens',
  );
  if (!signal.aborted) await once(signal, 'abort');
  log.info({}, 'api stops');
  await server.close();
  await intake.close();
}

function serverDeps(
  config: ApiConfig,
  parts: { database: Database; log: Log },
): Omit<ServerDeps, 'intake'> {
  const { database, log } = parts;
  const ids = createIdSource(systemClock, systemRandom);
  const { registry, enabledNetworks, masterKey } = config;
  const readers = new Map(
    enabledNetworks.map((network) => {
      const access = { ...accessOf(config, network), log: log.child({ network }) };
      return [network, openReader(network, access)];
    }),
  );
  return {
    database,
    registry,
    enabledNetworks,
    ids,
    random: systemRandom,
    clock: systemClock,
    log,
    meter: noMeter,
    masterKey,
    maxRequestsInFlight: config.maxRequestsInFlight,
    trustedProxies: config.trustedProxies,
    rateLimit: {
      perBusiness: config.requestsPerSecond * 60,
      perAddress: ATTEMPTS_PER_ADDRESS,
    },
    isOwnWallet: async (network, address) => await isOwnWallet(database, network, address),
    version: VERSION,
    confirmNow: limitAsking(
      async (payout) => await confirm({ config, database, log, readers }, payout),
      { clock: systemClock, everyMs: ASK_EVERY_MS, most: MOST_ASKED_AT_ONCE },
    ),
  };
}

/** Through a reader, which has no key: what is unseen is sent again by the worker, not here. */
async function confirm(
  parts: {
    config: ApiConfig;
    database: Database;
    log: Log;
    readers: ReadonlyMap<string, NetworkReader>;
  },
  payout: Payout,
): Promise<void> {
  const { config, database, log } = parts;
  const reader = parts.readers.get(payout.network);
  if (reader === undefined) return;
  const assetOf: AssetOf = (network, token) => config.registry.asset(network, token);
  const follower = {
    database,
    reader,
    isWorker: false,
    assetOf,
    clock: systemClock,
    ids: createIdSource(systemClock, systemRandom),
    log: log.child({ network: payout.network }),
    pace: STANDARD_PACE,
    reach: async () => await Promise.resolve(),
  };
  await confirmNow(follower, payout, CONFIRM_WITHIN_MS);
}

function listenProblem(config: ApiConfig, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EADDRINUSE') return `PORT: ${config.port} is in use on ${config.host}`;
  if (code === 'EACCES') return `PORT: ${config.port} may not be used by this user`;
  return `KNIT_HOST: cannot listen on ${config.host} (${code})`;
}
