import { present } from '../../src/base/assert.ts';
import type { Clock } from '../../src/base/clock.ts';
import { createIdSource } from '../../src/base/id.ts';
import { noMeter } from '../../src/base/meter.ts';
import { systemRandom } from '../../src/base/random.ts';
import { checkBooks } from '../../src/ledger/check-books.ts';
import type { Asset } from '../../src/money/asset.ts';
import type { NetworkDriver } from '../../src/networks/network.ts';
import { createPayout } from '../../src/payouts/create-payout.ts';
import { findPayout } from '../../src/payouts/find-payouts.ts';
import type { Payout } from '../../src/payouts/payout.ts';
import { acceptOrders } from '../../src/settlement/accept-orders.ts';
import { confirmPayouts } from '../../src/settlement/confirm-payouts.ts';
import { deepReorgBlocks } from '../../src/settlement/deep-reorg.ts';
import { findAttempts, type AttemptView } from '../../src/settlement/find-attempts.ts';
import { listTakenCoins } from '../../src/settlement/internal/coin-store.ts';
import { findNetworkState } from '../../src/settlement/network-state.ts';
import { reconcile } from '../../src/settlement/reconcile.ts';
import { createSettlementMetrics } from '../../src/settlement/settlement-metrics.ts';
import { open } from '../../src/settlement/settlement-worker.ts';
import type { Settlement } from '../../src/settlement/settlement.ts';
import { settlePayouts } from '../../src/settlement/settle-payout.ts';
import { submitPayouts } from '../../src/settlement/submit-payouts.ts';
import { tendLanes } from '../../src/settlement/tend-lanes.ts';
import { watchChain } from '../../src/settlement/watch-chain.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import {
  guarded,
  keepingLog,
  PACE,
  type LogLine,
  type SettlementChanges,
} from './settlement-road.ts';
import { createTestBusiness, testOrder } from './world.ts';

/** A row of settlement_transactions. */
export interface TransactionRow {
  readonly hash: string;
  readonly sequence: bigint;
  readonly purpose: string;
  readonly state: 'OPEN' | 'FINAL' | 'REPLACED';
}

/**
 * Settlement's steps in this process where each transaction stands alone, on a real database and a chain in
 * memory whose blocks and time the test makes.
 */
export interface AloneRoad {
  readonly db: TestDatabase;
  readonly log: readonly LogLine[];
  /** Every transaction that was ever broadcast, in hex, in order. */
  readonly sent: readonly string[];
  /** What the driver's guard saw that must never be. */
  readonly violations: readonly string[];
  /** Of a worker of its own at each call. */
  readonly settlement: (changes?: SettlementChanges) => Settlement;
  /** Units are the asset's. */
  readonly order: (units: bigint, toAddress: string) => Promise<Payout>;
  readonly read: (payout: Payout) => Promise<Payout>;
  readonly attempts: (payout: Payout) => Promise<AttemptView[]>;
  /** Oldest first. */
  readonly transactions: () => Promise<TransactionRow[]>;
  readonly takenCoins: () => Promise<string[]>;
  readonly stoppedFor: () => Promise<string | null>;
  /** Accepts and submits. */
  readonly submit: (by?: Settlement) => Promise<void>;
  /** Looks at everything that is open, and tells the payouts. */
  readonly follow: (by?: Settlement) => Promise<void>;
  readonly tend: (by?: Settlement) => Promise<void>;
  /** Notes the chain's final block, and reconciles up to it. */
  readonly reconcile: () => Promise<void>;
  /** What is wrong with the books, and what was sent that must not be. */
  readonly problems: () => Promise<string[]>;
  readonly close: () => Promise<void>;
}

export async function createAloneRoad(parts: {
  readonly driver: NetworkDriver;
  /** Payouts are of this one. */
  readonly asset: Asset;
  readonly clock: Clock;
  /** Moves the clock. */
  readonly pass: (ms: number) => void;
}): Promise<AloneRoad> {
  const { driver, asset, clock, pass } = parts;
  const { network } = driver;
  const { token } = asset;
  const db = await createTestDatabase();
  const { database } = db;
  const business = await createTestBusiness(database, { token, units: 10n ** 30n });
  const log: LogLine[] = [];
  const sent: string[] = [];
  const violations: string[] = [];
  const ids = createIdSource(clock, systemRandom);
  const scale = 10n ** BigInt(18 - asset.decimals);
  await open({ database, driver, clock });
  const settlement = (changes: SettlementChanges = {}): Settlement => ({
    database,
    assetOf: (_, wanted) => (wanted === token ? asset : undefined),
    clock,
    ids,
    log: keepingLog(log),
    metrics: createSettlementMetrics(noMeter, network),
    workerId: ids.next(),
    pace: PACE,
    maxBatchOrders: 250,
    batchesAtOnce: 1,
    maxWaitingTransactions: 16,
    roundSize: 500,
    reach: async () => await Promise.resolve(),
    ...changes,
    driver: guarded({ ...driver, ...changes.driver }, { database, sent, violations }),
  });
  return {
    db,
    log,
    sent,
    violations,
    settlement,
    order: async (units, toAddress) => {
      const order = testOrder(business, { network, token, units: units * scale, toAddress });
      const outcome = await createPayout({ database, ids }, order);
      if (outcome.kind !== 'created') throw new Error('not created');
      return outcome.payout;
    },
    read: async ({ businessId, payoutId }) =>
      present(await findPayout(database, businessId, payoutId), 'it exists'),
    attempts: async (payout) => await findAttempts(database, payout),
    transactions: async () =>
      await database.query<TransactionRow & object>(
        `SELECT transaction_hash AS hash, sequence, purpose, state FROM settlement_transactions
         WHERE network = $1 ORDER BY created_at, sequence`,
        [network],
      ),
    takenCoins: async () => await listTakenCoins(database, network),
    stoppedFor: async () => (await findNetworkState(database, network))?.stoppedFor ?? null,
    submit: async (by = settlement()) => {
      await acceptOrders(by);
      await submitPayouts(by);
    },
    follow: async (by = settlement()) => {
      pass(PACE.checkIncludedEveryMs);
      await confirmPayouts(by);
      await settlePayouts(by);
    },
    tend: async (by = settlement()) => await tendLanes(by),
    reconcile: async () => {
      const by = settlement();
      await watchChain(by, deepReorgBlocks(network));
      await reconcile(by);
    },
    problems: async () => [...violations, ...(await checkBooks(database, business.businessId))],
    close: async () => await db.drop(),
  };
}
