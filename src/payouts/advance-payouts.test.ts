import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { PayoutModel, lineText, type PayoutView } from '../../test/harness/payout-model.ts';
import {
  createTestBusiness,
  testIds,
  testOrder,
  type TestBusiness,
} from '../../test/harness/world.ts';
import { present } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import { createApiAccount } from '../businesses/api-account.ts';
import { listAccounts } from '../ledger/account.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { credit, fund } from '../ledger/move.ts';
import { advancePayouts } from './advance-payouts.ts';
import { createPayout } from './create-payout.ts';
import { findHistory } from './find-history.ts';
import { findPayout, findPayouts } from './find-payouts.ts';
import type { Payout } from './payout.ts';
import type { News, Progress } from './progress.ts';

const OPENING_UNITS = 10n ** 15n;

let db: TestDatabase;
/** Three businesses; the first and the second have an account for USDC as well. */
let accounts: TestBusiness[];
beforeAll(async () => {
  db = await createTestDatabase();
  const businesses = [];
  for (let made = 0; made < 3; made += 1) {
    businesses.push(await createTestBusiness(db.database, { units: OPENING_UNITS }));
  }
  const others = [];
  for (const business of businesses.slice(0, 2)) others.push(await openUsdc(business));
  accounts = [...businesses, ...others];
});
afterAll(async () => {
  await db.drop();
});

async function openUsdc(business: TestBusiness): Promise<TestBusiness> {
  const owner = { ...business, token: 'USDC', at: new Date() } as const;
  return await db.database.transaction(async (tx) => {
    const { apiAccountId } = await createApiAccount(tx, testIds, owner);
    const move = { ...owner, units: OPENING_UNITS };
    await credit(tx, testIds, { ...move, referenceId: testIds.next() });
    await fund(tx, testIds, { ...move, referenceId: testIds.next() });
    return { ...owner, apiAccountId };
  });
}

async function newPayout(account: TestBusiness, units: bigint): Promise<Payout> {
  const order = testOrder(account, { units });
  const outcome = await createPayout({ database: db.database, ids: testIds }, order);
  if (outcome.kind !== 'created') throw new Error('not created');
  return outcome.payout;
}

async function advance(news: readonly News[]): Promise<readonly boolean[]> {
  return await db.database.transaction(
    async (tx) => await advancePayouts(tx, { ids: testIds }, news),
  );
}

function newsOf({ businessId, payoutId }: Payout, progress: Progress, at = new Date()): News {
  return { businessId, payoutId, progress, at };
}

async function viewOf({ businessId, payoutId }: Payout): Promise<PayoutView> {
  const { database } = db;
  const key = [businessId, payoutId];
  const payout = present(await findPayout(database, businessId, payoutId), 'it exists');
  const history = await findHistory(database, { businessId, payoutId });
  const [hold] = await database.query<{ state: PayoutView['hold'] }>(
    'SELECT state FROM ledger_holds WHERE business_id = $1 AND payout_id = $2',
    key,
  );
  const events = await database.query<{ type: string }>(
    `SELECT payload->>'eventType' AS type FROM outbox_items
     WHERE business_id = $1 AND topic = 'payout-events' AND payload->>'payoutId' = $2::text`,
    key,
  );
  const posts = await database.query<{ units: bigint }>(
    `SELECT units FROM ledger_transfers
     WHERE business_id = $1 AND kind = 'POST' AND reference_id = $2`,
    key,
  );
  const { status, transactionHash, info, updatedAt } = payout;
  return {
    status,
    transactionHash,
    info,
    updatedAt,
    history: history.map((change) => lineText({ ...change, at: change.changedAt })),
    hold: present(hold, 'it has a hold').state,
    events: events.map(({ type }) => type),
    postedUnits: posts.map(({ units }) => units),
  };
}

async function viewsOf(payouts: readonly Payout[]): Promise<PayoutView[]> {
  return await Promise.all(payouts.map(viewOf));
}

/** Held and settled units by account. That they add up with the rest is `checkBooks`' to say. */
async function balances(): Promise<Record<string, bigint>> {
  const found: Record<string, bigint> = {};
  for (const businessId of new Set(accounts.map((account) => account.businessId))) {
    expect(await checkBooks(db.database, businessId)).toEqual([]);
    for (const account of await listAccounts(db.database, businessId)) {
      const name = `${businessId} ${account.token}`;
      if (account.kind === 'API_ACCOUNT') found[`${name} held`] = account.heldUnits;
      if (account.kind === 'SETTLED') found[`${name} settled`] = account.balanceUnits;
    }
  }
  return found;
}

function add(sums: Record<string, bigint>, name: string, units: bigint): void {
  sums[name] = (sums[name] ?? 0n) + units;
}

const HASHES = ['0xaa', '0xbb'] as const;

/** A piece of news of one of the payouts; of all that it may be, most agrees with the payout's fate. */
const piece = fc.record({
  which: fc.nat({ max: 6 }),
  kind: fc.constantFrom('signed', 'end', 'signed', 'end', 'end'),
  hash: fc.constantFrom(...HASHES),
  isContrary: fc.nat({ max: 15 }).map((value) => value === 0),
  wasSigned: fc.boolean(),
  minutes: fc.integer({ min: -3, max: 30 }),
});
type Piece = typeof piece extends fc.Arbitrary<infer T> ? T : never;

function progressOf({ which, kind, hash, isContrary, wasSigned }: Piece): Progress {
  if (kind === 'signed') return { status: 'PROCESSING', transactionHash: hash };
  const isPaid = (which % 2 === 0) !== isContrary;
  if (isPaid) return { status: 'COMPLETED', transactionHash: hash };
  const transactionHash = wasSigned ? hash : null;
  return { status: 'FAILED', info: `no ${hash}`, wasSigned, transactionHash };
}

describe('many payouts at once', () => {
  it('hear what each would have heard alone', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.array(piece, { minLength: 1, maxLength: 14 }), { minLength: 1, maxLength: 4 }),
      async (batches) => {
        const before = await balances();
        const payouts: Payout[] = [];
        for (let made = 0; made < 7; made += 1) {
          const account = present(accounts[made % accounts.length], 'it is open');
          payouts.push(await newPayout(account, BigInt(10 ** made)));
        }
        const models = payouts.map((payout) => new PayoutModel(payout));
        for (const batch of batches) await hearBoth(batch, payouts, models);
        const expected = { ...before };
        for (const [index, model] of models.entries()) {
          const { businessId, token, units } = present(payouts[index], 'it is made');
          const name = `${businessId} ${token}`;
          add(expected, `${name} held`, model.view.hold === 'HELD' ? units : 0n);
          for (const posted of model.view.postedUnits) add(expected, `${name} settled`, posted);
        }
        expect(await balances()).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 12 });
  });

  it('end once, whoever tells them in whatever order at the same time', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.array(piece, { minLength: 1, maxLength: 10 }), { minLength: 4, maxLength: 8 }),
      async (batches) => {
        const payouts: Payout[] = [];
        for (const account of [...accounts, ...accounts.slice(0, 2)]) {
          payouts.push(await newPayout(account, 1n));
        }
        const heard = await Promise.all(
          batches.map(async (batch) => {
            const news = batch.map((each) => {
              const payout = present(payouts[each.which], 'it is made');
              return newsOf(payout, progressOf({ ...each, isContrary: false }));
            });
            const changed = await advance(news);
            return news.filter(({ progress }, index) => isEnd(progress) && changed[index] === true);
          }),
        );
        const ended = heard.flat().map(({ payoutId }) => payoutId);
        expect(new Set(ended).size).toBe(ended.length);
        for (const payout of payouts) await expectRegular(payout, ended.includes(payout.payoutId));
        await balances();
      },
    );
    await fc.assert(property, { numRuns: 12 });
  });
});

function isEnd({ status }: Progress): boolean {
  return status !== 'PROCESSING';
}

/** The history has no gap and leads where the payout is; money and event moved if it has ended. */
async function expectRegular(payout: Payout, hasEnded: boolean): Promise<void> {
  const { status, hold, events, history, postedUnits } = await viewOf(payout);
  const statuses = history.map((line, index) => {
    expect(line.startsWith(`${index + 1} `)).toBe(true);
    return line.split(' ')[1];
  });
  expect(statuses[0]).toBe('PENDING');
  expect(statuses.at(-1)).toBe(status);
  const isFinal = status === 'COMPLETED' || status === 'FAILED';
  expect(isFinal).toBe(hasEnded);
  const middle = statuses.slice(1, isFinal ? -1 : undefined);
  expect(middle.filter((each) => each !== 'PROCESSING')).toEqual([]);
  expect(events).toHaveLength(isFinal ? 1 : 0);
  expect(hold === 'HELD').toBe(!isFinal);
  expect(postedUnits).toHaveLength(status === 'COMPLETED' ? 1 : 0);
}

const completed: Progress = { status: 'COMPLETED', transactionHash: '0xaa' };
const failed: Progress = {
  status: 'FAILED',
  info: 'no',
  wasSigned: true,
  transactionHash: null,
};
const signed = (transactionHash: string): Progress => ({ status: 'PROCESSING', transactionHash });

async function twoPayouts(): Promise<[Payout, Payout]> {
  const account = present(accounts[0], 'it is open');
  const other = present(accounts[1], 'it is open');
  return [await newPayout(account, 1n), await newPayout(other, 1n)];
}

describe('one batch', () => {
  it('may tell of one payout again and again: each piece is heard after the one before', async () => {
    const [payout, other] = await twoPayouts();
    const batch = [
      newsOf(payout, signed('0xaa')),
      newsOf(payout, signed('0xaa')),
      newsOf(other, failed),
      newsOf(payout, signed('0xbb')),
      newsOf(payout, completed),
      newsOf(other, signed('0xcc')),
      newsOf(payout, completed),
    ];
    expect(await advance(batch)).toEqual([true, false, true, true, true, false, false]);
    expect(await advance(batch)).toEqual(batch.map(() => false));
    const { history, events, hold } = await viewOf(payout);
    expect(history.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      '1 PENDING null',
      '2 PROCESSING 0xaa',
      '3 PROCESSING 0xbb',
      '4 COMPLETED 0xaa',
    ]);
    expect([events, hold]).toEqual([['PAYOUT_SUCCESSFUL'], 'POSTED']);
    expect(await viewOf(other)).toMatchObject({ status: 'FAILED', hold: 'RELEASED' });
    await balances();
  });

  it.each<[string, (payout: Payout, other: Payout) => News[], RegExp]>([
    [
      'contradicts itself',
      (a, b) => [newsOf(b, completed), newsOf(a, completed), newsOf(a, failed)],
      /is COMPLETED/,
    ],
    [
      'names no payout',
      (a, b) => [newsOf(b, completed), newsOf({ ...a, payoutId: testIds.next() }, completed)],
      /exists/,
    ],
    [
      "names another business's payout",
      (a, b) => [newsOf(b, failed), newsOf({ ...a, businessId: b.businessId }, completed)],
      /exists/,
    ],
  ])('that %s changes nothing', async (_, make, message) => {
    const [payout, other] = await twoPayouts();
    const before = await viewsOf([payout, other]);
    await expect(advance(make(payout, other))).rejects.toThrow(message);
    expect(await viewsOf([payout, other])).toEqual(before);
    expect(await advance([])).toEqual([]);
    await balances();
  });

  it.each<[string, Progress, 'commit' | 'roll back', Progress, readonly boolean[] | RegExp]>([
    ['the same', completed, 'commit', completed, [false, true]],
    ['the same, and is rolled back', completed, 'roll back', completed, [true, true]],
    ['an earlier step', signed('0xaa'), 'commit', completed, [true, true]],
    ['another hash', signed('0xbb'), 'commit', signed('0xaa'), [true, true]],
    ['the contrary', completed, 'commit', failed, /is COMPLETED/],
  ])('that meets another which tells %s waits for it', async (_, first, end, second, outcome) => {
    const [payout, other] = await twoPayouts();
    let late: Promise<unknown> = Promise.resolve();
    const early = db.database.transaction(async (tx) => {
      await advancePayouts(tx, { ids: testIds }, [newsOf(payout, first)]);
      late = advance([newsOf(payout, second), newsOf(other, completed)]).catch(
        (error: unknown) => error,
      );
      while ((await countWaiting()) === 0) await setImmediate();
      if (end === 'roll back') throw new Error('rolled back');
    });
    await (end === 'commit' ? early : expect(early).rejects.toThrow('rolled back'));
    if (outcome instanceof RegExp) expect(String(await late)).toMatch(outcome);
    else expect(await late).toEqual(outcome);
    const { status, history } = await viewOf(payout);
    await expectRegular(payout, status === 'COMPLETED');
    expect(history).toHaveLength(3);
    await balances();
  });
});

async function countWaiting(): Promise<number> {
  const rows = await db.database.query(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.length;
}

describe('findPayouts', () => {
  it("gives those that exist and are the business's own", async () => {
    const [payout, other] = await twoPayouts();
    const keys = [other, { ...payout, businessId: other.businessId }, payout];
    const found = await findPayouts(db.database, keys);
    expect(found.toSorted((a, b) => (a.payoutId < b.payoutId ? -1 : 1))).toEqual(
      [payout, other].toSorted((a, b) => (a.payoutId < b.payoutId ? -1 : 1)),
    );
    expect(await findPayouts(db.database, [])).toEqual([]);
  });
});

/** One batch to the payouts and to their models, which must agree, and agree to refuse. */
async function hearBoth(
  batch: readonly Piece[],
  payouts: readonly Payout[],
  models: readonly PayoutModel[],
): Promise<void> {
  const told = batch.map((each) => {
    const payout = present(payouts[each.which], 'it is made');
    const at = later(payout.createdAt, each.minutes * 60_000);
    return { news: newsOf(payout, progressOf(each), at), model: present(models[each.which], '') };
  });
  const views = models.map(({ view }) => view);
  const expected = told.map(({ news, model }) => attempt(() => model.hear(news)));
  const contradicts = expected.some((outcome) => outcome instanceof Error);
  const hearing = advance(told.map(({ news }) => news));
  if (contradicts) {
    await expect(hearing).rejects.toThrow(/is reported/);
    expect(await viewsOf(payouts)).toEqual(views);
    // Alone, each piece is heard or refused by itself.
    for (const [index, { news }] of told.entries()) {
      const outcome = await advance([news]).catch(() => 'refused');
      const wanted = expected[index];
      expect(outcome).toEqual(wanted instanceof Error ? 'refused' : [wanted]);
    }
  } else {
    expect(await hearing).toEqual(expected);
  }
  expect(await viewsOf(payouts)).toEqual(models.map(({ view }) => view));
}

function attempt(work: () => boolean): boolean | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}
