import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { hold, createTestBusiness, testIds } from '../../test/harness/world.ts';
import { present } from '../base/assert.ts';
import type { Tx } from '../database/database.ts';
import { isCheckViolation, isUniqueViolation } from '../database/sql-failure.ts';
import { listAccounts } from './account.ts';
import { checkBooks } from './check-books.ts';
import { credit, fund } from './move.ts';
import { postAndRelease, type HoldEnd } from './post-and-release.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(async () => {
  await db.drop();
});

const at = new Date('2026-01-01T00:00:00Z');

async function balances(businessId: string): Promise<Record<string, [bigint, bigint]>> {
  const accounts = await listAccounts(db.database, businessId);
  return Object.fromEntries(accounts.map((a) => [a.kind, [a.balanceUnits, a.heldUnits]]));
}

async function end(tx: Tx, ...ends: Omit<HoldEnd, 'at'>[]): Promise<void> {
  await postAndRelease(
    tx,
    testIds,
    ends.map((each) => ({ ...each, at })),
  );
}

describe('the three verbs', () => {
  it('hold reserves, post spends, release gives back', async () => {
    const { businessId, apiAccountId: accountId } = await createTestBusiness(db.database, {
      units: 100n,
    });
    const [spent, back] = [testIds.next(), testIds.next()];
    await db.database.transaction(async (tx) => {
      await hold(tx, { businessId, accountId, payoutId: spent, units: 60n, at });
      await hold(tx, { businessId, accountId, payoutId: back, units: 40n, at });
    });
    expect((await balances(businessId))['API_ACCOUNT']).toEqual([100n, 100n]);
    await db.database.transaction(async (tx) => {
      await end(tx, { businessId, payoutId: spent, verb: 'post' });
      await end(tx, { businessId, payoutId: back, verb: 'release' });
    });
    expect(await balances(businessId)).toEqual({
      API_ACCOUNT: [40n, 0n],
      BUSINESS_WALLET: [0n, 0n],
      CUSTODY: [100n, 0n],
      SETTLED: [60n, 0n],
    });
    expect(await checkBooks(db.database, businessId)).toEqual([]);
  });

  it('refuses to hold more than is free', async () => {
    const { businessId, apiAccountId: accountId } = await createTestBusiness(db.database, {
      units: 10n,
    });
    const holding = db.database.transaction(
      async (tx) =>
        await hold(tx, { businessId, accountId, payoutId: testIds.next(), units: 11n, at }),
    );
    await expect(holding).rejects.toSatisfy(isCheckViolation);
    expect((await balances(businessId))['API_ACCOUNT']).toEqual([10n, 0n]);
  });

  it('opens no account, and changes none of another token or kind', async () => {
    const { businessId, apiAccountId } = await createTestBusiness(db.database, { units: 10n });
    const accounts = await listAccounts(db.database, businessId);
    const wallet = accounts.find(({ kind }) => kind === 'BUSINESS_WALLET')?.accountId;
    const holding = async (accountId: string): Promise<void> =>
      await db.database.transaction(
        async (tx) =>
          await hold(tx, { businessId, accountId, payoutId: testIds.next(), units: 1n, at }),
      );
    await expect(holding(testIds.next())).rejects.toSatisfy(isUniqueViolation);
    await expect(holding(present(wallet, 'it was funded'))).rejects.toSatisfy(isCheckViolation);
    await holding(apiAccountId);
    expect(await balances(businessId)).toEqual({
      API_ACCOUNT: [10n, 1n],
      BUSINESS_WALLET: [0n, 0n],
      CUSTODY: [10n, 0n],
    });
  });

  it.each(['post', 'release'] as const)('a hold that ended cannot %s again', async (verb) => {
    const { businessId, apiAccountId: accountId } = await createTestBusiness(db.database, {
      units: 10n,
    });
    const payoutId = testIds.next();
    await db.database.transaction(async (tx) => {
      await hold(tx, { businessId, accountId, payoutId, units: 5n, at });
      await end(tx, { businessId, payoutId, verb: 'release' });
    });
    const again = db.database.transaction(
      async (tx) => await end(tx, { businessId, payoutId, verb }),
    );
    await expect(again).rejects.toThrow('is open');
    expect((await balances(businessId))['API_ACCOUNT']).toEqual([10n, 0n]);
  });

  it('two transactions that end one hold at once: one wins', async () => {
    const { businessId, apiAccountId: accountId } = await createTestBusiness(db.database, {
      units: 10n,
    });
    const payoutId = testIds.next();
    await db.database.transaction(
      async (tx) => await hold(tx, { businessId, accountId, payoutId, units: 5n, at }),
    );
    const ends = await Promise.allSettled(
      [1, 2, 3, 4].map(
        async () =>
          await db.database.transaction(
            async (tx) => await end(tx, { businessId, payoutId, verb: 'release' }),
          ),
      ),
    );
    expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(1);
    expect(await checkBooks(db.database, businessId)).toEqual([]);
  });
});

describe('movements between accounts', () => {
  it('happen once for each reference', async () => {
    const { businessId, token } = await createTestBusiness(db.database, { units: 0n });
    const order = { businessId, token, units: 7n, referenceId: testIds.next(), at };
    const outcomes = await Promise.all(
      [1, 2, 3].map(
        async () => await db.database.transaction(async (tx) => await credit(tx, testIds, order)),
      ),
    );
    expect(outcomes.sort()).toEqual(['moved', 'repeated', 'repeated']);
    expect((await balances(businessId))['BUSINESS_WALLET']).toEqual([7n, 0n]);
    const other = db.database.transaction(
      async (tx) => await credit(tx, testIds, { ...order, units: 8n }),
    );
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('do not take a wallet below zero', async () => {
    const { businessId, token } = await createTestBusiness(db.database, { units: 0n });
    const funding = db.database.transaction(
      async (tx) =>
        await fund(tx, testIds, { businessId, token, units: 1n, referenceId: testIds.next(), at }),
    );
    await expect(funding).rejects.toMatchObject({ code: 'INSUFFICIENT_BALANCE' });
  });
});

describe('the books', () => {
  it('balance after every step of any sequence, and agree with a model', async () => {
    type Step = ['hold' | 'post' | 'release' | 'top-up', number];
    const step = fc.tuple(
      fc.constantFrom('hold', 'post', 'release', 'top-up'),
      fc.integer({ min: 1, max: 50 }),
    ) as fc.Arbitrary<Step>;
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      async (steps) => {
        const business = await createTestBusiness(db.database, { units: 100n });
        const { businessId, apiAccountId: accountId, token } = business;
        const model = { balance: 100n, held: 0n, settled: 0n };
        const open: { payoutId: string; units: bigint }[] = [];
        for (const [verb, size] of steps) {
          const units = BigInt(size);
          const payoutId = testIds.next();
          await db.database
            .transaction(async (tx) => {
              if (verb === 'hold') {
                await hold(tx, { businessId, accountId, payoutId, units, at });
                model.held += units;
                open.push({ payoutId, units });
              } else if (verb === 'top-up') {
                const order = { businessId, token, units, at };
                await credit(tx, testIds, { ...order, referenceId: testIds.next() });
                await fund(tx, testIds, { ...order, referenceId: testIds.next() });
                model.balance += units;
              } else {
                const next = open.shift();
                if (next === undefined) return;
                await end(tx, { businessId, payoutId: next.payoutId, verb });
                model.held -= next.units;
                if (verb === 'post') model.balance -= next.units;
                if (verb === 'post') model.settled += next.units;
              }
            })
            .catch((error: unknown) => {
              expect(error).toSatisfy(isCheckViolation);
              expect(model.balance - model.held).toBeLessThan(units);
            });
          expect(await checkBooks(db.database, businessId)).toEqual([]);
        }
        const now = await balances(businessId);
        expect(now['API_ACCOUNT']).toEqual([model.balance, model.held]);
        expect(now['SETTLED']?.[0] ?? 0n).toBe(model.settled);
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });

  it('are found unbalanced when a row is changed by hand', async () => {
    const { businessId, apiAccountId: accountId } = await createTestBusiness(db.database, {
      units: 100n,
    });
    await db.database.query(
      `UPDATE ledger_accounts SET balance_units = balance_units + 1, held_units = 2
       WHERE business_id = $1 AND account_id = $2`,
      [businessId, accountId],
    );
    expect(await checkBooks(db.database, businessId)).toEqual([
      'USDT: debits less credits are -1 units',
      'API_ACCOUNT USDT: balance less transfers is 1 units',
      'USDT: held less open holds is 2 units',
    ]);
  });

  it.each([
    ['a balance below zero', 'balance_units = -1'],
    ['a hold below zero', 'held_units = -1'],
    ['more held than there is', 'held_units = balance_units + 1'],
  ])('the database refuses %s', async (_, change) => {
    const { businessId, apiAccountId: accountId } = await createTestBusiness(db.database, {
      units: 100n,
    });
    const changing = db.database.query(
      `UPDATE ledger_accounts SET ${change} WHERE business_id = $1 AND account_id = $2`,
      [businessId, accountId],
    );
    await expect(changing).rejects.toMatchObject({ code: '23514' });
  });
});
