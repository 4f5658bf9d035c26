import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureCrash } from '../bench/crash.ts';
import {
  whatIsGone,
  whatIsLost,
  whatIsWrongInBooks,
  whatNobodyOrdered,
  whatWasPaidWrongly,
  type Examined,
} from '../bench/crash-check.ts';
import type { Acknowledged } from '../bench/insistent-clients.ts';
import { createdPayoutAnswer } from '../src/http/payout-data.ts';
import { createPayout } from '../src/payouts/create-payout.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import type { PaidOut } from './harness/paying-chain.ts';
import { createTestBusiness, testIds, testOrder, type TestBusiness } from './harness/world.ts';

// `npm run bench -- crash` does the same fifty times.
describe('API, worker and PostgreSQL are killed under full load', () => {
  const plan = { rounds: 6, clients: 64, merchants: 5, seed: 11 };

  it('what was acknowledged is found, once, each time', { timeout: 600_000 }, async () => {
    const told: string[] = [];
    const result = await measureCrash((progress) => told.push(progress), plan);
    const { ours, baselines, ratios } = result;
    expect(told.filter((line) => line.startsWith('round '))).toHaveLength(plan.rounds);
    expect(ratios).toEqual({ acknowledged: 1 });
    expect(ours['found']).toBe(baselines['acknowledged']);
    expect(ours['found']).toBeGreaterThan(plan.rounds * 200);
    for (const victim of ['api', 'worker', 'postgres', 'backend of postgres']) {
      expect([victim, (ours[`killed/${victim}`] ?? 0) > 0]).toEqual([victim, true]);
    }
    // Requests whose fate nobody knew, and keys that were asked for again.
    expect(ours['answers/none']).toBeGreaterThan(0);
    expect(ours['answers/201 again']).toBeGreaterThan(0);
  });
});

describe('what is wrong is seen', () => {
  let db: TestDatabase;
  let business: TestBusiness;
  beforeAll(async () => {
    db = await createTestDatabase();
    business = await createTestBusiness(db.database, { units: 10n ** 20n });
  });
  afterAll(async () => {
    await db.drop();
  });

  let orders = 0;

  /** A payout as a client of the crashes would have it, 0.01 to a recipient of its own. */
  async function acknowledge(): Promise<Acknowledged> {
    orders += 1;
    const toAddress = `0x${orders.toString(16).padStart(40, '0')}`;
    const units = 10n ** 16n;
    const key = `key ${orders}`;
    const { businessId } = business;
    const outcome = await createPayout(
      { database: db.database, ids: testIds },
      {
        ...testOrder(business, { units, toAddress, merchantReference: key }),
        idempotency: {
          request: { businessId, key, requestHash: new Uint8Array(32) },
          render: createdPayoutAnswer,
        },
      },
    );
    if (outcome.kind !== 'created') throw new Error('not created');
    const { body } = createdPayoutAnswer(outcome.payout);
    const { payoutId } = outcome.payout;
    return {
      merchant: { businessId, apiKey: '' },
      key,
      reference: key,
      units,
      toAddress,
      payoutId,
      body,
    };
  }

  const examined = (paid: readonly PaidOut[] = []): Examined => ({
    database: db.database,
    merchants: [business],
    chain: {
      network: 'MATIC_MAINNET',
      decimals: 6,
      paidOut: async () => await Promise.resolve(paid),
    },
  });

  it.each([
    ['is not there', 'DELETE FROM payouts WHERE payout_id = $1'],
    ['20000000000000000 units, not', 'UPDATE payouts SET units = 2 * units WHERE payout_id = $1'],
    [
      'the reference null, not',
      'UPDATE payouts SET merchant_reference = NULL WHERE payout_id = $1',
    ],
    ['to 0xdead', `UPDATE payouts SET to_address = '0xdead' WHERE payout_id = $1`],
    [
      'COMPLETED with its hold HELD',
      `UPDATE payouts SET status = 'COMPLETED', transaction_hash = '0x' WHERE payout_id = $1`,
    ],
    ['PENDING with its hold null', 'DELETE FROM ledger_holds WHERE payout_id = $1'],
    ['a hold of 1, not', 'UPDATE ledger_holds SET units = 1 WHERE payout_id = $1'],
    [
      'the kept answer is null',
      `DELETE FROM idempotency_keys WHERE position($1::text in response_body) > 0`,
    ],
    ['0 audits', 'DELETE FROM payout_audits WHERE payout_id = $1'],
    ['PENDING with the history null', 'DELETE FROM payout_changes WHERE payout_id = $1'],
    [
      'PENDING with the history FAILED',
      `UPDATE payout_changes SET status = 'FAILED' WHERE payout_id = $1`,
    ],
    ['nobody will settle it', `DELETE FROM outbox_items WHERE payload ->> 'payoutId' = $1`],
  ])('%s', async (sentence, harm) => {
    const order = await acknowledge();
    expect(await whatIsLost(examined(), [order])).toEqual([]);
    await db.database.query(harm, [order.payoutId]);
    const [problem] = await whatIsLost(examined(), [order]);
    expect(problem).toContain(`${order.payoutId}: ${sentence}`);
  });

  it.each([
    ['a payout that was there', 'DELETE FROM payouts WHERE payout_id = $1'],
    ['its hold', 'DELETE FROM ledger_holds WHERE payout_id = $1'],
  ])('%s is gone', async (_, harm) => {
    const orders = [await acknowledge(), await acknowledge()];
    expect(await whatIsGone(examined(), orders)).toEqual([]);
    await db.database.query(harm, [orders[1]?.payoutId]);
    expect(await whatIsGone(examined(), orders)).toEqual(['of 2 payouts there are 1']);
  });

  it('one payout for two keys', async () => {
    const order = await acknowledge();
    expect(await whatIsLost(examined(), [order, order])).toEqual([
      'two keys were answered with one payout',
    ]);
  });

  it('two payouts for one order, and one that nobody ordered', async () => {
    await db.database.query('DELETE FROM payouts');
    const [first, second] = [await acknowledge(), await acknowledge()];
    expect(await whatNobodyOrdered(examined(), [first, second])).toEqual([]);
    expect(await whatNobodyOrdered(examined(), [first])).toEqual([
      '2 payouts, 1 acknowledged keys',
    ]);
    await db.database.query('UPDATE payouts SET to_address = $1', [first.toAddress]);
    expect(await whatIsWrongInBooks(examined())).toContain(`2 payouts to ${first.toAddress}`);
  });

  it('a recipient who was paid twice, wrongly, for nothing or not at all', async () => {
    const order = await acknowledge();
    const paid = { to: order.toAddress, units: 10_000n, transactionHash: '0x' };
    const problems = async (...all: readonly PaidOut[]): Promise<string[]> =>
      await whatWasPaidWrongly(examined(all), [order]);
    expect(await problems(paid)).toEqual([]);
    expect(await problems(paid, paid)).toHaveLength(1);
    expect(await problems({ ...paid, units: 9_999n })).toHaveLength(1);
    expect(await problems({ ...paid, to: '0xdead' })).toEqual([
      '0xdead was paid, and nobody ordered it',
    ]);
    expect(await problems()).toEqual([]);
    await db.database.query(
      `UPDATE payouts SET status = 'COMPLETED', transaction_hash = '0x' WHERE payout_id = $1`,
      [order.payoutId],
    );
    expect(await problems()).toHaveLength(1);
  });
});
