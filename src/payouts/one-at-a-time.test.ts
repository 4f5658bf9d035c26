import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabaseWay, type DatabaseWay } from '../../test/harness/database-way.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import {
  accountOf,
  agrees,
  isExplained,
  type Observed,
  type OneAtATime,
  type Step,
} from '../../test/harness/payout-history.ts';
import {
  createTestBusiness,
  testIds,
  testOrder,
  type TestBusiness,
} from '../../test/harness/world.ts';
import { present } from '../base/assert.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { noMeter } from '../base/meter.ts';
import { createApiAccount } from '../businesses/api-account.ts';
import { createDatabase, type Database, type Row } from '../database/database.ts';
import { isUnavailable } from '../database/sql-failure.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { credit, fund } from '../ledger/move.ts';
import { advancePayouts } from './advance-payouts.ts';
import { createIntake, type Intake } from './intake.ts';
import type { CreateOutcome, PayoutOrder } from './payout-order.ts';

// Orders that come together are committed together, and nobody can tell: what each caller sees, and what
// is in the database, is what one order at a time would have brought about.

let db: TestDatabase;
/** As many API processes, each with connections of its own. */
let processes: Database[];
beforeAll(async () => {
  db = await createTestDatabase();
  processes = [1, 2, 3].map(() => createDatabase(db.url, { maxConnections: 5 }));
});
afterAll(async () => {
  await Promise.all(processes.map(async (process) => await process.close()));
  await db.drop();
});

const OPENING_UNITS = 9n;

/** Each opens a world of its own. */
const RUNS = 30;
const PATIENCE_MS = 120_000;

/** Few of everything, so that orders meet. */
const anOrder = fc.record({
  business: fc.nat({ max: 1 }),
  // No business has an account for the third.
  token: fc.constantFrom('USDT', 'USDT', 'USDC', 'BTC' as const),
  units: fc.bigInt({ min: 1n, max: 6n }),
  reference: fc.option(fc.constantFrom('a', 'b', 'c'), { freq: 2 }),
  key: fc.option(fc.record({ key: fc.constantFrom('k', 'l'), hash: fc.nat({ max: 1 }) }), {
    freq: 2,
  }),
  process: fc.nat({ max: 2 }),
  /** Milliseconds since the order before it; 0 is the same turn. */
  after: fc.constantFrom(0, 0, 0, 1, 4),
});
type AnOrder = typeof anOrder extends fc.Arbitrary<infer T> ? T : never;

/** Something else that changes an account: money that comes, or a payout's end. */
const aChange = fc.record({
  business: fc.nat({ max: 1 }),
  verb: fc.constantFrom('fund', 'release', 'post'),
  units: fc.bigInt({ min: 1n, max: 6n }),
  after: fc.constantFrom(0, 1, 3, 6),
});

/** What the way to the database does to a statement, in milliseconds before it. */
const delays = fc.array(fc.constantFrom(0, 0, 1, 3), { minLength: 1, maxLength: 8 });

function delayed(database: Database, delaysMs: readonly number[]): Database {
  let asked = 0;
  return {
    ...database,
    query: async <R extends object = Row>(text: string, values?: readonly unknown[]) => {
      const delayMs = delaysMs[asked % delaysMs.length] ?? 0;
      asked += 1;
      if (delayMs > 0) await systemClock.sleep(delayMs);
      return await database.query<R>(text, values);
    },
  };
}

interface World {
  readonly businesses: readonly TestBusiness[];
  readonly model: OneAtATime;
  readonly steps: Step[];
  readonly unanswered: { order: PayoutOrder; begin: number; mayExist: boolean }[];
  /** Counts what happens, so that before and after can be told. */
  tick: () => number;
}

async function openWorld(): Promise<World> {
  const businesses: TestBusiness[] = [];
  const available = new Map<string, bigint>();
  for (let made = 0; made < 2; made += 1) {
    const business = await createTestBusiness(db.database, { units: OPENING_UNITS });
    const { businessId, userId } = business;
    const usdc = { businessId, userId, token: 'USDC', at: new Date() } as const;
    await db.database.transaction(async (tx) => await createApiAccount(tx, testIds, usdc));
    available.set(accountOf(business), OPENING_UNITS).set(accountOf(usdc), 0n);
    businesses.push(business);
  }
  let ticks = 0;
  return {
    businesses,
    model: { available, references: new Set(), keys: new Map() },
    steps: [],
    unanswered: [],
    tick: () => (ticks += 1),
  };
}

function orderOf(world: World, made: AnOrder): PayoutOrder {
  const business = present(world.businesses[made.business], 'there are two');
  const { token, units, reference: merchantReference, key } = made;
  const order = testOrder(business, { token, units, merchantReference });
  const { requester } = order;
  const requestId = testIds.next();
  if (key === null) return { ...order, requester: { ...requester, requestId } };
  const { businessId } = business;
  const requestHash = new Uint8Array(32).fill(key.hash);
  return {
    ...order,
    requester: { ...requester, requestId },
    idempotency: {
      request: { businessId, key: key.key, requestHash },
      render: ({ payoutId }) => ({ status: 201, body: payoutId }),
    },
  };
}

function seen(outcome: CreateOutcome): Observed {
  return outcome.kind === 'created'
    ? { kind: 'created', payoutId: outcome.payout.payoutId }
    : { kind: 'replayed', payoutId: outcome.answer.body };
}

async function ask(intake: Intake, order: PayoutOrder): Promise<Observed | 'unknown' | 'nothing'> {
  try {
    return seen(await intake.create(order));
  } catch (error) {
    if (error instanceof Fault) {
      return error.code === 'UNAVAILABLE' ? 'unknown' : { kind: 'refused', code: error.code };
    }
    if (isUnavailable(error)) return 'nothing';
    throw error;
  }
}

/** Asks for all, each at its time, and writes down what came of it. */
async function askForAll(
  world: World,
  intakes: readonly Intake[],
  wanted: readonly AnOrder[],
): Promise<void> {
  const asking: Promise<void>[] = [];
  for (const made of wanted) {
    if (made.after > 0) await systemClock.sleep(made.after);
    const order = orderOf(world, made);
    const intake = present(intakes[made.process % intakes.length], 'there is one');
    asking.push(askOne(world, intake, order));
  }
  await Promise.all(asking);
}

async function askOne(world: World, intake: Intake, order: PayoutOrder): Promise<void> {
  const begin = world.tick();
  const observed = await ask(intake, order);
  if (observed === 'unknown' || observed === 'nothing') {
    world.unanswered.push({ order, begin, mayExist: observed === 'unknown' });
  } else {
    world.steps.push({ kind: 'order', order, observed, begin, end: world.tick() });
  }
}

/** Of orders whose callers were not told: those that were created after all, at some moment. */
async function findUnanswered(world: World): Promise<void> {
  for (const { order, begin, mayExist } of world.unanswered) {
    const { businessId, requestId } = order.requester;
    const [row] = await db.database.query<{ payout_id: string }>(
      'SELECT payout_id FROM payout_audits WHERE business_id = $1 AND request_id = $2',
      [businessId, requestId],
    );
    if (row === undefined) continue;
    expect(mayExist).toBe(true);
    const observed: Observed = { kind: 'created', payoutId: row.payout_id };
    world.steps.push({ kind: 'order', order, observed, begin, end: Infinity });
  }
}

function openIntakes(databases: readonly Database[], clock: Clock = systemClock): Intake[] {
  return databases.map((database) =>
    createIntake(
      { database, ids: testIds, clock, meter: noMeter },
      { maxWaiting: 1000, maxWaitMs: 20_000, maxBatch: 5, lateAfterMs: 2 },
    ),
  );
}

async function closeAll(intakes: readonly Intake[]): Promise<void> {
  await Promise.all(intakes.map(async (intake) => await intake.close()));
}

/** The database holds what the callers were told of, and the books balance. */
async function expectKept(world: World): Promise<void> {
  const created = world.steps.flatMap((step) =>
    step.kind === 'order' && step.observed.kind === 'created' ? step.observed.payoutId : [],
  );
  const kept: string[] = [];
  for (const { businessId } of world.businesses) {
    expect(await checkBooks(db.database, businessId)).toEqual([]);
    const rows = await db.database.query<{ payout_id: string }>(
      'SELECT payout_id FROM payouts WHERE business_id = $1',
      [businessId],
    );
    kept.push(...rows.map((row) => row.payout_id));
    for (const table of ['payout_changes', 'payout_audits', 'ledger_holds', 'outbox_items']) {
      const ids = await db.database.query(
        `SELECT ${table === 'outbox_items' ? "payload->>'payoutId'" : 'payout_id'} AS id FROM ${table}
         WHERE business_id = $1 ${table === 'outbox_items' ? "AND topic = 'payouts-to-settle'" : ''}
         GROUP BY 1`,
        [businessId],
      );
      expect([table, ids.length]).toEqual([table, rows.length]);
    }
  }
  expect(kept.sort()).toEqual(created.sort());
}

it(
  'one process answers in the order in which it was asked, as if it did one at a time',
  async () => {
    const property = fc.asyncProperty(
      fc.array(anOrder, { minLength: 2, maxLength: 25 }),
      delays,
      async (wanted, delaysMs) => {
        const world = await openWorld();
        const intakes = openIntakes([delayed(present(processes[0], 'three'), delaysMs)]);
        await askForAll(world, intakes, wanted);
        await closeAll(intakes);
        const asked = world.steps.sort((a, b) => a.begin - b.begin);
        expect(asked).toHaveLength(wanted.length);
        for (const step of asked) expect([step, agrees(world.model, step)]).toEqual([step, true]);
        await expectKept(world);
      },
    );
    await fc.assert(property, { numRuns: RUNS });
  },
  PATIENCE_MS,
);

it(
  'several processes, and what else changes the accounts, answer as one at a time',
  async () => {
    const property = fc.asyncProperty(
      fc.array(anOrder, { minLength: 2, maxLength: 16 }),
      fc.array(aChange, { maxLength: 6 }),
      fc.array(delays, { minLength: 3, maxLength: 3 }),
      async (wanted, changes, delaysMs) => {
        const world = await openWorld();
        const start = copyOf(world.model);
        const intakes = openIntakes(
          processes.map((process, index) => delayed(process, delaysMs[index] ?? [0])),
        );
        await Promise.all([askForAll(world, intakes, wanted), changeAll(world, changes)]);
        await closeAll(intakes);
        expect([world.steps, isExplained(start, world.steps)]).toEqual([world.steps, true]);
        await expectKept(world);
      },
    );
    await fc.assert(property, { numRuns: RUNS });
  },
  PATIENCE_MS,
);

it(
  'what the callers were told is true where connections break',
  async () => {
    const ways: Broken[] = [];
    const property = fc.asyncProperty(
      fc.array(anOrder, { minLength: 2, maxLength: 12 }),
      fc.array(fc.constantFrom<Break>('none', 'none', 'before', 'behind', 'answer'), {
        minLength: 1,
        maxLength: 9,
      }),
      async (wanted, breaks) => {
        const world = await openWorld();
        const start = copyOf(world.model);
        for (const way of ways) way.begin(breaks);
        const intakes = openIntakes(
          ways.map(({ database }) => database),
          { ...systemClock, sleep: async (ms, signal) => await systemClock.sleep(ms / 40, signal) },
        );
        await askForAll(world, intakes, wanted);
        await closeAll(intakes);
        for (const way of ways) way.begin(['none']);
        await expect.poll(async () => await countAtWork()).toBe(0);
        await findUnanswered(world);
        expect([world.steps, isExplained(start, world.steps)]).toEqual([world.steps, true]);
        await expectKept(world);
      },
    );
    try {
      for (let opened = 0; opened < 2; opened += 1) ways.push(await openBroken());
      await fc.assert(property, { numRuns: RUNS });
    } finally {
      for (const { database, way } of ways) {
        await database.close();
        await way.close();
      }
    }
  },
  PATIENCE_MS,
);

/**
 * Where a connection breaks at a statement: before the server gets it, behind it, or once the server
 * has answered.
 */
type Break = 'none' | 'before' | 'behind' | 'answer';

interface Broken {
  readonly way: DatabaseWay;
  readonly database: Database;
  /** From now on each statement meets the next of these, over and over. */
  readonly begin: (breaks: readonly Break[]) => void;
}

async function openBroken(): Promise<Broken> {
  let breaks: readonly Break[] = ['none'];
  let asked = 0;
  const cutting = new Set<unknown>();
  const way = await openDatabaseWay(db.url, {
    toServer: (data, { client, server }) => {
      const isStatement =
        data.includes('WITH accounts AS') ||
        data.includes('WITH created AS') ||
        data.includes('WITH answers AS');
      const next = isStatement ? (breaks[(asked += 1) % breaks.length] ?? 'none') : 'none';
      if (next !== 'before') server.write(data);
      if (next === 'before' || next === 'behind') client.destroy();
      if (next === 'answer') cutting.add(client);
    },
    toClient: (data, { client }) => {
      if (cutting.delete(client)) client.destroy();
      else client.write(data);
    },
  });
  return {
    way,
    database: createDatabase(way.url, { maxConnections: 5 }),
    begin: (next) => {
      breaks = next;
    },
  };
}

async function countAtWork(): Promise<number> {
  const rows = await db.database.query(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()`,
  );
  return rows.length;
}

function copyOf(model: OneAtATime): OneAtATime {
  return { ...model, available: new Map(model.available) };
}

type AChange = typeof aChange extends fc.Arbitrary<infer T> ? T : never;

async function changeAll(world: World, changes: readonly AChange[]): Promise<void> {
  const ended = new Set<string>();
  for (const change of changes) {
    if (change.after > 0) await systemClock.sleep(change.after);
    const business = present(world.businesses[change.business], 'there are two');
    if (change.verb === 'fund') await addUnits(world, business, change.units);
    else await endOne(world, { business, verb: change.verb, ended });
  }
}

async function addUnits(world: World, business: TestBusiness, units: bigint): Promise<void> {
  const { businessId, token } = business;
  const move = { businessId, token, units, at: new Date() };
  const begin = world.tick();
  await db.database.transaction(async (tx) => {
    await credit(tx, testIds, { ...move, referenceId: testIds.next() });
    await fund(tx, testIds, { ...move, referenceId: testIds.next() });
  });
  world.steps.push({ kind: 'units', businessId, token, units, begin, end: world.tick() });
}

/** As settlement does, with the first payout of the business that has not ended. */
async function endOne(
  world: World,
  {
    business,
    verb,
    ended,
  }: { business: TestBusiness; verb: 'release' | 'post'; ended: Set<string> },
): Promise<void> {
  const { businessId } = business;
  const open = world.steps.flatMap((step) =>
    step.kind === 'order' &&
    step.observed.kind === 'created' &&
    step.order.requester.businessId === businessId &&
    !ended.has(step.observed.payoutId)
      ? { payoutId: step.observed.payoutId, units: step.order.units, token: step.order.token }
      : [],
  );
  const [first] = open;
  if (first === undefined) return;
  const { payoutId, token } = first;
  ended.add(payoutId);
  const begin = world.tick();
  const progress =
    verb === 'post'
      ? ({ status: 'COMPLETED', transactionHash: 'hash' } as const)
      : ({ status: 'FAILED', info: 'refused', wasSigned: false, transactionHash: null } as const);
  const news = [{ businessId, payoutId, progress, at: new Date() }];
  await db.database.transaction(async (tx) => await advancePayouts(tx, { ids: testIds }, news));
  const units = verb === 'post' ? 0n : first.units;
  world.steps.push({ kind: 'units', businessId, token, units, begin, end: world.tick() });
}
