import { readDatabaseConfig, type DatabaseConfig } from '../config.ts';
import { createDatabase, type Database } from '../database/database.ts';
import type { CommandDeps } from './command-deps.ts';
import { requireDatabase } from './require-database.ts';

/** For what may read every row or rebuild a table; long enough, and still not for ever. */
export const LONG_STATEMENT_MS = 600_000;

/** Opens the database that the settings name, and closes it whatever `work` does. */
export async function withDatabase<T>(
  deps: Pick<CommandDeps, 'terminal'>,
  work: (database: Database, config: DatabaseConfig) => Promise<T>,
  options: { readonly statementTimeoutMs?: number; readonly migrated?: boolean } = {},
): Promise<T> {
  const config = readDatabaseConfig(deps.terminal.env);
  const { statementTimeoutMs, migrated = true } = options;
  const database = createDatabase(config.databaseUrl, {
    maxConnections: config.databaseConnections,
    ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
  });
  try {
    if (migrated) await requireDatabase(database);
    return await work(database, config);
  } finally {
    await database.close();
  }
}

/** "host:port/database", without user and password. What the driver's own reader prefers comes first. */
export function describeDatabase(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const host = url.searchParams.get('host') ?? url.hostname;
  const port = url.searchParams.get('port') ?? url.port;
  const place = (host === '' ? 'localhost' : host) + (port === '' ? '' : `:${port}`);
  return place + url.pathname;
}
