import { systemClock } from '../base/clock.ts';
import { createIdSource } from '../base/id.ts';
import { createLog, type Log } from '../base/log.ts';
import type { Meter } from '../base/meter.ts';
import { systemRandom } from '../base/random.ts';
import { accessOf, ConfigProblem, type WorkerConfig } from '../config.ts';
import { createDatabase, type Database } from '../database/database.ts';
import { watchHolds } from '../ledger/watch-holds.ts';
import { createReadiness } from '../metrics/readiness.ts';
import type { NetworkId } from '../money/asset.ts';
import { watchOutbox } from '../outbox/watch-outbox.ts';
import { EVENT_TOPIC, SETTLEMENT_TOPIC } from '../payouts/outbox-topics.ts';
import {
  paceOn,
  STANDARD_BATCHES_AT_ONCE,
  STANDARD_MAX_BATCH_ORDERS,
  STANDARD_MAX_WAITING_TRANSACTIONS,
  STANDARD_PACE,
  STANDARD_ROUND_SIZE,
} from '../settlement/standard-pace.ts';
import type { Checkpoint, Settlement, SettlementPace } from '../settlement/settlement.ts';
import { createSettlementMetrics } from '../settlement/settlement-metrics.ts';
import { startSettlementWorker, type SettlementWorker } from '../settlement/settlement-worker.ts';
import { watchSettlement } from '../settlement/watch-settlement.ts';
import { createMnemonicSigner, type MnemonicSigner } from '../treasury/mnemonic-signer.ts';
import { openDriver } from '../treasury/open-driver.ts';
import { DELIVERY_TOPIC } from '../webhooks/queue-deliveries.ts';
import { rememberHosts, resolveHost } from '../webhooks/resolve-host.ts';
import { createSender } from '../webhooks/send.ts';
import { createWebhookWorker, type WebhookWorker } from '../webhooks/webhook-worker.ts';
import { databaseCheck } from './database-check.ts';
import { requireDatabase } from './require-database.ts';
import { watchProcess, type ProcessWatch } from './watch-process.ts';

/** What a test of crashes and stalls changes about a worker. */
export interface WorkerRehearsal {
  readonly reach: (checkpoint: Checkpoint) => Promise<void>;
  readonly pace: SettlementPace;
  readonly openDriver: typeof openDriver;
}

const REAL: WorkerRehearsal = {
  reach: async () => await Promise.resolve(),
  pace: STANDARD_PACE,
  openDriver,
};

/** How long a merchant's change of address may go unnoticed. */
const REMEMBER_HOST_MS = 5_000;

/** The settlement of every enabled network and the webhooks, in one process, until `signal` aborts. */
export async function runWorker(
  config: WorkerConfig,
  signal: AbortSignal,
  rehearsal: WorkerRehearsal = REAL,
): Promise<void> {
  const log = createLog({ level: config.logLevel, service: 'worker' });
  // The keys come first: a wrong mnemonic stops the start before anything else is touched.
  const keys = readKeys(config);
  const { meter, during } = watchProcess(config, log);
  const database = createDatabase(config.databaseUrl, {
    maxConnections: config.databaseConnections,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
    meter,
  });
  try {
    await requireDatabase(database);
    await work({ config, database, log, keys, rehearsal, meter, during }, signal);
  } finally {
    await database.close();
  }
}

function readKeys(config: WorkerConfig): MnemonicSigner {
  try {
    return createMnemonicSigner({ mnemonic: config.treasuryMnemonic });
  } catch (error) {
    throw new ConfigProblem('KNIT_TREASURY_MNEMONIC: is not a BIP-39 mnemonic in English', {
      cause: error,
    });
  }
}

interface Parts {
  readonly config: WorkerConfig;
  readonly database: Database;
  readonly log: Log;
  readonly keys: MnemonicSigner;
  readonly rehearsal: WorkerRehearsal;
  readonly meter: Meter;
  readonly during: ProcessWatch['during'];
}

async function work(parts: Parts, signal: AbortSignal): Promise<void> {
  const { config, database, log } = parts;
  watchBacklogs(parts);
  const settlements = new Map<NetworkId, SettlementWorker>();
  const webhooks = webhooksOf(parts);
  const conditionOf = (network: NetworkId) => () =>
    settlements.get(network)?.condition() ?? 'is starting';
  const readiness = createReadiness(systemClock, {
    database: await databaseCheck(database),
    ...Object.fromEntries(config.enabledNetworks.map((id) => [id, conditionOf(id)])),
    webhooks: webhooks.condition,
  });
  await parts.during(readiness.check, async () => {
    for (const network of config.enabledNetworks) {
      settlements.set(network, startSettlementWorker(settlementOf(parts, network)));
    }
    webhooks.start();
    log.info(
      { networks: config.enabledNetworks, environment: config.environmentName },
      'worker runs',
    );
    try {
      await untilEnd([...settlements.values()], signal);
    } finally {
      log.info({}, 'worker stops');
      readiness.stop();
      const stops = [...settlements.values()].map(async (settlement) => await settlement.stop());
      await Promise.all([webhooks.stop(), ...stops]);
    }
  });
}

async function untilEnd(
  settlements: readonly SettlementWorker[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.race([
    aborted(signal),
    ...settlements.map(async (settlement) => {
      await settlement.stopped;
    }),
  ]);
}

/** What waits is the same whichever worker tells it. */
function watchBacklogs({ config, database, meter }: Parts): void {
  const clock = systemClock;
  watchSettlement(meter, { database, networks: config.enabledNetworks, clock });
  const topics = [SETTLEMENT_TOPIC, EVENT_TOPIC, DELIVERY_TOPIC];
  watchOutbox(meter, { database, topics, clock });
  watchHolds(meter, { database, clock });
}

function settlementOf(parts: Parts, network: NetworkId): Settlement {
  const { config, database, log, keys, rehearsal, meter } = parts;
  const { registry } = config;
  const ids = createIdSource(systemClock, systemRandom);
  return {
    database,
    driver: rehearsal.openDriver(network, {
      access: { ...accessOf(config, network), log: log.child({ network }) },
      keys,
      gasAccounts: config.gasAccounts,
      bitcoinAddressType: config.bitcoinAddressType,
    }),
    assetOf: (id, token) => registry.asset(id, token),
    clock: systemClock,
    ids,
    log: log.child({ network }),
    metrics: createSettlementMetrics(meter, network),
    workerId: ids.next(),
    pace: { ...paceOn(network, rehearsal.pace), batchWaitMs: config.batchWaitMs },
    maxBatchOrders: STANDARD_MAX_BATCH_ORDERS,
    batchesAtOnce: STANDARD_BATCHES_AT_ONCE,
    maxWaitingTransactions: STANDARD_MAX_WAITING_TRANSACTIONS,
    roundSize: STANDARD_ROUND_SIZE,
    reach: rehearsal.reach,
  };
}

function webhooksOf(parts: Parts): WebhookWorker {
  const { config, database, log } = parts;
  return createWebhookWorker({
    database,
    masterKey: config.masterKey,
    clock: systemClock,
    random: systemRandom,
    ids: createIdSource(systemClock, systemRandom),
    log: log.child({ part: 'webhooks' }),
    meter: parts.meter,
    sender: createSender({
      guard: {
        lookup: rememberHosts(
          async (name) => await resolveHost(name),
          systemClock,
          REMEMBER_HOST_MS,
        ),
        allowedPrivateTargets: config.allowedPrivateTargets,
      },
    }),
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
