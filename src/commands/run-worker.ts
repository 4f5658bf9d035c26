import { systemClock } from '../base/clock.ts';
import { createIdSource } from '../base/id.ts';
import { createLog, type Log } from '../base/log.ts';
import { noMeter } from '../base/meter.ts';
import { systemRandom } from '../base/random.ts';
import { accessOf, ConfigProblem, type WorkerConfig } from '../config.ts';
import { createDatabase, type Database } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import {
  paceOn,
  STANDARD_BATCHES_AT_ONCE,
  STANDARD_MAX_BATCH_ORDERS,
  STANDARD_MAX_WAITING_TRANSACTIONS,
  STANDARD_PACE,
  STANDARD_ROUND_SIZE,
} from '../settlement/standard-pace.ts';
import type { Checkpoint, Settlement, SettlementPace } from '../settlement/settlement.ts';
import { startSettlementWorker } from '../settlement/settlement-worker.ts';
import { createMnemonicSigner, type MnemonicSigner } from '../treasury/mnemonic-signer.ts';
import { openDriver } from '../treasury/open-driver.ts';
import { resolveHost } from '../webhooks/resolve-host.ts';
import { createSender } from '../webhooks/send.ts';
import { createWebhookWorker, type WebhookWorker } from '../webhooks/webhook-worker.ts';
import { requireDatabase } from './require-database.ts';

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

/** The settlement of every enabled network and the webhooks, in one process, until `signal` aborts. */
export async function runWorker(
  config: WorkerConfig,
  signal: AbortSignal,
  rehearsal: WorkerRehearsal = REAL,
): Promise<void> {
  const log = createLog({ level: config.logLevel, service: 'worker' });
  // The keys come first: a wrong mnemonic stops the start before anything else is touched.
  const keys = readKeys(config);
  const database = createDatabase(config.databaseUrl, {
    maxConnections: config.databaseConnections,
    onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
  });
  try {
    await requireDatabase(database);
    await work({ config, database, log, keys, rehearsal }, signal);
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
}

async function work(parts: Parts, signal: AbortSignal): Promise<void> {
  const { config, log } = parts;
  const settlements = config.enabledNetworks.map((network) =>
    startSettlementWorker(settlementOf(parts, network)),
  );
  const webhooks = webhooksOf(parts);
  webhooks.start();
  log.info(
    { networks: config.enabledNetworks, environment: config.environmentName },
    'worker runs',
  );
  try {
    await Promise.race([
      aborted(signal),
      ...settlements.map(async (settlement) => {
        await settlement.stopped;
      }),
    ]);
  } finally {
    log.info({}, 'worker stops');
    await Promise.all([
      webhooks.stop(),
      ...settlements.map(async (settlement) => {
        await settlement.stop();
      }),
    ]);
  }
}

function settlementOf(parts: Parts, network: NetworkId): Settlement {
  const { config, database, log, keys, rehearsal } = parts;
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
    meter: noMeter,
    sender: createSender({
      guard: { lookup: resolveHost, allowedPrivateTargets: config.allowedPrivateTargets },
    }),
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
