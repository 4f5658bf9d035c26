import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabaseWay } from '../../test/harness/database-way.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { createDatabase } from './database.ts';
import { CommitUnknown, ConnectionLost, isUnavailable } from './sql-failure.ts';

// A server that dies, a way that is cut silently, and a primary that has become a standby.

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  await db.database.query('CREATE TABLE numbers (id integer PRIMARY KEY)');
});
afterAll(async () => {
  await db.drop();
});

/** PostgreSQL's ErrorResponse, as a server sends it to each connection when it has to end. */
function lastWord(): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection', ''].join('\0');
  const body = Buffer.from(`${fields}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

describe('the server that dies', () => {
  it('between two users of a connection ends neither the process nor the pool', async () => {
    let isDying = false;
    const way = await openDatabaseWay(db.url, {
      toClient: (data, { client }) => {
        // Its answer to one statement and its last word come in one piece.
        client.write(isDying ? Buffer.concat([data, lastWord()]) : data);
        if (isDying) client.end();
        isDying = false;
      },
    });
    const behind = createDatabase(way.url, { maxConnections: 1 });
    try {
      await behind.query('SELECT 1 AS one');
      isDying = true;
      const [first, second, third] = await Promise.allSettled([
        behind.query('SELECT 1 AS one'),
        behind.transaction(async (tx) => await tx.query('SELECT 2 AS two')),
        behind.query('SELECT 3 AS three'),
      ]);
      expect(first).toMatchObject({ status: 'fulfilled', value: [{ one: 1 }] });
      // The last word was heard before the connection went back, so nobody else got it.
      expect(second).toMatchObject({ status: 'fulfilled', value: [{ two: 2 }] });
      expect(third).toMatchObject({ status: 'fulfilled', value: [{ three: 3 }] });
    } finally {
      await behind.close();
      await way.close();
    }
  });
});

describe('a way that is cut silently', () => {
  const limits = { maxConnections: 2, statementTimeoutMs: 200, answerPatienceMs: 100 };

  it('is a lost connection, and the next statement takes a new one', async () => {
    const way = await openDatabaseWay(db.url);
    const behind = createDatabase(way.url, limits);
    try {
      const inTransaction = behind.transaction(async (tx) => {
        await tx.query('INSERT INTO numbers VALUES (1)');
        way.silence();
        await tx.query('INSERT INTO numbers VALUES (2)');
      });
      await expect(inTransaction).rejects.toBeInstanceOf(ConnectionLost);
      way.restore();
      expect(await behind.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      await expect
        .poll(async () => await db.database.query('SELECT id FROM numbers WHERE id IN (1, 2)'))
        .toEqual([]);
    } finally {
      await behind.close();
      await way.close();
    }
  });

  it('at COMMIT leaves the outcome unknown', async () => {
    const way = await openDatabaseWay(db.url);
    const behind = createDatabase(way.url, limits);
    try {
      const work = behind.transaction(async (tx) => {
        await tx.query('INSERT INTO numbers VALUES (3)');
        way.silence();
      });
      await expect(work).rejects.toBeInstanceOf(CommitUnknown);
    } finally {
      await behind.close();
      await way.close();
    }
  });
});

it('a connection to a server that takes no writes any more is not kept', async () => {
  const behind = createDatabase(db.url, { maxConnections: 1 });
  const session = async (): Promise<unknown> =>
    await behind.query('SELECT pg_backend_pid() AS pid');
  const before = await session();
  const work = behind.transaction(async (tx) => {
    await tx.query('SET TRANSACTION READ ONLY');
    await tx.query('INSERT INTO numbers VALUES (4)');
  });
  await expect(work).rejects.toSatisfy(isUnavailable);
  expect(await session()).not.toEqual(before);
  await behind.close();
});
