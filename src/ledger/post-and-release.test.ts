import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { hold, createTestBusiness, testIds, type TestBusiness } from '../../test/harness/world.ts';
import { present } from '../base/assert.ts';
import { listAccounts } from './account.ts';
import { checkBooks } from './check-books.ts';
import { postAndRelease, type HoldEnd } from './post-and-release.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(async () => {
  await db.drop();
});

const at = new Date('2026-01-01T00:00:00Z');

async function newHold(business: TestBusiness, units: bigint): Promise<string> {
  const { businessId, apiAccountId: accountId } = business;
  const payoutId = testIds.next();
  await db.database.transaction(
    async (tx) => await hold(tx, { businessId, accountId, payoutId, units, at }),
  );
  return payoutId;
}

function ending(business: TestBusiness, payoutId: string, verb: HoldEnd['verb']): HoldEnd {
  return { businessId: business.businessId, payoutId, verb, at };
}

/** Gives how often the transaction ran: again after a deadlock. */
async function end(ends: readonly HoldEnd[]): Promise<number> {
  let runs = 0;
  await db.database.transaction(async (tx) => {
    runs += 1;
    await postAndRelease(tx, testIds, ends);
  });
  return runs;
}

async function booksOf(business: TestBusiness): Promise<Record<string, [bigint, bigint]>> {
  expect(await checkBooks(db.database, business.businessId)).toEqual([]);
  const accounts = await listAccounts(db.database, business.businessId);
  return Object.fromEntries(
    accounts
      .filter(({ kind }) => kind === 'API_ACCOUNT' || kind === 'SETTLED')
      .map(({ kind, balanceUnits, heldUnits }) => [kind, [balanceUnits, heldUnits]]),
  );
}

it('changes each account once by the net, and records each payout that was spent', async () => {
  const [left, right, idle] = [
    await createTestBusiness(db.database, { units: 100n }),
    await createTestBusiness(db.database, { units: 100n, token: 'USDC' }),
    await createTestBusiness(db.database, { units: 100n }),
  ];
  const spent = [await newHold(left, 10n), await newHold(left, 7n), await newHold(right, 5n)];
  const back = [await newHold(left, 30n), await newHold(right, 1n), await newHold(idle, 2n)];
  const open = await newHold(right, 4n);
  await end([
    ending(left, present(spent[0], 'made'), 'post'),
    ending(right, present(back[1], 'made'), 'release'),
    ending(right, present(spent[2], 'made'), 'post'),
    ending(left, present(back[0], 'made'), 'release'),
    ending(left, present(spent[1], 'made'), 'post'),
    ending(idle, present(back[2], 'made'), 'release'),
  ]);
  expect(await booksOf(left)).toEqual({ API_ACCOUNT: [83n, 0n], SETTLED: [17n, 0n] });
  expect(await booksOf(right)).toEqual({ API_ACCOUNT: [95n, 4n], SETTLED: [5n, 0n] });
  // Nothing of it was spent, so nothing was opened.
  expect(await booksOf(idle)).toEqual({ API_ACCOUNT: [100n, 0n] });
  const rows = await db.database.query<{ reference_id: string; units: bigint }>(
    `SELECT reference_id, units FROM ledger_transfers WHERE kind = 'POST' AND reference_id = ANY($1::uuid[])
     ORDER BY units`,
    [[...spent, ...back, open]],
  );
  expect(rows).toEqual([
    { reference_id: spent[2], units: 5n },
    { reference_id: spent[1], units: 7n },
    { reference_id: spent[0], units: 10n },
  ]);
  await end([ending(right, open, 'post')]);
  expect(await booksOf(right)).toEqual({ API_ACCOUNT: [91n, 0n], SETTLED: [9n, 0n] });
});

it.each<[string, (open: HoldEnd, other: HoldEnd, business: TestBusiness) => HoldEnd[], string]>([
  ['named twice', (open, other) => [other, open, open], 'named once'],
  [
    'named for both verbs',
    (open, other) => [open, other, { ...open, verb: 'release' }],
    'named once',
  ],
  ['of no payout', (open, _, business) => [open, ending(business, testIds.next(), 'post')], 'open'],
  [
    'of another business',
    (open, other) => [other, { ...open, businessId: testIds.next() }],
    'is open',
  ],
])('a hold that is %s ends none', async (_, make, message) => {
  const business = await createTestBusiness(db.database, { units: 10n });
  const open = ending(business, await newHold(business, 2n), 'post');
  const other = ending(business, await newHold(business, 3n), 'release');
  await expect(end(make(open, other, business))).rejects.toThrow(message);
  expect(await booksOf(business)).toEqual({ API_ACCOUNT: [10n, 5n] });
  await end([open, other]);
  await expect(end([open])).rejects.toThrow('is open');
  expect(await booksOf(business)).toEqual({ API_ACCOUNT: [8n, 0n], SETTLED: [2n, 0n] });
});

it('a hold that another transaction ends at the same moment is ended by one of them', async () => {
  const business = await createTestBusiness(db.database, { units: 10n });
  const payoutId = await newHold(business, 2n);
  const verbs = ['post', 'release', 'post', 'release'] as const;
  const outcomes = await Promise.allSettled(
    verbs.map(async (verb) => await end([ending(business, payoutId, verb)])),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect((await booksOf(business))['API_ACCOUNT']?.[1]).toBe(0n);
});

it('locks accounts in one order, whatever order the payouts come in', async () => {
  const businesses: TestBusiness[] = [];
  for (let made = 0; made < 5; made += 1) {
    businesses.push(await createTestBusiness(db.database, { units: 1000n }));
  }
  const batches: HoldEnd[][] = [];
  for (const verb of ['post', 'release', 'post'] as const) {
    const batch: HoldEnd[] = [];
    for (const business of businesses) {
      batch.push(ending(business, await newHold(business, 1n), verb));
    }
    batches.push(batch);
  }
  const [forth = [], back = [], once = []] = batches;
  await end(once);
  // Both stop on their way at the account in the middle, holding what each has come by.
  const runs = await db.database.transaction(async (tx) => {
    const middle = present(businesses[2], 'five are made');
    await tx.query(
      `SELECT account_id FROM ledger_accounts WHERE business_id = $1 AND account_id = $2 FOR UPDATE`,
      [middle.businessId, middle.apiAccountId],
    );
    const ends = [end(forth), end(back.reverse())];
    while ((await countWaiting()) < ends.length) await setImmediate();
    return ends;
  });
  // A second run would be a deadlock's, which the transaction hides but for a second of waiting.
  expect(await Promise.all(runs)).toEqual([1, 1]);
  for (const business of businesses) {
    expect(await booksOf(business)).toEqual({ API_ACCOUNT: [998n, 0n], SETTLED: [2n, 0n] });
  }
});

async function countWaiting(): Promise<number> {
  const rows = await db.database.query(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.length;
}
