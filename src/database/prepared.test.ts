import { afterAll, beforeEach, beforeAll, describe, expect, it } from 'vitest';
import { openDatabaseWay } from '../../test/harness/database-way.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { createDatabase, type Database } from './database.ts';
import { nameOf } from './internal/statement-name.ts';
import { ConnectionLost, isUniqueViolation } from './sql-failure.ts';

// Statements that are asked all the time, on one connection.

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
});
afterAll(async () => {
  await db.drop();
});
beforeEach(async () => {
  await db.database.query('DROP TABLE IF EXISTS numbers');
  await db.database.query('CREATE TABLE numbers (id integer PRIMARY KEY, value bigint NOT NULL)');
});

const INSERT = 'INSERT INTO numbers (id, value) VALUES ($1, $2) RETURNING value';
const REPEATED = { isRepeated: true };

async function onOneConnection(work: (database: Database) => Promise<void>): Promise<void> {
  const database = createDatabase(db.url, { maxConnections: 1 });
  try {
    await work(database);
  } finally {
    await database.close();
  }
}

async function kept(database: Database): Promise<string[]> {
  const rows = await database.query<{ name: string }>('SELECT name FROM pg_prepared_statements');
  return rows.map(({ name }) => name);
}

async function insert(database: Database, id: number): Promise<void> {
  expect(await database.query(INSERT, [id, 7], REPEATED)).toEqual([{ value: 7n }]);
}

async function countNumbers(): Promise<bigint | undefined> {
  const [row] = await db.database.query<{ count: bigint }>('SELECT count(*) FROM numbers');
  return row?.count;
}

describe('a statement that is repeated', () => {
  it('is prepared once, and others are not', async () => {
    await onOneConnection(async (database) => {
      for (let id = 1; id <= 8; id += 1) await insert(database, id);
      await database.query('SELECT value FROM numbers WHERE id = $1', [1]);
      expect(await kept(database)).toEqual([nameOf({ text: INSERT, values: [] })]);
    });
    expect(await countNumbers()).toBe(8n);
  });

  it('fails as any other, and its connection goes on', async () => {
    await onOneConnection(async (database) => {
      await insert(database, 1);
      const again = database.query(INSERT, [1, 7], REPEATED);
      await expect(again).rejects.toSatisfy(isUniqueViolation);
      await insert(database, 2);
      expect(await kept(database)).toHaveLength(1);
    });
  });

  it('whose answer is lost is not done again', async () => {
    await db.database.query('CREATE TABLE notes (value integer NOT NULL)');
    const way = await openDatabaseWay(db.url, {
      toServer: (data, { client, server }) => {
        server.write(data);
        if (data.includes('INSERT INTO notes')) client.destroy();
      },
    });
    const database = createDatabase(way.url, { maxConnections: 1 });
    const note = database.query('INSERT INTO notes (value) VALUES ($1)', [1], REPEATED);
    await expect(note).rejects.toBeInstanceOf(ConnectionLost);
    await database.close();
    await way.close();
    const countNotes = async (): Promise<number> =>
      (await db.database.query('SELECT value FROM notes')).length;
    await expect.poll(countNotes).toBeGreaterThan(0);
    expect(await countNotes()).toBe(1);
  });

  it.each<[string, (database: Database) => Promise<unknown>]>([
    [
      'is not known any more',
      async (database) => {
        await insert(database, 1);
        await database.query('DEALLOCATE ALL');
      },
    ],
    [
      'is known although it was not prepared here',
      async (database) => {
        const name = nameOf({ text: INSERT, values: [] });
        await database.query(`PREPARE ${name} (integer, bigint) AS ${INSERT}`);
        await db.database.query('INSERT INTO numbers VALUES (1, 7)');
      },
    ],
    [
      'gives something else since',
      async (database) => {
        await insert(database, 1);
        await db.database.query('ALTER TABLE numbers ALTER value TYPE numeric(20, 0)');
      },
    ],
  ])('that %s is done all the same, once, and is not prepared again', async (_, prepare) => {
    await onOneConnection(async (database) => {
      await prepare(database);
      for (let id = 2; id <= 4; id += 1) await insert(database, id);
      expect(await countNumbers()).toBe(4n);
      await database.query('DEALLOCATE ALL');
      await insert(database, 5);
      expect(await kept(database)).toEqual([]);
    });
  });

  it('is one text a name', () => {
    const names = ['SELECT 1', 'SELECT 2'].map((text) => nameOf({ text, values: [] }));
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[a-z_0-9]{1,63}$/);
  });
});
