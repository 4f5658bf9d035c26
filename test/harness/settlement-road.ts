import { createWalletClient, encodeFunctionData, http, parseAbi, type Hex } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { present } from '../../src/base/assert.ts';
import { createIdSource } from '../../src/base/id.ts';
import { noMeter } from '../../src/base/meter.ts';
import type { Log } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Database, Row } from '../../src/database/database.ts';
import { CommitUnknown } from '../../src/database/sql-failure.ts';
import type { NetworkDriver } from '../../src/networks/network.ts';
import { createPayout } from '../../src/payouts/create-payout.ts';
import { findPayout } from '../../src/payouts/find-payouts.ts';
import type { Payout } from '../../src/payouts/payout.ts';
import { acceptOrders } from '../../src/settlement/accept-orders.ts';
import { confirmPayouts } from '../../src/settlement/confirm-payouts.ts';
import { findAttempts, type AttemptView } from '../../src/settlement/find-attempts.ts';
import { keepUp } from '../../src/settlement/keep-up.ts';
import { adoptSequence, listLanes } from '../../src/settlement/lanes.ts';
import { findNetworkState, resumeNetwork } from '../../src/settlement/network-state.ts';
import { createSettlementMetrics } from '../../src/settlement/settlement-metrics.ts';
import { open } from '../../src/settlement/settlement-worker.ts';
import type { Settlement, SettlementPace } from '../../src/settlement/settlement.ts';
import { settlePayouts } from '../../src/settlement/settle-payout.ts';
import { submitPayouts } from '../../src/settlement/submit-payouts.ts';
import { tendLanes } from '../../src/settlement/tend-lanes.ts';
import { startTestChain, type TestChain, type TestToken } from './chain.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import {
  createBareTreasury,
  createTestTreasury,
  STRANGER,
  TREASURY_MNEMONIC,
  type TestTreasury,
} from './evm-treasury.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { findRoadFaults } from './road-faults.ts';
import { freshAddress } from './settlement-world.ts';
import { createTestBusiness, testOrder, type TestBusiness } from './world.ts';

/** Long against what a test takes; the tests move the clock. */
export const PACE: SettlementPace = {
  leaseMs: 600_000,
  batchWaitMs: 0,
  checkEveryMs: 10_000,
  checkIncludedEveryMs: 20_000,
  rebroadcastAfterMs: 60_000,
  replaceAfterMs: 120_000,
  reconcileEveryMs: 10_000,
  compareEveryMs: 600_000,
  waitMs: 30_000,
  tellSigningAfterMs: 0,
  idleMs: 1_000,
};

/** The ledger's units of one of the asset's: 18 decimals against 6. */
const LEDGER_SCALE = 10n ** 12n;

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export type SettlementChanges = Partial<Omit<Settlement, 'driver'>> & {
  readonly driver?: Partial<NetworkDriver>;
};

/** Settlement's steps in this process, on a real database and a chain whose blocks the test makes. */
export interface SettlementRoad {
  readonly db: TestDatabase;
  readonly chain: TestChain;
  readonly treasury: TestTreasury;
  readonly clock: ManualClock;
  readonly log: LogLine[];
  /** Every transaction that was ever broadcast, in hex, in order. */
  readonly sent: string[];
  readonly payouts: Payout[];
  /** What the driver's guard saw that must never be. */
  readonly violations: string[];
  /** Of a worker of its own at each call. */
  readonly settlement: (changes?: SettlementChanges) => Settlement;
  /** A payout of `units` (6 decimals) to an address that nobody else pays. */
  readonly order: (units: bigint, token?: TestToken) => Promise<Payout>;
  readonly read: (payout: Payout) => Promise<Payout>;
  readonly attempts: (payout: Payout) => Promise<AttemptView[]>;
  readonly orderRow: (payout: Payout) => Promise<Row>;
  readonly holdState: (payout: Payout) => Promise<string>;
  /** The number that the next fence is made of. */
  readonly nextNumber: () => Promise<bigint>;
  /** Accepts and submits. */
  readonly submit: (settlement?: Settlement) => Promise<void>;
  /** Confirms everything that is open, at once, and tells the payouts. */
  readonly follow: (settlement?: Settlement) => Promise<void>;
  /** Looks after the lanes: resends, replaces, finishes. */
  readonly tend: (settlement?: Settlement) => Promise<void>;
  /** Makes blocks until the newest is final, and so is all before it. */
  readonly finalize: () => Promise<void>;
  /** Moves the chain's time, and makes a block at it. */
  readonly passTime: (seconds: number) => Promise<void>;
  /** A transfer with the treasury's key that Knit did not make; gives its hash. */
  readonly payByHand: () => Promise<string>;
  /** Accepts, as a person would, what stopped the network and its lanes. */
  readonly adopt: () => Promise<void>;
  /** Goes on with an honest worker until every payout is COMPLETED or FAILED. */
  readonly drain: () => Promise<void>;
  /** A sentence for each promise that is broken; empty where every payout has ended rightly. */
  readonly faults: () => Promise<string[]>;
  readonly close: () => Promise<void>;
}

/** `isBare`: the treasury has tokens and coins, and nothing else is set up. */
export async function createSettlementRoad(
  options: { readonly isBare?: true } = {},
): Promise<SettlementRoad> {
  const chain = await startTestChain();
  const db = await createTestDatabase();
  const treasury =
    options.isBare === true ? createBareTreasury(chain) : await createTestTreasury(chain);
  if (options.isBare === true) await chain.fund(treasury.driver.treasury);
  const { driver } = treasury;
  const { database } = db;
  const clock = createManualClock();
  const units = 10n ** 30n;
  const businesses: Readonly<Record<TestToken, TestBusiness>> = {
    USDT: await createTestBusiness(database, { units }),
    USDC: await createTestBusiness(database, { units, token: 'USDC' }),
  };
  const log: LogLine[] = [];
  const sent: string[] = [];
  const payouts: Payout[] = [];
  const violations: string[] = [];
  const ids = createIdSource(clock, systemRandom);
  await open({ database, driver, clock });
  const settlement = (changes: SettlementChanges = {}): Settlement => {
    const merged: NetworkDriver = { ...driver, ...changes.driver };
    return {
      database,
      assetOf: (_, token) => (token === 'BTC' ? undefined : treasury.assetOf(token)),
      clock,
      ids,
      log: keepingLog(log),
      metrics: createSettlementMetrics(noMeter, driver.network),
      workerId: ids.next(),
      pace: PACE,
      maxBatchOrders: 250,
      batchesAtOnce: 1,
      maxWaitingTransactions: 16,
      roundSize: 500,
      reach: async () => await Promise.resolve(),
      ...changes,
      driver: guarded(merged, { database, sent, violations }),
    };
  };
  const road: SettlementRoad = {
    db,
    chain,
    treasury,
    clock,
    log,
    sent,
    payouts,
    violations,
    settlement,
    order: async (amount, token = 'USDT') => {
      clock.advance(1);
      const outcome = await createPayout(
        { database, ids },
        testOrder(businesses[token], { units: amount * LEDGER_SCALE, toAddress: freshAddress() }),
      );
      if (outcome.kind !== 'created') throw new Error('not created');
      payouts.push(outcome.payout);
      return outcome.payout;
    },
    read: async ({ businessId, payoutId }) =>
      present(await findPayout(database, businessId, payoutId), 'it exists'),
    attempts: async (payout) => await findAttempts(database, payout),
    orderRow: async ({ payoutId }) => await oneRow(database, 'settlement_orders', payoutId),
    holdState: async ({ payoutId }) =>
      String((await oneRow(database, 'ledger_holds', payoutId))['state']),
    nextNumber: async () => {
      const state = await findNetworkState(database, chain.network);
      return present(state, 'the network is open').nextNumber;
    },
    submit: async (by = settlement()) => {
      await acceptOrders(by);
      await submitPayouts(by);
    },
    follow: async (by = settlement()) => {
      clock.advance(PACE.checkIncludedEveryMs);
      await confirmPayouts(by);
      await settlePayouts(by);
    },
    tend: async (by = settlement()) => await tendLanes(by),
    finalize: async () => {
      await chain.mine(1);
      await chain.mine(2);
    },
    passTime: async (seconds) => {
      await chain.rpc('evm_increaseTime', seconds);
      await chain.mine(1);
    },
    payByHand: async () => await payByHand(road),
    adopt: async () => await adopt(road),
    drain: async () => {
      const worker = settlement();
      for (let rounds = 0; rounds < 20; rounds += 1) {
        await road.adopt();
        clock.advance(PACE.leaseMs + 1);
        await keepUp(worker);
        await road.submit(worker);
        await road.tend(worker);
        await road.finalize();
        await road.follow(worker);
        await road.tend(worker);
        if ((await findOpenPayouts(database)) === 0) return;
      }
      throw new Error('some payouts do not end');
    },
    faults: async () => await findRoadFaults(road, Object.values(businesses)),
    close: async () => {
      await chain.stop();
      await db.drop();
    },
  };
  return road;
}

const TRANSFER = parseAbi(['function transfer(address to, uint256 value)']);

/** As somebody would who has the treasury's key: a plain transfer, from outside Knit. */
async function payByHand({ chain, treasury }: SettlementRoad): Promise<string> {
  const account = mnemonicToAccount(TREASURY_MNEMONIC);
  const wallet = createWalletClient({ account, transport: http(chain.rpcUrl) });
  return await wallet.sendTransaction({
    chain: null,
    to: treasury.assetOf('USDT').contract as Hex,
    data: encodeFunctionData({ abi: TRANSFER, functionName: 'transfer', args: [STRANGER, 1n] }),
    gas: 200_000n,
    maxFeePerGas: 10n ** 14n,
    maxPriorityFeePerGas: 10n ** 12n,
  });
}

async function adopt({ db, chain, treasury, clock }: SettlementRoad): Promise<void> {
  const { database } = db;
  const { network } = chain;
  for (const { sender } of await listLanes(database)) {
    const { latest } = await treasury.driver.sequences(sender);
    await adoptSequence(database, { network, sender, nextSequence: latest, at: clock.now() });
  }
  const stoppedFor = (await findNetworkState(database, network))?.stoppedFor ?? null;
  if (stoppedFor !== null) await resumeNetwork(database, { network, stoppedFor, at: clock.now() });
}

async function findOpenPayouts(database: Database): Promise<number> {
  const open = await database.query(
    `SELECT payout_id FROM payouts WHERE status IN ('PENDING', 'PROCESSING') LIMIT 1`,
  );
  return open.length;
}

/**
 * Holds every broadcast to the promises: the very bytes are recorded, and what they carry is the only
 * attempt of its payouts that is alive.
 */
export function guarded(
  driver: NetworkDriver,
  watch: { database: Database; sent: string[]; violations: string[] },
): NetworkDriver {
  const { database, sent, violations } = watch;
  return {
    ...driver,
    broadcast: async (rawTransaction) => {
      const raw = Buffer.from(rawTransaction);
      const [recorded] = await database.query<{ others: bigint }>(
        `SELECT count(b.attempt_id) AS others
         FROM settlement_transactions t
         LEFT JOIN settlement_attempt_items i ON i.attempt_id = t.attempt_id
         LEFT JOIN settlement_attempt_items j
           ON j.payout_id = i.payout_id AND j.attempt_id <> i.attempt_id
         LEFT JOIN settlement_attempts b ON b.attempt_id = j.attempt_id AND b.state = 'OPEN'
         WHERE t.raw_transaction = $1 GROUP BY t.transaction_hash`,
        [raw],
      );
      if (recorded === undefined) violations.push('bytes were sent that are not recorded');
      else if (recorded.others > 0n) violations.push('bytes were sent beside a live attempt');
      sent.push(raw.toString('hex'));
      return await driver.broadcast(rawTransaction);
    },
  };
}

export function keepingLog(lines: LogLine[]): Log {
  const keep =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: { ...fields }, message });
    };
  const log: Log = {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: () => log,
  };
  return log;
}

async function oneRow(database: Database, table: string, payoutId: string): Promise<Row> {
  const [row] = await database.query(`SELECT * FROM ${table} WHERE payout_id = $1`, [payoutId]);
  return present(row, `${table} has the payout`);
}

class RolledBack extends Error {}

/** A database whose connection breaks at every COMMIT, after it took effect or before. */
export function losingCommits(database: Database, outcome: 'committed' | 'rolled back'): Database {
  return {
    ...database,
    transaction: async (work) => {
      await database
        .transaction(async (tx) => {
          await work(tx);
          if (outcome === 'rolled back') throw new RolledBack();
        })
        .catch((error: unknown) => {
          if (!(error instanceof RolledBack)) throw error;
        });
      throw new CommitUnknown(new Error('the connection broke'));
    },
  };
}
