import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';

// What docs/decisions/0022-growth.md says can be done when tables are too large must be possible.

let db: TestDatabase;
let tables: string[];
beforeAll(async () => {
  db = await createTestDatabase();
  const rows = await db.database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
       AND relname NOT LIKE 'settlement\\_%' AND relname <> 'schema_migrations'`,
  );
  tables = rows.map(({ name }) => name);
});
afterAll(async () => {
  await db.drop();
});

it('every table of tenants can be split by the business, with all of its keys', async () => {
  expect(tables.length).toBeGreaterThan(15);
  for (const table of tables) {
    await db.database.query(
      `CREATE TABLE split_${table} (LIKE ${table} INCLUDING ALL) PARTITION BY HASH (business_id)`,
    );
  }
  const [row] = await db.database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_class WHERE relkind = 'p'`,
  );
  expect(row?.n).toBe(tables.length);
});

it('which a key without the business would refuse', async () => {
  await db.database.query('CREATE TABLE keyed (business_id uuid, name text UNIQUE)');
  const split = db.database.query(
    'CREATE TABLE split_keyed (LIKE keyed INCLUDING ALL) PARTITION BY HASH (business_id)',
  );
  await expect(split).rejects.toMatchObject({ code: '0A000' });
});
