import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { createManualClock } from '../../test/harness/manual-clock.ts';
import { createRecordingMeter } from '../../test/harness/recording-meter.ts';
import {
  createTestBusiness,
  testIds,
  testOrder,
  type TestBusiness,
} from '../../test/harness/world.ts';
import { present } from '../base/assert.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { createDatabase, type Database, type Row, type Tx } from '../database/database.ts';
import { isRetryable } from '../database/sql-failure.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { createIntake, type Intake, type IntakeLimits } from './intake.ts';
import { keepingAnswers, type IdempotentRequest } from './idempotency.ts';
import type { PayoutOrder } from './payout-order.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ maxConnections: 20 });
});
afterAll(async () => {
  await db.drop();
});

function open(
  limits: Partial<IntakeLimits> = {},
  parts: { database?: Database; clock?: Clock } = {},
): Intake & { read: (name: string) => Promise<Readonly<Record<string, number>>> } {
  const recorded = createRecordingMeter();
  const { meter } = recorded;
  const deps = { database: db.database, ids: testIds, clock: systemClock, meter, ...parts };
  return {
    ...createIntake(deps, { maxWaiting: 1000, maxWaitMs: 20_000, ...limits }),
    read: async (name) => await recorded.read(name),
  };
}

/** What became of each, in the order in which they were asked for in one turn. */
async function ask(intake: Intake, orders: readonly PayoutOrder[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(
    orders.map(async (order) => await intake.create(order)),
  );
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value.kind;
    return outcome.reason instanceof Fault ? outcome.reason.code : String(outcome.reason);
  });
}

function times(count: number, outcome: string): string[] {
  return Array.from({ length: count }, () => outcome);
}

function ordersOf(business: TestBusiness, count: number, units = 1n): PayoutOrder[] {
  return Array.from({ length: count }, () => testOrder(business, { units }));
}

async function countPayouts({ businessId }: TestBusiness): Promise<number> {
  expect(await checkBooks(db.database, businessId)).toEqual([]);
  const rows = await db.database.query('SELECT 1 FROM payouts WHERE business_id = $1', [
    businessId,
  ]);
  return rows.length;
}

/** Keeps the account locked until the work is done. */
async function whileLocked<T>({ businessId }: TestBusiness, work: () => Promise<T>): Promise<T> {
  return await db.database.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM ledger_accounts WHERE business_id = $1 FOR UPDATE', [businessId]);
    return await work();
  });
}

/** Until as many of the database's sessions wait for a lock. */
async function untilWaiting(count: number): Promise<void> {
  const waiting = async (): Promise<number> => {
    const rows = await db.database.query(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows.length;
  };
  await expect.poll(waiting).toBe(count);
}

describe('what comes together', () => {
  it('is committed together, and what comes meanwhile goes with the next', async () => {
    const business = await createTestBusiness(db.database, { units: 1000n });
    const intake = open();
    const first = ask(intake, ordersOf(business, 40));
    await setImmediate();
    const second = ask(intake, ordersOf(business, 20));
    await Promise.all([first, second]);
    await intake.close();
    expect(await intake.read('knit_intake_batch_size')).toEqual({ '': 2 });
    expect(await intake.read('knit_intake_commit_duration_seconds')).toEqual({ '': 2 });
    expect(await intake.read('knit_intake_outcomes_total')).toEqual({ created: 60 });
    expect(await intake.read('knit_intake_queue_depth')).toEqual({ '': 0 });
    expect(await countPayouts(business)).toBe(60);
  });

  it('goes in batches of the most that is allowed, in order', async () => {
    const business = await createTestBusiness(db.database, { units: 5n });
    const intake = open({ maxBatch: 3 });
    const outcomes = await ask(intake, ordersOf(business, 8));
    await intake.close();
    expect(outcomes).toEqual([...times(5, 'created'), ...times(3, 'INSUFFICIENT_BALANCE')]);
    expect(await intake.read('knit_intake_batch_size')).toEqual({ '': 3 });
    expect(await intake.read('knit_intake_outcomes_total')).toEqual({
      created: 5,
      balance_short: 3,
    });
  });
});

describe('a batch that does not come back', () => {
  it('holds up its own businesses, and nobody else', async () => {
    const [stuck, other] = [
      await createTestBusiness(db.database, { units: 10n }),
      await createTestBusiness(db.database, { units: 10n }),
    ];
    const intake = open({ lateAfterMs: 20 });
    const held = await whileLocked(stuck, async () => {
      const first = ask(intake, ordersOf(stuck, 1));
      await untilWaiting(1);
      const behind = ask(intake, ordersOf(stuck, 1));
      expect(await ask(intake, ordersOf(other, 2))).toEqual(['created', 'created']);
      expect(await countPayouts(stuck)).toBe(0);
      return [first, behind];
    });
    expect(await Promise.all(held)).toEqual([['created'], ['created']]);
    await intake.close();
    expect([await countPayouts(stuck), await countPayouts(other)]).toEqual([2, 2]);
  });
});

describe('past the bound', () => {
  it('an order is refused at once, and those that wait are not harmed', async () => {
    const business = await createTestBusiness(db.database, { units: 100n });
    const intake = open({ maxWaiting: 3 });
    const { first, waiting } = await whileLocked(business, async () => {
      const asked = { first: ask(intake, ordersOf(business, 1)), waiting: Promise.resolve(['']) };
      await untilWaiting(1);
      asked.waiting = ask(intake, ordersOf(business, 3));
      expect(await ask(intake, ordersOf(business, 2))).toEqual(['OVERLOADED', 'OVERLOADED']);
      expect(await intake.read('knit_intake_queue_depth')).toEqual({ '': 3 });
      return asked;
    });
    expect(await first).toEqual(['created']);
    expect(await waiting).toEqual(['created', 'created', 'created']);
    await intake.close();
    expect(await countPayouts(business)).toBe(4);
  });

  it('who has waited too long is refused while nothing moves, and what was tried is not', async () => {
    const business = await createTestBusiness(db.database, { units: 100n });
    const intake = open({ maxWaitMs: 50 });
    const first = await whileLocked(business, async () => {
      const asked = ask(intake, ordersOf(business, 1));
      await untilWaiting(1);
      expect(await ask(intake, ordersOf(business, 4))).toEqual(times(4, 'OVERLOADED'));
      return [asked];
    });
    expect(await first[0]).toEqual(['created']);
    expect(await ask(intake, ordersOf(business, 1))).toEqual(['created']);
    await intake.close();
    expect(await countPayouts(business)).toBe(2);
  });

  it.each([
    ['ahead refuses those that wait, and loses nothing', 3_600_000, 'OVERLOADED'],
    ['back harms nobody', -3_600_000, 'created'],
  ] as const)('a clock that jumps %s', async (_, jumpMs, expected) => {
    const business = await createTestBusiness(db.database, { units: 100n });
    const clock = createManualClock();
    const intake = open({ maxWaitMs: 1000 }, { clock });
    const { first, waiting } = await whileLocked(business, async () => {
      const asked = { first: ask(intake, ordersOf(business, 1)), waiting: Promise.resolve(['']) };
      await untilWaiting(1);
      asked.waiting = ask(intake, ordersOf(business, 2));
      clock.advance(jumpMs);
      return asked;
    });
    expect(await first).toEqual(['created']);
    expect(await waiting).toEqual([expected, expected]);
    expect(await ask(intake, ordersOf(business, 1))).toEqual(['created']);
    await intake.close();
    expect(await countPayouts(business)).toBe(expected === 'created' ? 4 : 2);
  });
});

describe('close', () => {
  it('waits for what was taken, and takes nothing more', async () => {
    const business = await createTestBusiness(db.database, { units: 100n });
    const intake = open({ maxBatch: 2 });
    let isClosed = false;
    const { taken, closing } = await whileLocked(business, async () => {
      const asked = ask(intake, ordersOf(business, 5));
      await untilWaiting(1);
      const closed = intake.close().then(() => (isClosed = true));
      expect(await ask(intake, ordersOf(business, 1))).toEqual(['UNAVAILABLE']);
      expect(isClosed).toBe(false);
      return { taken: asked, closing: closed };
    });
    await closing;
    expect(await taken).toEqual(times(5, 'created'));
    expect(await countPayouts(business)).toBe(5);
    await intake.close();
  });

  it('does not wait for those that were refused', async () => {
    const business = await createTestBusiness(db.database, { units: 100n });
    const clock = createManualClock();
    const intake = open({ maxWaitMs: 1000 }, { clock });
    const asked = ask(intake, ordersOf(business, 2));
    clock.advance(5000);
    await intake.close();
    expect(await asked).toEqual(times(2, 'OVERLOADED'));
  });
});

describe('processes that write for the same businesses', () => {
  const makeFive = async (): Promise<TestBusiness[]> => {
    const made: TestBusiness[] = [];
    while (made.length < 5) made.push(await createTestBusiness(db.database, { units: 100n }));
    return made.sort((a, b) => (a.businessId < b.businessId ? -1 : 1));
  };

  type Make = (business: TestBusiness) => PayoutOrder;
  type Block = (tx: Tx, business: TestBusiness) => Promise<unknown>;
  const anyOrder: Make = (business) => testOrder(business, { units: 1n });
  const lockAccount: Block = async (tx, { businessId }) =>
    await tx.query('SELECT 1 FROM ledger_accounts WHERE business_id = $1 FOR UPDATE', [businessId]);
  // What another has written and not committed yet: whoever writes the same waits for it.
  const takeKey: Block = async (tx, business) => {
    const answer = { status: 201, body: '' };
    const request = { ...requestOf(business), answer, at: new Date() };
    const { text, values } = keepingAnswers([request]);
    await tx.query(text, values);
  };
  const takeReference: Block = async (tx, { businessId, userId, apiAccountId }) =>
    await tx.query(
      `INSERT INTO payouts (business_id, payout_id, user_id, api_account_id, network, token, units,
         to_address, merchant_reference, status, created_at, updated_at)
       VALUES ($1, $2, $3, $4, 'BSC_MAINNET', 'USDT', 1, '', 'same', 'PENDING', $5, $5)`,
      [businessId, testIds.next(), userId, apiAccountId, new Date()],
    );

  it.each<[string, Make, Block, string]>([
    ['accounts', anyOrder, lockAccount, 'created'],
    ['keys', keyed, takeKey, 'replayed'],
    ['references', referred, takeReference, 'VALIDATION_FAILED'],
  ])('never wait for each other in a circle at %s', async (_, make, block, second) => {
    const five = await makeFive();
    const middle = present(five[2], 'there are five');
    const databases = [1, 2].map(() => createDatabase(db.url));
    const failures: unknown[] = [];
    const asked = await rollingBack(async (tx) => {
      await block(tx, middle);
      // Each would come by its own side of the middle, if it took them as they come.
      const intakes = databases.map((database) =>
        open({}, { database: noting(database, (error) => void failures.push(error)) }),
      );
      const both = [five, five.toReversed()].map((those, index) =>
        ask(present(intakes[index], 'there are two'), those.map(make)),
      );
      await untilWaiting(2);
      return both;
    });
    const outcomes = await Promise.all(asked);
    await Promise.all(databases.map(async (database) => await database.close()));
    expect(failures).toEqual([]);
    expect(new Set(outcomes.map((each) => each.join(' ')))).toEqual(
      new Set([times(5, 'created').join(' '), times(5, second).join(' ')]),
    );
  });

  it('lock an account last: not while they wait for a key', async () => {
    const [business] = await makeFive();
    const mine = present(business, 'there are five');
    const intake = open();
    const asked = await rollingBack(async (tx) => {
      await takeKey(tx, mine);
      const waiting = ask(intake, [keyed(mine)]);
      await untilWaiting(1);
      // Where it were locked, this would fail (55P03).
      await db.database.query(
        'SELECT 1 FROM ledger_accounts WHERE business_id = $1 FOR UPDATE NOWAIT',
        [mine.businessId],
      );
      return [waiting];
    });
    expect(await asked[0]).toEqual(['created']);
  });
});

function requestOf({ businessId }: TestBusiness): IdempotentRequest {
  return { businessId, key: 'same', requestHash: new Uint8Array(32) };
}

function keyed(business: TestBusiness): PayoutOrder {
  return {
    ...testOrder(business, { units: 1n }),
    idempotency: {
      request: requestOf(business),
      render: ({ payoutId }) => ({ status: 201, body: payoutId }),
    },
  };
}

function referred(business: TestBusiness): PayoutOrder {
  return testOrder(business, { units: 1n, merchantReference: 'same' });
}

/** What `work` wrote is undone, and what waited for it goes on. */
async function rollingBack<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
  class Undone extends Error {}
  let result: { readonly of: T } | undefined;
  const running = db.database.transaction(async (tx) => {
    result = { of: await work(tx) };
    throw new Undone();
  });
  await expect(running).rejects.toBeInstanceOf(Undone);
  return present(result, 'the work was done').of;
}

function noting(database: Database, onFailure: (error: unknown) => void): Database {
  return {
    ...database,
    query: async <R extends object = Row>(text: string, values?: readonly unknown[]) => {
      try {
        return await database.query<R>(text, values);
      } catch (error) {
        // Serialization failures and deadlocks.
        if (isRetryable(error)) onFailure(error);
        throw error;
      }
    },
  };
}
