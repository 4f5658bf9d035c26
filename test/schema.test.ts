import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { dumpSchema } from './harness/dump-schema.ts';
import { readMigrations } from '../src/database/migrate.ts';

let db: TestDatabase;
let dump: string;
beforeAll(async () => {
  db = await createTestDatabase();
  dump = await dumpSchema(db.database);
});
afterAll(async () => {
  await db.drop();
});

/** Tables whose rows belong to no business. */
const NOT_TENANT_DATA = /^(schema_migrations|settlement_\w+)$/;

describe('the schema', () => {
  it('is the one in test/schema.sql', async () => {
    await expect(dump).toMatchFileSnapshot('schema.sql');
  });

  it('leads every key of tenant data with business_id', () => {
    const keys = [
      ...dump.matchAll(
        /^TABLE (\w+)$|^ {2}CONSTRAINT (PRIMARY KEY|UNIQUE|FOREIGN KEY) \((.*?)\)|^ {2}CREATE (UNIQUE )?INDEX \w+ ON \S+ USING \w+ \((.*?)\)/gm,
      ),
    ];
    let table = '';
    let checked = 0;
    for (const [line, name, , columns, isUnique, indexed] of keys) {
      if (name !== undefined) table = name;
      const list = columns ?? (isUnique === undefined ? undefined : indexed);
      if (list === undefined || NOT_TENANT_DATA.test(table)) continue;
      expect(list.split(', ')[0], `${table}: ${line.trim()}`).toBe('business_id');
      checked += 1;
    }
    expect(checked).toBeGreaterThan(20);
  });

  it('has no trigger and no sequence', () => {
    expect(dump).not.toMatch(/^ *TRIGGER|^SEQUENCE|nextval|DEFAULT (now|CURRENT|gen_)/m);
  });

  it('lets no migration use what a distributed engine lacks', async () => {
    const folder = new URL('../migrations', import.meta.url).pathname;
    for (const { name, sql } of await readMigrations(folder)) {
      const code = sql.replaceAll(/--.*$/gm, '');
      const banned =
        /\b(serial|bigserial|identity|trigger|function|plpgsql|temp|temporary|notify|advisory|now\(\))\b/i;
      expect([name, banned.exec(code)?.[0]]).toEqual([name, undefined]);
    }
  });

  it('has been migrated by files that are all read', async () => {
    const files = await readMigrations(new URL('../migrations', import.meta.url).pathname);
    const applied = await db.database.query(
      'SELECT version FROM schema_migrations ORDER BY version',
    );
    expect(applied).toEqual(files.map(({ version }) => ({ version })));
  });
});
