import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { createTestBusiness, testIds, testOrder } from '../../test/harness/world.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { findAccount } from '../ledger/account.ts';
import { advancePayouts } from './advance-payouts.ts';
import { createPayout } from './create-payout.ts';
import { findPayout, listPayouts } from './find-payouts.ts';
import { findAnswer } from './idempotency.ts';
import type { Payout, PayoutStatus } from './payout.ts';
import type { Progress } from './progress.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ maxConnections: 20 });
});
afterAll(async () => {
  await db.drop();
});

const deps = (): { database: TestDatabase['database']; ids: typeof testIds } => ({
  database: db.database,
  ids: testIds,
});

async function newPayout(units = 10n): Promise<Payout> {
  const business = await createTestBusiness(db.database, { units });
  const outcome = await createPayout(deps(), testOrder(business, { units }));
  if (outcome.kind !== 'created') throw new Error('not created');
  return outcome.payout;
}

async function advance(payout: Payout, progress: Progress): Promise<boolean> {
  const { businessId, payoutId } = payout;
  const [isNews = false] = await db.database.transaction(
    async (tx) =>
      await advancePayouts(tx, deps(), [{ businessId, payoutId, progress, at: new Date() }]),
  );
  return isNews;
}

async function count(table: string, businessId: string): Promise<bigint> {
  const [row] = await db.database.query<{ n: bigint }>(
    `SELECT count(*) AS n FROM ${table} WHERE business_id = $1`,
    [businessId],
  );
  return row?.n ?? 0n;
}

describe('createPayout', () => {
  it('writes payout, history, audit, work and hold together', async () => {
    const payout = await newPayout();
    expect(await findPayout(db.database, payout.businessId, payout.payoutId)).toEqual(payout);
    for (const table of ['payouts', 'payout_changes', 'payout_audits', 'outbox_items']) {
      expect([table, await count(table, payout.businessId)]).toEqual([table, 1n]);
    }
    const account = await findAccount(db.database, { ...payout, kind: 'API_ACCOUNT' });
    expect(account).toMatchObject({ balanceUnits: 10n, heldUnits: 10n });
  });

  it('leaves nothing behind when the balance is short', async () => {
    const business = await createTestBusiness(db.database, { units: 9n });
    const order = testOrder(business, { units: 10n, merchantReference: 'short' });
    await expect(createPayout(deps(), order)).rejects.toMatchObject({
      code: 'INSUFFICIENT_BALANCE',
    });
    for (const table of ['payouts', 'payout_changes', 'outbox_items', 'ledger_holds']) {
      expect([table, await count(table, business.businessId)]).toEqual([table, 0n]);
    }
  });

  it('lets as many of a crowd through as the balance holds', async () => {
    const business = await createTestBusiness(db.database, { units: 10n });
    const outcomes = await Promise.allSettled(
      Array.from(
        { length: 20 },
        async () => await createPayout(deps(), testOrder(business, { units: 3n })),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(3);
    expect(await checkBooks(db.database, business.businessId)).toEqual([]);
  });

  it('takes a merchantReference once, however many ask at a time', async () => {
    const business = await createTestBusiness(db.database, { units: 1000n });
    const order = testOrder(business, { units: 1n, merchantReference: 'once' });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, async () => await createPayout(deps(), order)),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(refused?.reason).toMatchObject({
      code: 'VALIDATION_FAILED',
      message: 'The merchant reference has already been taken.',
    });
  });

  it('answers a taken reference before a missing account', async () => {
    const business = await createTestBusiness(db.database, { units: 5n });
    await createPayout(deps(), testOrder(business, { units: 1n, merchantReference: 'taken' }));
    const order = { units: 1n, merchantReference: 'taken', token: 'USDC' } as const;
    await expect(createPayout(deps(), testOrder(business, order))).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
    });
    const fresh = { ...order, merchantReference: 'fresh' };
    await expect(createPayout(deps(), testOrder(business, fresh))).rejects.toMatchObject({
      code: 'API_ACCOUNT_NOT_FOUND',
    });
  });

  it('keeps one answer for an Idempotency-Key and creates one payout', async () => {
    const business = await createTestBusiness(db.database, { units: 1000n });
    const { businessId } = business;
    const request = { businessId, key: 'key', requestHash: new Uint8Array(32).fill(1) };
    const order = testOrder(business, {
      units: 1n,
      merchantReference: 'with-key',
      idempotency: { request, render: ({ payoutId }) => ({ status: 201, body: payoutId }) },
    });
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, async () => await createPayout(deps(), order)),
    );
    const created = outcomes.filter((outcome) => outcome.kind === 'created');
    expect(created).toHaveLength(1);
    expect(await findAnswer(db.database, request)).toEqual({
      status: 201,
      body: created[0]?.payout.payoutId,
    });
    const other = { ...request, requestHash: new Uint8Array(32).fill(2) };
    await expect(findAnswer(db.database, other)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });
});

describe('advancePayouts', () => {
  const hash = '0xabc';
  const processing: Progress = { status: 'PROCESSING', transactionHash: hash };
  const completed: Progress = { status: 'COMPLETED', transactionHash: hash };
  const failed = (wasSigned: boolean): Progress => ({
    status: 'FAILED',
    info: 'blacklisted',
    wasSigned,
    transactionHash: null,
  });

  const history = async (payout: Payout): Promise<PayoutStatus[]> => {
    const rows = await db.database.query<{ status: PayoutStatus }>(
      `SELECT status FROM payout_changes WHERE business_id = $1 AND payout_id = $2 ORDER BY number`,
      [payout.businessId, payout.payoutId],
    );
    return rows.map((row) => row.status);
  };

  it.each<[string, Progress[], PayoutStatus[]]>([
    ['the usual way', [processing, completed], ['PENDING', 'PROCESSING', 'COMPLETED']],
    ['news of signing lost', [completed], ['PENDING', 'PROCESSING', 'COMPLETED']],
    ['refused before signing', [failed(false)], ['PENDING', 'FAILED']],
    ['failed after signing', [failed(true)], ['PENDING', 'PROCESSING', 'FAILED']],
    [
      'news twice and late',
      [processing, processing, completed, processing, completed],
      ['PENDING', 'PROCESSING', 'COMPLETED'],
    ],
  ])('%s', async (_, news, expected) => {
    const payout = await newPayout();
    for (const progress of news) await advance(payout, progress);
    expect(await history(payout)).toEqual(expected);
    const isPaid = expected.includes('COMPLETED');
    const account = await findAccount(db.database, { ...payout, kind: 'API_ACCOUNT' });
    expect(account).toMatchObject({ balanceUnits: isPaid ? 0n : 10n, heldUnits: 0n });
    expect(await checkBooks(db.database, payout.businessId)).toEqual([]);
    const events = await db.database.query(
      `SELECT payload FROM outbox_items WHERE business_id = $1 AND topic = 'payout-events'`,
      [payout.businessId],
    );
    expect(events).toEqual([
      {
        payload: {
          eventType: isPaid ? 'PAYOUT_SUCCESSFUL' : 'PAYOUT_FAILED',
          payoutId: payout.payoutId,
        },
      },
    ]);
  });

  it.each<[string, Progress, Progress]>([
    ['COMPLETED', completed, failed(true)],
    ['FAILED', failed(true), completed],
  ])('never leaves %s', async (status, first, second) => {
    const payout = await newPayout();
    await advance(payout, first);
    await expect(advance(payout, second)).rejects.toThrow(`is ${status}`);
    const found = await findPayout(db.database, payout.businessId, payout.payoutId);
    expect(found?.status).toBe(status);
    expect(await checkBooks(db.database, payout.businessId)).toEqual([]);
  });

  it('two reporters at once move the money once', async () => {
    const payout = await newPayout();
    const changed = await Promise.all(
      Array.from({ length: 6 }, async () => await advance(payout, completed)),
    );
    expect(changed.filter(Boolean)).toHaveLength(1);
    expect(await checkBooks(db.database, payout.businessId)).toEqual([]);
  });
});

describe('listPayouts', () => {
  it('pages through all, newest first, and filters', async () => {
    const business = await createTestBusiness(db.database, { units: 100n });
    const { businessId } = business;
    const made: Payout[] = [];
    for (const reference of ['a', 'b', 'c', 'd', 'e']) {
      const network = reference === 'c' ? 'BSC_MAINNET' : 'MATIC_MAINNET';
      const order = testOrder(business, { units: 1n, merchantReference: reference, network });
      const outcome = await createPayout(deps(), order);
      if (outcome.kind === 'created') made.unshift(outcome.payout);
    }
    const seen: Payout[] = [];
    for (let beforeId: string | undefined; ;) {
      const page = await listPayouts(db.database, { businessId, beforeId, limit: 2 });
      if (page.length === 0) break;
      seen.push(...page);
      beforeId = page.at(-1)?.payoutId;
    }
    expect(seen).toEqual(made);
    const limit = 10;
    const only = async (filter: object): Promise<(string | null)[]> =>
      (await listPayouts(db.database, { businessId, limit, ...filter })).map(
        (payout) => payout.merchantReference,
      );
    expect(await only({ network: 'BSC_MAINNET' })).toEqual(['c']);
    expect(await only({ merchantReference: 'b' })).toEqual(['b']);
    expect(await only({ status: 'FAILED' })).toEqual([]);
    expect(await only({ token: 'USDT', status: 'PENDING' })).toEqual(['e', 'd', 'c', 'b', 'a']);
    expect(await only({ from: new Date('2020-01-01'), to: new Date('2020-01-02') })).toEqual([]);
    expect(await only({ from: made.at(-1)?.createdAt, to: made[0]?.createdAt })).toHaveLength(5);
    const other = await listPayouts(db.database, { businessId: testIds.next(), limit });
    expect(other).toEqual([]);
  });
});
