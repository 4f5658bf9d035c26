import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireBalancedBooks, requireStored } from '../bench/intake-check.ts';
import { measureIntake } from '../bench/intake.ts';
import { createPayout } from '../src/payouts/create-payout.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { createTestBusiness, testIds, testOrder, type TestBusiness } from './harness/world.ts';

// What the bench says is looked at, and not how fast anything is.

it('intake: ours beside its baselines, of one run', { timeout: 300_000 }, async () => {
  const told: string[] = [];
  const plan = { runs: 1, businesses: 8, warmUpSeconds: 1, seconds: 1, profileFolder: undefined };
  const { ours, baselines, ratios, runs } = await measureIntake((line) => told.push(line), plan);
  expect(runs).toBe(1);
  const ratioOf = (own: string, other: string): number =>
    (ours[own] ?? Number.NaN) / (baselines[other] ?? Number.NaN);
  for (const [key, ratio] of Object.entries({
    bareHttp: ratioOf('spread', 'bareHttp'),
    pgNaive: ratioOf('spread', 'pgNaive'),
    hotOverSpread: ratioOf('hot', 'hotOverSpread'),
    p99OverP50: ratioOf('half-load/p99-ms', 'p99OverP50'),
  })) {
    // The figures that are compared are rounded: milliseconds to a tenth.
    expect([key, Math.abs((ratios[key] ?? Number.NaN) / ratio - 1) < 0.1]).toEqual([key, true]);
  }
  expect(Object.keys(ratios)).toHaveLength(4);
  expect(baselines['hotOverSpread']).toBe(ours['spread']);
  expect(ours['half-load/per-second']).toBeCloseTo((ours['spread'] ?? 0) / 2, 0);
  for (const part of ['bareHttp', 'spread', 'pgNaive', 'hot', 'spread/keyed', 'spread/bearer']) {
    expect(told.filter((line) => line.startsWith(`  ${part}: `))).toHaveLength(1);
  }
});

describe('a bench that acknowledges what is not stored fails', () => {
  let db: TestDatabase;
  let business: TestBusiness;
  beforeAll(async () => {
    db = await createTestDatabase();
    business = await createTestBusiness(db.database, { units: 10n ** 20n });
  });
  afterAll(async () => {
    await db.drop();
  });

  const pay = async (): Promise<string> => {
    const deps = { database: db.database, ids: testIds };
    const outcome = await createPayout(deps, testOrder(business, { units: 1n }));
    if (outcome.kind !== 'created') throw new Error('not created');
    return outcome.payout.payoutId;
  };

  it.each([
    ['no payout', 'DELETE FROM payouts WHERE payout_id = $1'],
    ['no hold', 'DELETE FROM ledger_holds WHERE payout_id = $1'],
    ['a hold of other units', 'UPDATE ledger_holds SET units = 2 WHERE payout_id = $1'],
    ['no history', 'DELETE FROM payout_changes WHERE payout_id = $1'],
    ['no audit', 'DELETE FROM payout_audits WHERE payout_id = $1'],
    ['no work for settlement', `DELETE FROM outbox_items WHERE payload ->> 'payoutId' = $1`],
  ])('%s', async (_, harm) => {
    const ids = [await pay(), await pay()];
    await requireStored(db.database, ids.join(''));
    await db.database.query(harm, [ids[1]]);
    await expect(requireStored(db.database, ids.join(''))).rejects.toThrow(
      'of 2 payouts there are',
    );
  });

  it('one id for two answers', async () => {
    const id = await pay();
    await expect(requireStored(db.database, id + id)).rejects.toThrow('acknowledged twice');
  });

  it('books that do not balance, and a payout without its hold', async () => {
    const db2 = await createTestDatabase();
    try {
      const { database } = db2;
      const { businessId, ...other } = await createTestBusiness(database, { units: 10n ** 20n });
      await requireBalancedBooks(database, [businessId]);
      const order = testOrder({ businessId, ...other }, { units: 1n });
      await createPayout({ database, ids: testIds }, order);
      await requireBalancedBooks(database, [businessId]);
      await database.query('UPDATE ledger_accounts SET held_units = 2 WHERE held_units = 1');
      await expect(requireBalancedBooks(database, [businessId])).rejects.toThrow('open holds');
      await database.query('UPDATE ledger_accounts SET held_units = 0 WHERE held_units = 2');
      await database.query('DELETE FROM ledger_holds');
      await expect(requireBalancedBooks(database, [businessId])).rejects.toThrow('0 holds');
    } finally {
      await db2.drop();
    }
  });
});
