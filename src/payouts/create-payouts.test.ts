import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabaseWay, type WayHooks } from '../../test/harness/database-way.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import {
  createTestBusiness,
  testIds,
  testOrder,
  type TestBusiness,
} from '../../test/harness/world.ts';
import { createDatabase, type Queryable, type Row } from '../database/database.ts';
import { findAccount } from '../ledger/account.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { credit, fund } from '../ledger/move.ts';
import { createPayouts } from './create-payouts.ts';
import type { Outcome, PayoutOrder } from './payout-order.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ maxConnections: 20 });
});
afterAll(async () => {
  await db.drop();
});

async function create(
  orders: readonly PayoutOrder[],
  database: Queryable = db.database,
): Promise<string[]> {
  const clock = { sleep: async () => await Promise.resolve() };
  return (await createPayouts({ database, ids: testIds, clock }, orders)).map(nameOf);
}

function nameOf(outcome: Outcome): string {
  if (outcome.kind === 'refused') return outcome.fault.code;
  if (outcome.kind !== 'failed') return outcome.kind;
  return outcome.error instanceof Error ? `failed: ${outcome.error.message}` : 'failed';
}

function withKey(order: PayoutOrder, key: string, hash = 1): PayoutOrder {
  const { businessId } = order.requester;
  const request = { businessId, key, requestHash: new Uint8Array(32).fill(hash) };
  return {
    ...order,
    idempotency: { request, render: ({ payoutId }) => ({ status: 201, body: payoutId }) },
  };
}

async function addUnits(business: TestBusiness, units: bigint): Promise<void> {
  const move = { ...business, units, at: new Date() };
  await db.database.transaction(async (tx) => {
    await credit(tx, testIds, { ...move, referenceId: testIds.next() });
    await fund(tx, testIds, { ...move, referenceId: testIds.next() });
  });
}

async function heldUnits(business: TestBusiness): Promise<bigint | undefined> {
  expect(await checkBooks(db.database, business.businessId)).toEqual([]);
  const account = await findAccount(db.database, { ...business, kind: 'API_ACCOUNT' });
  return account?.heldUnits;
}

/** Runs `act` once, after what decides was read and before the batch is written. */
function inBetween(act: () => Promise<unknown>): { database: Queryable; writes: () => number } {
  let writes = 0;
  return {
    writes: () => writes,
    database: {
      query: async <R extends object = Row>(text: string, values?: readonly unknown[]) => {
        if (text.includes('INSERT INTO payouts')) {
          writes += 1;
          if (writes === 1) await act();
        }
        return await db.database.query<R>(text, values);
      },
    },
  };
}

describe('orders of one batch', () => {
  type Make = (order: (units: bigint, reference?: string) => PayoutOrder) => PayoutOrder[];
  it.each<[string, Make, string[]]>([
    [
      'take their turns at a balance',
      (order) => [order(6n), order(5n), order(4n), order(1n)],
      ['created', 'INSUFFICIENT_BALANCE', 'created', 'INSUFFICIENT_BALANCE'],
    ],
    [
      'a reference, once',
      (order) => [order(1n, 'a'), order(2n, 'b'), order(3n, 'a')],
      ['created', 'created', 'VALIDATION_FAILED'],
    ],
    [
      'a reference of one that was refused is free',
      (order) => [order(11n, 'a'), order(1n, 'a')],
      ['INSUFFICIENT_BALANCE', 'created'],
    ],
    [
      'a key, once',
      (order) => [withKey(order(1n), 'k'), withKey(order(1n), 'k')],
      ['created', 'replayed'],
    ],
    [
      'a key with another request',
      (order) => [withKey(order(1n), 'k'), withKey(order(1n), 'k', 2)],
      ['created', 'IDEMPOTENCY_KEY_REUSED'],
    ],
    [
      'a key of one that was refused is free',
      (order) => [withKey(order(11n), 'k'), withKey(order(1n), 'k', 2)],
      ['INSUFFICIENT_BALANCE', 'created'],
    ],
    [
      'the key comes before the reference',
      (order) => [withKey(order(1n, 'a'), 'k'), withKey(order(1n, 'a'), 'k')],
      ['created', 'replayed'],
    ],
    [
      'the reference comes before the account and the balance',
      (order) => [order(1n, 'a'), { ...order(1n, 'a'), token: 'USDC' }, order(99n, 'a')],
      ['created', 'VALIDATION_FAILED', 'VALIDATION_FAILED'],
    ],
    [
      'no account',
      (order) => [{ ...order(1n), token: 'USDC' }, order(1n)],
      ['API_ACCOUNT_NOT_FOUND', 'created'],
    ],
  ])('%s', async (_, make, expected) => {
    const business = await createTestBusiness(db.database, { units: 10n });
    const orders = make((units, merchantReference) =>
      testOrder(business, { units, merchantReference: merchantReference ?? null }),
    );
    expect(await create(orders)).toEqual(expected);
    const created = orders.filter((__, index) => expected[index] === 'created');
    expect(await heldUnits(business)).toBe(created.reduce((sum, { units }) => sum + units, 0n));
    // Once more, one after another: what was created is there, and what was free is not any more.
    expect(await create([])).toEqual([]);
  });

  it('are of any businesses, and of no interest to each other', async () => {
    const [left, right] = [
      await createTestBusiness(db.database, { units: 5n }),
      await createTestBusiness(db.database, { units: 5n }),
    ];
    const orders = [left, right, left].map((business) =>
      withKey(testOrder(business, { units: 3n, merchantReference: 'same' }), 'same', 1),
    );
    expect(await create(orders)).toEqual(['created', 'created', 'replayed']);
    expect([await heldUnits(left), await heldUnits(right)]).toEqual([3n, 3n]);
  });

  it('fail alone: one that cannot be written, and one whose answer cannot be made', async () => {
    const business = await createTestBusiness(db.database, { units: 1000n });
    const good = Array.from({ length: 21 }, () => testOrder(business, { units: 1n }));
    const unwritable = testOrder(business, { units: 1n, merchantReference: 'x'.repeat(192) });
    const unreadable = testOrder(business, { units: 1n, merchantReference: 'a\0b' });
    const unrendered: PayoutOrder = {
      ...withKey(testOrder(business, { units: 1n }), 'k'),
      idempotency: {
        request: { businessId: business.businessId, key: 'k', requestHash: new Uint8Array(32) },
        render: () => {
          throw new Error('no answer');
        },
      },
    };
    const outcomes = await create([
      ...good.slice(0, 5),
      unwritable,
      ...good.slice(5, 9),
      unreadable,
      ...good.slice(9),
      unrendered,
    ]);
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(good.length);
    expect([outcomes[5], outcomes[10], outcomes.at(-1)]).toEqual([
      expect.stringContaining('payouts_merchant_reference_check'),
      expect.stringContaining('0x00'),
      'failed: no answer',
    ]);
    expect(await heldUnits(business)).toBe(BigInt(good.length));
  });
});

describe('what happens between the read and the write', () => {
  it.each<
    [string, (order: PayoutOrder) => PayoutOrder, (order: PayoutOrder) => PayoutOrder, string]
  >([
    [
      'the reference is taken',
      (order) => ({ ...order, merchantReference: 'a' }),
      (order) => ({ ...order, merchantReference: 'a' }),
      'VALIDATION_FAILED',
    ],
    ['the key is used', (order) => withKey(order, 'k'), (order) => withKey(order, 'k'), 'replayed'],
    [
      'the key is used otherwise',
      (order) => withKey(order, 'k'),
      (order) => withKey(order, 'k', 2),
      'IDEMPOTENCY_KEY_REUSED',
    ],
    [
      'key and reference are used',
      (order) => withKey({ ...order, merchantReference: 'a' }, 'k'),
      (order) => withKey({ ...order, merchantReference: 'a' }, 'k'),
      'replayed',
    ],
    [
      'the balance is spent',
      (order) => order,
      (order) => ({ ...order, units: 9n }),
      'INSUFFICIENT_BALANCE',
    ],
    [
      'some of the balance is spent',
      (order) => order,
      (order) => ({ ...order, units: 5n }),
      'created',
    ],
  ])('%s', async (_, mine, theirs, expected) => {
    const business = await createTestBusiness(db.database, { units: 10n });
    const order = testOrder(business, { units: 5n });
    const other = theirs(order);
    const { database } = inBetween(async () => {
      expect(await create([other])).toEqual(['created']);
    });
    expect(await create([mine(order)], database)).toEqual([expected]);
    expect(await heldUnits(business)).toBe(other.units + (expected === 'created' ? 5n : 0n));
  });

  it('money that comes is not refused to an order that it suffices for', async () => {
    const business = await createTestBusiness(db.database, { units: 10n });
    const orders = [8n, 7n, 6n].map((units) => testOrder(business, { units }));
    const { database, writes } = inBetween(async () => {
      await addUnits(business, 5n);
    });
    // 10 + 5: after 8 there are 7 for the second, and nothing for the third.
    expect(await create(orders, database)).toEqual(['created', 'created', 'INSUFFICIENT_BALANCE']);
    expect(writes()).toBe(2);
    expect(await heldUnits(business)).toBe(15n);
  });

  it('without it one write decides over all', async () => {
    const business = await createTestBusiness(db.database, { units: 10n });
    const orders = [8n, 7n, 2n].map((units) => testOrder(business, { units }));
    const { database, writes } = inBetween(async () => await Promise.resolve());
    expect(await create(orders, database)).toEqual(['created', 'INSUFFICIENT_BALANCE', 'created']);
    expect(writes()).toBe(1);
  });
});

describe('an answer that is lost', () => {
  /** The connection breaks when the statement that writes has, or has not, reached the server. */
  function breaking(reaches: boolean): WayHooks {
    return {
      toServer: (data, { client, server }) => {
        const isWrite = data.includes('INSERT INTO payouts');
        if (!isWrite || reaches) server.write(data);
        if (isWrite) client.destroy();
      },
    };
  }

  async function createBehind(hooks: WayHooks, orders: readonly PayoutOrder[]): Promise<string[]> {
    const way = await openDatabaseWay(db.url, hooks);
    const behind = createDatabase(way.url);
    const clock = { sleep: async () => await new Promise<void>((done) => setTimeout(done, 20)) };
    try {
      const deps = { database: behind, ids: testIds, clock };
      return (await createPayouts(deps, orders)).map(nameOf);
    } finally {
      await behind.close();
      await way.close();
    }
  }

  it.each([
    [
      'is looked up, and what was created is told',
      true,
      ['created', 'replayed', 'VALIDATION_FAILED', 'INSUFFICIENT_BALANCE', 'API_ACCOUNT_NOT_FOUND'],
    ],
    [
      'is not guessed where nothing is found, and nothing is repeated',
      false,
      ['unknown', 'unknown', 'unknown', 'unknown', 'API_ACCOUNT_NOT_FOUND'],
    ],
  ] as const)('%s', async (_, reaches, expected) => {
    const business = await createTestBusiness(db.database, { units: 10n });
    const order = testOrder(business, { units: 3n });
    const first = withKey({ ...order, merchantReference: 'a' }, 'k');
    const orders: PayoutOrder[] = [
      first,
      withKey(order, 'k'),
      { ...order, merchantReference: 'a' },
      { ...order, units: 99n },
      { ...order, token: 'USDC' },
    ];
    expect(await createBehind(breaking(reaches), orders)).toEqual(expected);
    expect(await heldUnits(business)).toBe(reaches ? 3n : 0n);
  });

  it('may still come true when nobody waits for it any more', async () => {
    const business = await createTestBusiness(db.database, { units: 10n });
    const order = withKey(testOrder(business, { units: 3n }), 'k');
    const outcomes = await db.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM ledger_accounts WHERE business_id = $1 FOR UPDATE', [
        business.businessId,
      ]);
      return await createBehind(breaking(true), [order]);
    });
    expect(outcomes).toEqual(['unknown']);
    await expect.poll(async () => await heldUnits(business)).toBe(3n);
    // Who asks again with the same key is told of that one.
    expect(await create([order])).toEqual(['replayed']);
  });
});
