import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase, type Database } from '../../src/database/database.ts';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** Closes `database` and removes it, whoever else is still connected. */
  readonly drop: () => Promise<void>;
}

/** A database of the caller's own on the run's real PostgreSQL, with every migration applied. */
export async function createTestDatabase(
  options: { maxConnections?: number; migrated?: boolean } = {},
): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = options.migrated === false ? 'template0' : inject('templateDatabase');
  await onServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = serverUrl.replace(/\/postgres$/, `/${name}`);
  const { maxConnections = 10 } = options;
  const database = createDatabase(url, { maxConnections });
  return {
    url,
    database,
    drop: async () => {
      await database.close();
      await onServer(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function onServer(serverUrl: string, statement: string): Promise<void> {
  const server = createDatabase(serverUrl, { maxConnections: 1 });
  try {
    await server.query(statement);
  } finally {
    await server.close();
  }
}
