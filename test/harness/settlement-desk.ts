import { createIdSource, type IdSource } from '../../src/base/id.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Database, Tx } from '../../src/database/database.ts';
import { createPayout } from '../../src/payouts/create-payout.ts';
import type { Payout } from '../../src/payouts/payout.ts';
import type { Accepter } from '../../src/settlement/accept-orders.ts';
import type { NetworkReporter } from '../../src/settlement/settle-payout.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createTestBusiness, testOrder, type TestBusiness } from './world.ts';

const ASSET = { contract: null, minimumUnits: 1n, payoutsEnabled: true };

export const LEASE_MS = 60_000;

/** The two ends of settlement that know no chain: taking payouts over, and telling them their end. */
export interface SettlementDesk {
  readonly db: TestDatabase;
  readonly clock: ManualClock;
  readonly ids: IdSource;
  readonly businesses: readonly TestBusiness[];
  /** What an alarm named, and its words. */
  readonly alarms: string[];
  /** The first words of every statement since it was last emptied. */
  readonly statements: string[];
  readonly worker: (changes?: Partial<Accepter & NetworkReporter>) => Accepter & NetworkReporter;
  /** Payouts of the businesses in turn, of one ledger unit of 6 decimals and more. */
  readonly order: (count: number) => Promise<Payout[]>;
  readonly close: () => Promise<void>;
}

export async function createSettlementDesk(): Promise<SettlementDesk> {
  const db = await createTestDatabase();
  const clock = createManualClock();
  const ids = createIdSource(clock, systemRandom);
  const businesses: TestBusiness[] = [];
  for (let made = 0; made < 5; made += 1) {
    businesses.push(await createTestBusiness(db.database, { units: 10n ** 24n }));
  }
  const alarms: string[] = [];
  const statements: string[] = [];
  const database = listening(db.database, statements);
  let ordered = 0;
  return {
    db,
    clock,
    ids,
    businesses,
    alarms,
    statements,
    worker: (changes = {}) => ({
      database,
      clock,
      ids,
      log: collecting(alarms),
      assetOf: (network, token) =>
        token === 'USDT' ? { network, token, ...ASSET, decimals: 6 } : undefined,
      driver: { network: 'MATIC_MAINNET' },
      pace: { leaseMs: LEASE_MS, tellSigningAfterMs: 0 },
      roundSize: 100,
      reach: async () => await Promise.resolve(),
      ...changes,
    }),
    order: async (count) => {
      const payouts: Payout[] = [];
      for (let made = 0; made < count; made += 1) {
        const business = businesses[ordered % businesses.length];
        if (business === undefined) throw new Error('there are businesses');
        ordered += 1;
        const order = testOrder(business, { units: BigInt(ordered) * 10n ** 12n });
        const outcome = await createPayout({ database: db.database, ids }, order);
        if (outcome.kind === 'created') payouts.push(outcome.payout);
      }
      return payouts;
    },
    close: async () => await db.drop(),
  };
}

function listening(database: Database, statements: string[]): Database {
  const note = (text: string): void => {
    statements.push(text.trim().split(/\s+/).slice(0, 3).join(' '));
  };
  return {
    ...database,
    query: async (text, values) => {
      note(text);
      return await database.query(text, values);
    },
    transaction: async (work) =>
      await database.transaction(async (tx) => {
        const heard: Tx = {
          ...tx,
          query: async (text, values) => {
            note(text);
            return await tx.query(text, values);
          },
        };
        return await work(heard);
      }),
  };
}

function collecting(alarms: string[]): Log {
  const log: Log = {
    ...silentLog,
    error: (fields, message) => {
      const { itemId, payoutId, err } = fields as Record<string, unknown>;
      alarms.push(`${String(itemId ?? payoutId)} ${message}: ${String(err)}`);
    },
    child: () => log,
  };
  return log;
}
