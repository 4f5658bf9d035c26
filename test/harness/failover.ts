import { randomBytes } from 'node:crypto';
import { createDatabase, type Database } from '../../src/database/database.ts';
import type { TestDatabase } from './database.ts';

/** A database that is followed by a copy of itself: a standby that lacks what came after the copy was made. */
export interface Failover {
  /** Leads to the database, and to the copy once it has failed over. */
  readonly database: Database;
  /** Makes the copy of what is committed now. */
  readonly copy: () => Promise<void>;
  /** From now on every statement goes to the copy. */
  readonly failOver: () => void;
  readonly close: () => Promise<void>;
}

export function createFailover(db: TestDatabase): Failover {
  const server = createDatabase(db.url.replace(/\/[^/]+$/, '/postgres'), { maxConnections: 1 });
  const original = new URL(db.url).pathname.slice(1);
  const name = `copy_${randomBytes(8).toString('hex')}`;
  const standby = createDatabase(db.url.replace(/\/[^/]+$/, `/${name}`), { maxConnections: 4 });
  let current = db.database;
  return {
    database: {
      ...db.database,
      query: async (text, values) => await current.query(text, values),
      transaction: async (work) => await current.transaction(work),
    },
    copy: async () => {
      // A template must have no connections; the pool makes new ones.
      await server.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
        [original],
      );
      await server.query(`CREATE DATABASE ${name} TEMPLATE ${original}`);
    },
    failOver: () => {
      current = standby;
    },
    close: async () => {
      await standby.close();
      await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await server.close();
    },
  };
}
