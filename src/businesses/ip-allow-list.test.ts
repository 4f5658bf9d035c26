import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestOwner } from '../../test/harness/owner.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { testIds } from '../../test/harness/world.ts';
import { addIpRange, isIpListed, listIpRanges, removeIpRange } from './ip-allow-list.ts';

let db: TestDatabase;
let businessId: string;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  ({ businessId } = await createTestOwner(db.database));
});
afterAll(async () => {
  await db.drop();
});

const at = new Date('2026-11-05T10:00:00Z');

async function add(range: string, label = 'office', business = businessId) {
  return await db.database.transaction(
    async (tx) => await addIpRange(tx, testIds, { businessId: business, range, label, at }),
  );
}

async function remove(entryId: string, business = businessId): Promise<void> {
  await db.database.transaction(async (tx) => {
    await removeIpRange(tx, { businessId: business, entryId });
  });
}

async function allowed(clientIp: string, business = businessId): Promise<boolean> {
  const entries = await listIpRanges(db.database, business);
  return isIpListed(
    entries.map(({ range }) => range),
    clientIp,
  );
}

test('an empty list lets nobody in', async () => {
  for (const ip of ['127.0.0.1', '::1', '203.0.113.5', '0.0.0.0', '']) {
    expect(await allowed(ip)).toBe(false);
  }
  expect(await listIpRanges(db.database, businessId)).toEqual([]);
});

test('a list lets in what one of its ranges holds', async () => {
  await add('203.0.113.0/28');
  await add('198.51.100.7');
  await add('2001:db8:1::/48');
  expect(await allowed('203.0.113.15')).toBe(true);
  expect(await allowed('198.51.100.7')).toBe(true);
  expect(await allowed('2001:db8:1:ffff::1')).toBe(true);
  expect(await allowed('203.0.113.16')).toBe(false);
  expect(await allowed('198.51.100.8')).toBe(false);
  expect(await allowed('2001:db8:2::1')).toBe(false);
});

test('an IPv4 caller on an IPv6 socket counts as IPv4', async () => {
  await add('203.0.113.5');
  expect(await allowed('::ffff:203.0.113.5')).toBe(true);
  expect(await allowed('::ffff:cb00:7105')).toBe(true);
  expect(await allowed('::ffff:203.0.113.6')).toBe(false);
});

test('what is not one plain address is let in by no list', async () => {
  await add('0.0.0.0/0');
  await add('::/0');
  expect(await allowed('203.0.113.5')).toBe(true);
  expect(await allowed('2001:db8::1')).toBe(true);
  for (const ip of [
    '',
    'unknown',
    '0177.0.0.1',
    '127.1',
    'fe80::1%eth0',
    '1.2.3.4, 5.6.7.8',
    '1.2.3.4:80',
  ]) {
    expect(await allowed(ip)).toBe(false);
  }
});

test('one business’s list says nothing about another’s callers', async () => {
  const other = await createTestOwner(db.database);
  await add('203.0.113.5', 'office', other.businessId);
  expect(await allowed('203.0.113.5', other.businessId)).toBe(true);
  expect(await allowed('203.0.113.5')).toBe(false);
});

test('a range is kept in its canonical form, once', async () => {
  const first = await add('::ffff:203.0.113.5', ' office ');
  const again = await add('203.0.113.5/32', 'another label');
  expect(first).toMatchObject({ range: '203.0.113.5', label: 'office', createdAt: at });
  expect(again).toEqual(first);
  expect(await listIpRanges(db.database, businessId)).toEqual([first]);
});

test('a range added by two at once is there once', async () => {
  const entries = await Promise.all(Array.from({ length: 5 }, async () => await add('10.0.0.0/8')));
  expect(new Set(entries.map((entry) => entry.entryId)).size).toBe(1);
  expect(await listIpRanges(db.database, businessId)).toHaveLength(1);
});

test('a removed range lets nobody in from then on', async () => {
  const entry = await add('203.0.113.5');
  const kept = await add('198.51.100.7');
  await remove(entry.entryId);
  expect(await allowed('203.0.113.5')).toBe(false);
  expect(await allowed('198.51.100.7')).toBe(true);
  expect(await listIpRanges(db.database, businessId)).toEqual([kept]);
});

test('an entry is removed only by its own business, once', async () => {
  const other = await createTestOwner(db.database);
  const { entryId } = await add('203.0.113.5');
  const notFound = { code: 'NOT_FOUND' };
  await expect(remove(entryId, other.businessId)).rejects.toMatchObject(notFound);
  await expect(remove('203.0.113.5')).rejects.toMatchObject(notFound);
  await remove(entryId);
  await expect(remove(entryId)).rejects.toMatchObject(notFound);
});

test.each([
  ['0177.0.0.1', 'office', 'range'],
  ['203.0.113.5/24', 'office', 'range'],
  ['fe80::1%eth0', 'office', 'range'],
  ['203.0.113.5', 'x'.repeat(201), 'label'],
  ['203.0.113.5', 'a\u0000b', 'label'],
])('%s labelled %j is refused', async (range, label, field) => {
  await expect(add(range, label)).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
    fields: { [field]: [expect.any(String)] },
  });
  expect(await listIpRanges(db.database, businessId)).toEqual([]);
});

test('a list has at most 500 ranges', async () => {
  await db.database.query(
    `INSERT INTO ip_allow_list (business_id, entry_id, range, label, created_at)
     SELECT $1, entry_id, range, '', $4 FROM unnest($2::uuid[], $3::text[]) AS t (entry_id, range)`,
    [
      businessId,
      Array.from({ length: 499 }, () => testIds.next()),
      Array.from({ length: 499 }, (_, index) => `10.0.${index >> 8}.${index & 255}`),
      at,
    ],
  );
  await add('203.0.113.5');
  await add('203.0.113.5');
  await expect(add('203.0.113.6')).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
  expect(await listIpRanges(db.database, businessId)).toHaveLength(500);
  expect(await allowed('203.0.113.6')).toBe(false);
});
