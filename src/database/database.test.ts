import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabaseWay } from '../../test/harness/database-way.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { createRecordingMeter } from '../../test/harness/recording-meter.ts';
import { systemClock } from '../base/clock.ts';
import { createDatabase } from './database.ts';
import { migrate, missingMigrations, type Migration } from './migrate.ts';
import { CommitUnknown, ConnectionLost, isUniqueViolation } from './sql-failure.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ maxConnections: 20, migrated: false });
  await db.database.query('CREATE TABLE numbers (id integer PRIMARY KEY, value bigint NOT NULL)');
});
afterAll(async () => {
  await db.drop();
});

describe('transaction', () => {
  it('keeps all or nothing', async () => {
    const failing = db.database.transaction(async (tx) => {
      await tx.query('INSERT INTO numbers VALUES (1, 1)');
      throw new Error('stop');
    });
    await expect(failing).rejects.toThrow('stop');
    expect(await db.database.query('SELECT * FROM numbers')).toEqual([]);
  });

  it('runs again after a deadlock, until both are done', async () => {
    await db.database.query('INSERT INTO numbers VALUES (10, 0), (11, 0)');
    let runs = 0;
    const add = async (first: number, second: number): Promise<void> => {
      await db.database.transaction(async (tx) => {
        runs += 1;
        await tx.query('UPDATE numbers SET value = value + 1 WHERE id = $1', [first]);
        await systemClock.sleep(100);
        await tx.query('UPDATE numbers SET value = value + 1 WHERE id = $1', [second]);
      });
    };
    await Promise.all([add(10, 11), add(11, 10)]);
    expect(runs).toBeGreaterThan(2);
    const rows = await db.database.query('SELECT value FROM numbers WHERE id IN (10, 11)');
    expect(rows).toEqual([{ value: 2n }, { value: 2n }]);
  });

  it('says that the outcome is unknown where the connection breaks at COMMIT', async () => {
    const way = await openDatabaseWay(db.url, {
      toServer: (data, { client, server }) => {
        server.write(data);
        if (data.includes('COMMIT\0')) client.destroy();
      },
    });
    const behind = createDatabase(way.url);
    try {
      const work = behind.transaction(async (tx) => {
        await tx.query('INSERT INTO numbers VALUES (20, 20)');
      });
      await expect(work).rejects.toBeInstanceOf(CommitUnknown);
    } finally {
      await behind.close();
      await way.close();
    }
  });

  it('a database that cannot be reached is a lost connection', async () => {
    const nowhere = createDatabase('postgres://x:y@127.0.0.1:1/none');
    await expect(nowhere.query('SELECT 1')).rejects.toBeInstanceOf(ConnectionLost);
    await expect(
      nowhere.transaction(async (tx) => await tx.query('SELECT 1')),
    ).rejects.toBeInstanceOf(ConnectionLost);
    await nowhere.close();
  });

  it('survives that the server ends its idle connection', async () => {
    const errors: Error[] = [];
    const own = createDatabase(db.url, {
      maxConnections: 1,
      onIdleError: (error) => errors.push(error),
    });
    const [row] = await own.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await db.database.query('SELECT pg_terminate_backend($1)', [row?.pid]);
    await expect.poll(() => errors.length).toBe(1);
    expect(await own.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await own.close();
  });
});

describe('what it measures', () => {
  it('is each connection, and who waits for one', async () => {
    const measured = createRecordingMeter();
    const own = createDatabase(db.url, { maxConnections: 1, meter: measured.meter });
    expect(own.connections()).toEqual({ idle: 0, busy: 0, waiting: 0 });
    let waiting: Promise<unknown> | undefined;
    await own.transaction(async () => {
      waiting = own.query('SELECT 1');
      expect(own.connections()).toEqual({ idle: 0, busy: 1, waiting: 1 });
      expect(await measured.read('knit_database_connections')).toEqual({
        idle: 0,
        busy: 1,
        waiting: 1,
      });
    });
    await waiting;
    expect(own.connections()).toEqual({ idle: 1, busy: 0, waiting: 0 });
    await own.close();
  });

  it('is how often a transaction ran again, and why', async () => {
    const measured = createRecordingMeter();
    const own = createDatabase(db.url, { maxConnections: 4, meter: measured.meter });
    await own.query('INSERT INTO numbers VALUES (40, 0), (41, 0)');
    let runs = 0;
    const add = async (first: number, second: number): Promise<void> => {
      await own.transaction(async (tx) => {
        runs += 1;
        await tx.query('UPDATE numbers SET value = value + 1 WHERE id = $1', [first]);
        await systemClock.sleep(100);
        await tx.query('UPDATE numbers SET value = value + 1 WHERE id = $1', [second]);
      });
    };
    await Promise.all([add(40, 41), add(41, 40)]);
    expect(runs).toBeGreaterThan(2);
    expect(await measured.read('knit_database_retries_total')).toEqual({
      deadlock: runs - 2,
    });
    await own.close();
  });
});

describe('values', () => {
  it('come back exact', async () => {
    const [row] = await db.database.query(
      `SELECT $1::numeric AS large, $2::bigint AS long, $3::timestamptz AS at`,
      [2n ** 255n, 2n ** 62n, new Date('2026-01-02T03:04:05.678Z')],
    );
    expect(row).toEqual({
      large: 2n ** 255n,
      long: 2n ** 62n,
      at: new Date('2026-01-02T03:04:05.678Z'),
    });
  });

  it('with a fraction are refused where whole units are expected', async () => {
    await expect(db.database.query('SELECT 0.5::numeric AS half')).rejects.toThrow();
  });

  it('a statement that is refused costs no connection', async () => {
    const own = createDatabase(db.url, { maxConnections: 1 });
    const session = async (): Promise<unknown> => await own.query('SELECT pg_backend_pid() AS pid');
    const before = await session();
    await expect(own.query('SELECT 1 / 0')).rejects.toThrow('division by zero');
    expect(await session()).toEqual(before);
    await own.close();
  });

  it('a unique key that is violated is known by its SQLSTATE', async () => {
    await db.database.query('INSERT INTO numbers VALUES (30, 0)');
    const again = db.database.query('INSERT INTO numbers VALUES (30, 0)');
    await expect(again).rejects.toSatisfy(isUniqueViolation);
  });
});

describe('migrate', () => {
  const first: Migration = {
    version: 1,
    name: 'first',
    checksum: 'a',
    sql: '-- A comment; with a semicolon.\nCREATE TABLE one (id integer);\nCREATE TABLE two (id integer);\n',
  };
  const second: Migration = { version: 2, name: 'second', checksum: 'b', sql: 'DROP TABLE two;\n' };

  it('applies each migration once, also when several migrate at the same moment', async () => {
    const own = await createTestDatabase({ migrated: false });
    expect(await missingMigrations(own.database, [first, second])).toEqual([1, 2]);
    const applied = await Promise.all(
      [1, 2, 3, 4].map(async () => await migrate(own.database, [first, second], systemClock)),
    );
    expect(applied.flat().sort((a, b) => a - b)).toEqual([1, 2]);
    expect(await missingMigrations(own.database, [first, second])).toEqual([]);
    await own.drop();
  });

  it('leaves nothing of a migration that fails', async () => {
    const own = await createTestDatabase({ migrated: false });
    const broken = { ...first, sql: 'CREATE TABLE one (id integer);\nCREATE TABEL two ();\n' };
    await expect(migrate(own.database, [broken], systemClock)).rejects.toThrow('migration 1');
    expect(await own.database.query(`SELECT to_regclass('one') AS one`)).toEqual([{ one: null }]);
    expect(await migrate(own.database, [first], systemClock)).toEqual([1]);
    await own.drop();
  });

  it('says that a database is newer than the migrations', async () => {
    const own = await createTestDatabase({ migrated: false });
    await migrate(own.database, [first, second], systemClock);
    await expect(missingMigrations(own.database, [first])).rejects.toThrow('migration 2');
    await expect(migrate(own.database, [first], systemClock)).rejects.toThrow('migration 2');
    await own.drop();
  });

  it('refuses a migration that was changed after it was applied', async () => {
    const own = await createTestDatabase({ migrated: false });
    await migrate(own.database, [first], systemClock);
    const changed = { ...first, checksum: 'other' };
    await expect(migrate(own.database, [changed], systemClock)).rejects.toThrow('differs');
    await own.drop();
  });
});
