import { bytesToHex } from '@noble/hashes/utils.js';
import { present } from '../../src/base/assert.ts';
import { createIdSource } from '../../src/base/id.ts';
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
import { adoptSequence, openLane } from '../../src/settlement/lanes.ts';
import type { Settlement, SettlementPace } from '../../src/settlement/settlement.ts';
import { settlePayouts } from '../../src/settlement/settle-payout.ts';
import { submitPayouts } from '../../src/settlement/submit-payouts.ts';
import { startTestChain, type TestChain, type TestToken } from './chain.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { createTestTreasury, STRANGER, type TestTreasury } from './evm-treasury.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { findRoadFaults } from './road-faults.ts';
import { freshAddress } from './settlement-world.ts';
import { createTestBusiness, testOrder, type TestBusiness } from './world.ts';

/** Long against what a test takes; the tests move the clock. */
export const PACE: SettlementPace = {
  leaseMs: 600_000,
  checkEveryMs: 10_000,
  rebroadcastAfterMs: 60_000,
  waitMs: 30_000,
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
  readonly nextSequence: () => Promise<bigint>;
  /** Accepts and submits. */
  readonly submit: (settlement?: Settlement) => Promise<void>;
  /** Confirms everything that is open, at once, and tells the payouts. */
  readonly follow: (settlement?: Settlement) => Promise<void>;
  /** Makes blocks until the newest is final, and so is all before it. */
  readonly finalize: () => Promise<void>;
  /** A transfer with the treasury's key that Knit did not make; gives its hash. */
  readonly payByHand: (sequence: bigint) => Promise<string>;
  /** Accepts, as a person would, what the chain counts beyond the lane. */
  readonly adopt: () => Promise<boolean>;
  /** Goes on with an honest worker until every payout is COMPLETED or FAILED. */
  readonly drain: () => Promise<void>;
  /** A sentence for each promise that is broken; empty where every payout has ended rightly. */
  readonly faults: () => Promise<string[]>;
  readonly close: () => Promise<void>;
}

export async function createSettlementRoad(): Promise<SettlementRoad> {
  const chain = await startTestChain();
  const db = await createTestDatabase();
  const treasury = await createTestTreasury(chain);
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
  await openLane(database, {
    network: chain.network,
    sender: driver.treasury,
    firstSequence: await driver.sequenceFloor(driver.treasury),
    at: clock.now(),
  });
  const settlement = (changes: SettlementChanges = {}): Settlement => {
    const merged: NetworkDriver = { ...driver, ...changes.driver };
    return {
      database,
      assetOf: (_, token) => (token === 'BTC' ? undefined : treasury.assetOf(token)),
      clock,
      ids,
      log: keepingLog(log),
      workerId: ids.next(),
      pace: PACE,
      maxWaitingAttempts: 64,
      roundSize: 64,
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
    nextSequence: async () => {
      const rows = await database.query<{ next_sequence: bigint }>(
        'SELECT next_sequence FROM settlement_lanes',
      );
      return present(rows[0], 'the lane is open').next_sequence;
    },
    submit: async (by = settlement()) => {
      await acceptOrders(by);
      await submitPayouts(by);
    },
    follow: async (by = settlement()) => {
      clock.advance(PACE.checkEveryMs);
      await confirmPayouts(by);
      await settlePayouts(by);
    },
    finalize: async () => {
      await chain.mine(1);
      await chain.mine(2);
    },
    payByHand: async (sequence) => {
      const policy = { tipFloorWei: 10n ** 12n, tipCeilingWei: 10n ** 13n };
      const byHand = treasury.driverWith({
        feePolicy: { ...policy, maxFeeCeilingWei: 10n ** 14n, gasCeiling: 250_000n },
      });
      const order = treasury.orderOf({ toAddress: STRANGER, units: 1n });
      const lane = { sender: driver.treasury, sequence };
      const signed = await byHand.sign([order], lane);
      await chain.rpc('eth_sendRawTransaction', `0x${bytesToHex(signed.rawTransaction)}`);
      return signed.transactionHash;
    },
    adopt: async () =>
      await adoptSequence(database, {
        network: chain.network,
        sender: driver.treasury,
        nextSequence: await driver.sequenceFloor(driver.treasury),
        at: clock.now(),
      }),
    drain: async () => {
      const worker = settlement();
      for (let rounds = 0; rounds < 20; rounds += 1) {
        await road.adopt();
        clock.advance(PACE.leaseMs + 1);
        await road.submit(worker);
        await road.finalize();
        await road.follow(worker);
        const open = await database.query(
          `SELECT payout_id FROM payouts WHERE status IN ('PENDING', 'PROCESSING') LIMIT 1`,
        );
        if (open.length === 0) return;
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

/**
 * Holds every broadcast to the promises: the very bytes are recorded, and no other fence of the same
 * payout is alive.
 */
function guarded(
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
         FROM settlement_attempts a
         JOIN settlement_attempt_items i ON i.attempt_id = a.attempt_id
         LEFT JOIN settlement_attempt_items j
           ON j.payout_id = i.payout_id AND j.attempt_id <> i.attempt_id
         LEFT JOIN settlement_attempts b
           ON b.attempt_id = j.attempt_id AND b.state <> 'DEAD' AND b.fence <> a.fence
         WHERE a.raw_transaction = $1 GROUP BY a.attempt_id`,
        [raw],
      );
      if (recorded === undefined) violations.push('bytes were sent that are not recorded');
      else if (recorded.others > 0n) violations.push('bytes were sent beside a live attempt');
      sent.push(raw.toString('hex'));
      return await driver.broadcast(rawTransaction);
    },
  };
}

function keepingLog(lines: LogLine[]): Log {
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
