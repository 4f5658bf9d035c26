import { once } from 'node:events';
import { systemClock } from '../base/clock.ts';
import { createIdSource } from '../base/id.ts';
import { createLog, type Log } from '../base/log.ts';
import type { Meter } from '../base/meter.ts';
import { systemRandom } from '../base/random.ts';
import { CHECK_OK } from '../base/readiness.ts';
import { VERSION } from '../base/version.ts';
import { accessOf, ConfigProblem, type ApiConfig } from '../config.ts';
import { createDatabase, type Database } from '../database/database.ts';
import { createServer, type ServerDeps } from '../http/server.ts';
import { createReadiness, type ReadinessSource } from '../metrics/readiness.ts';
import { ChainMismatch, type NetworkReader } from '../networks/network.ts';
import { openReader } from '../networks/open-reader.ts';
import { verifyNetwork } from '../networks/verify-network.ts';
import { createIntake } from '../payouts/intake.ts';
import type { Payout } from '../payouts/payout.ts';
import { confirmNow } from '../settlement/confirm-now.ts';
import { createOwnWalletLookup } from '../settlement/lanes.ts';
import { limitAsking } from '../settlement/limit-asking.ts';
import { createSettlementMetrics } from '../settlement/settlement-metrics.ts';
import type { AssetOf } from '../settlement/order.ts';
import { STANDARD_PACE } from '../settlement/standard-pace.ts';
import { listenProblem } from './listen-problem.ts';
import { databaseCheck } from './database-check.ts';
import { requireDatabase } from './require-database.ts';
import { watchProcess } from './watch-process.ts';

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
  const { meter, during } = watchProcess(config, log);
  const database = createDatabase(config.databaseUrl, {
    maxConnections: config.databaseConnections,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
    meter,
  });
  try {
    await requireDatabase(database);
    let isListening = false;
    const readiness = createReadiness(systemClock, {
      database: await databaseCheck(database),
      api: () => (isListening ? CHECK_OK : 'is starting'),
    });
    const onListening = (): void => {
      isListening = true;
    };
    await during(readiness.check, async () => {
      await compareWithChains(config, log, signal);
      await serve({ config, database, log, meter, readiness, onListening }, signal);
    });
  } finally {
    await database.close();
  }
}

interface Parts {
  readonly config: ApiConfig;
  readonly database: Database;
  readonly log: Log;
  readonly meter: Meter;
  readonly readiness: ReadinessSource;
  readonly onListening: () => void;
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

async function serve(parts: Parts, signal: AbortSignal): Promise<void> {
  const { config, log } = parts;
  const deps = serverDeps(parts);
  const intake = createIntake(deps, {
    maxWaiting: deps.maxRequestsInFlight,
    maxWaitMs: INTAKE_PATIENCE_MS,
  });
  const server = createServer({ ...deps, intake });
  try {
    await server.listen({ host: config.host, port: config.port });
  } catch (error) {
    const settings = { host: 'KNIT_HOST', port: 'PORT' };
    throw new ConfigProblem(listenProblem(settings, config, error), { cause: error });
  }
  parts.onListening();
  log.info(
    { host: config.host, port: config.port, networks: config.enabledNetworks },
    'api listens',
  );
  if (!signal.aborted) await once(signal, 'abort');
  log.info({}, 'api stops');
  parts.readiness.stop();
  await systemClock.sleep(config.stopDelayMs);
  await server.close();
  await intake.close();
}

function serverDeps(parts: Parts): Omit<ServerDeps, 'intake'> {
  const { config, database, log, meter } = parts;
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
    meter,
    masterKey,
    maxRequestsInFlight: config.maxRequestsInFlight,
    maxConnections: config.maxConnections,
    trustedProxies: config.trustedProxies,
    rateLimit: {
      perBusiness: config.requestsPerSecond * 60,
      perAddress: ATTEMPTS_PER_ADDRESS,
    },
    isOwnWallet: createOwnWalletLookup(database, systemClock),
    readiness: parts.readiness.check,
    version: VERSION,
    confirmNow: limitAsking(
      async (payout) => await confirm({ config, database, log, meter, readers }, payout),
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
    meter: Meter;
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
    metrics: createSettlementMetrics(parts.meter, payout.network),
    pace: STANDARD_PACE,
    reach: async () => await Promise.resolve(),
  };
  await confirmNow(follower, payout, CONFIRM_WITHIN_MS);
}
