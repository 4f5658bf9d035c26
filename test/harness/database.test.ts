import { expect, test } from 'vitest';
import { createTestDatabase } from './database.ts';

const TABLES = `SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'`;

test('a test database is migrated, and is its own', async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  await one.database.query('CREATE TABLE only_in_one ()');
  const [inOne, inTwo] = await Promise.all(
    [one, two].map(async ({ database }) => await database.query<{ tables: number }>(TABLES)),
  );
  expect(inTwo?.[0]?.tables).toBeGreaterThan(5);
  expect(inOne?.[0]?.tables).toBe((inTwo?.[0]?.tables ?? 0) + 1);
  await Promise.all([one.drop(), two.drop()]);
});

test('a database without the migrations is empty', async () => {
  const { database, drop } = await createTestDatabase({ migrated: false });
  expect(await database.query(TABLES)).toEqual([{ tables: 0 }]);
  await drop();
});

test('a dropped database is gone', async () => {
  const { url, database, drop } = await createTestDatabase();
  const name = url.split('/').at(-1);
  await database.query('SELECT 1');
  await drop();
  const other = await createTestDatabase();
  expect(
    await other.database.query(`SELECT datname FROM pg_database WHERE datname = $1`, [name]),
  ).toEqual([]);
  await other.drop();
});
