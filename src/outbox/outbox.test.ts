import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { testIds } from '../../test/harness/world.ts';
import {
  append,
  appendAll,
  claim,
  dueLanes,
  finish,
  finishAll,
  postpone,
  type ClaimedItem,
} from './outbox.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ maxConnections: 20 });
});
afterAll(async () => {
  await db.drop();
});

const start = new Date('2026-01-01T00:00:00Z');
const after = (ms: number): Date => new Date(start.getTime() + ms);

async function add(lane: string, count: number): Promise<string[]> {
  const itemIds = Array.from({ length: count }, () => testIds.next());
  await db.database.transaction(async (tx) => {
    for (const itemId of itemIds) {
      const payload = { itemId };
      const businessId = testIds.next();
      await append(tx, { businessId, itemId, topic: 'test', lane, payload, at: start });
    }
  });
  return itemIds;
}

async function take(lane: string, now: Date, limit = 100): Promise<ClaimedItem[]> {
  return await claim(db.database, { topic: 'test', lane, limit, leaseMs: 1000, now });
}

it('gives each item to one of many workers', async () => {
  const itemIds = await add('race', 40);
  const taken = await Promise.all(
    Array.from({ length: 12 }, async () => await take('race', after(1), 10)),
  );
  const ids = taken.flat().map((item) => item.itemId);
  expect(new Set(ids).size).toBe(ids.length);
  let rest: ClaimedItem[] = [];
  do {
    rest = await take('race', after(1), 10);
    ids.push(...rest.map((item) => item.itemId));
  } while (rest.length > 0);
  expect(ids.sort()).toEqual(itemIds.sort());
});

it('leaves an item of a rolled-back transaction nowhere', async () => {
  const failing = db.database.transaction(async (tx) => {
    const item = { businessId: testIds.next(), itemId: testIds.next(), topic: 'test' };
    await append(tx, { ...item, lane: 'rolled-back', payload: null, at: start });
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await take('rolled-back', after(1))).toEqual([]);
});

it('gives an item again when its lease has ended, and fences the first worker off', async () => {
  await add('lease', 1);
  const [first] = await take('lease', after(1));
  expect(await take('lease', after(1000))).toEqual([]);
  const [second] = await take('lease', after(1002));
  expect(second).toMatchObject({ itemId: first?.itemId, attempts: 1, payload: first?.payload });
  expect(first && (await finish(db.database, first))).toBe(false);
  expect(first && (await postpone(db.database, first, after(0)))).toBe(false);
  expect(second && (await finish(db.database, second))).toBe(true);
  expect(await take('lease', after(9999))).toEqual([]);
});

it('gives a postponed item at its time', async () => {
  await add('later', 1);
  const [item] = await take('later', after(1));
  expect(item && (await postpone(db.database, item, after(500)))).toBe(true);
  expect(item && (await finish(db.database, item))).toBe(false);
  expect(await take('later', after(499))).toEqual([]);
  expect(await take('later', after(500))).toHaveLength(1);
});

it('keeps lanes apart and names those with work due', async () => {
  await add('left', 2);
  await add('right', 1);
  expect(await take('left', after(1))).toHaveLength(2);
  const due = await dueLanes(db.database, { topic: 'test', now: after(1) });
  expect(due).toContain('right');
  expect(due).not.toContain('left');
});

it('lists the lanes with something due once each, from one beyond the last, so many and no more', async () => {
  const topic = 'lanes';
  const put = async (lane: string, ...afterMs: readonly number[]): Promise<void> => {
    const items = afterMs.map((ms) => ({ ms, businessId: testIds.next(), itemId: testIds.next() }));
    await db.database.transaction(async (tx) => {
      const payload = null;
      await appendAll(
        tx,
        items.map(({ ms, ...ids }) => ({ ...ids, topic, lane, payload, at: after(ms) })),
      );
    });
  };
  await put('a', 1, 1, 2, 99);
  await put('b', 50, 99);
  await put('c', 99, 3);
  await put('d', 4);
  const due = async (range: { after?: string; limit?: number }): Promise<string[]> =>
    await dueLanes(db.database, { topic, now: after(10), ...range });
  expect(await due({})).toEqual(['a', 'c', 'd']);
  expect(await due({ limit: 2 })).toEqual(['a', 'c']);
  expect(await due({ after: 'a', limit: 1 })).toEqual(['c']);
  expect(await due({ after: 'c' })).toEqual(['d']);
  expect(await due({ after: 'd' })).toEqual([]);
  expect(await dueLanes(db.database, { topic: 'no-such-topic', now: after(10) })).toEqual([]);
});

it('adds many items of many businesses as they are, and ends those that are still claimed', async () => {
  const items = [null, { text: 'a "quote", a \\, a { and NULL' }, ['x', 1], 'NULL'].map(
    (payload, index) => ({
      businessId: testIds.next(),
      itemId: testIds.next(),
      topic: 'test',
      lane: 'many',
      payload,
      at: after(index),
    }),
  );
  await db.database.transaction(async (tx) => {
    await appendAll(tx, items);
    await appendAll(tx, []);
  });
  expect(await take('many', after(2))).toHaveLength(3);
  const taken = await take('many', after(2000));
  expect(taken.map(({ payload }) => payload)).toHaveLength(4);
  for (const { itemId, businessId, payload } of items) {
    expect(taken.find((item) => item.itemId === itemId)).toMatchObject({ businessId, payload });
  }
  const [first, second, ...rest] = taken;
  if (first === undefined || second === undefined) throw new Error('four were taken');
  const stale = { ...second, claimToken: second.claimToken - 1n };
  const foreign = { ...first, businessId: testIds.next() };
  expect(await finishAll(db.database, [stale, foreign, ...rest])).toEqual(rest);
  expect(await finishAll(db.database, [first, ...rest])).toEqual([first]);
  expect(await finishAll(db.database, [])).toEqual([]);
  expect(await take('many', after(9999))).toMatchObject([{ itemId: second.itemId }]);
});

it('takes what is due first, then what a clock that ran ahead has put off, and nothing between', async () => {
  const topic = 'ahead';
  const ms = { due: 1, held: 500, justHeld: 1010, ahead: 1012, farAhead: 90_000 };
  const names = new Map<string, string>();
  await db.database.transaction(async (tx) => {
    for (const [name, afterMs] of Object.entries(ms)) {
      const itemId = testIds.next();
      names.set(itemId, name);
      const item = { businessId: testIds.next(), itemId, topic, lane: 'a', payload: null };
      await append(tx, { ...item, at: after(afterMs) });
    }
  });
  const takeUpTo = async (limit: number): Promise<string[]> => {
    const want = { topic, lane: 'a', limit, leaseMs: 500, longestMs: 1000, now: after(10) };
    const items = await claim(db.database, want);
    return items.map((item) => names.get(item.itemId) ?? '').sort();
  };
  expect(await takeUpTo(2)).toEqual(['ahead', 'due']);
  expect(await takeUpTo(9)).toEqual(['farAhead']);
  expect(await takeUpTo(9)).toEqual([]);
});
