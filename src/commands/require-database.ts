import { join } from 'node:path';
import { ConfigProblem } from '../config.ts';
import type { Database } from '../database/database.ts';
import { missingMigrations, readMigrations } from '../database/migrate.ts';

/** Where the numbered migrations lie in a clone. */
export const MIGRATIONS_FOLDER = join(import.meta.dirname, '..', '..', 'migrations');

/**
 * Stops the start, with one line, on a database that this version cannot work on: one that lacks
 * migrations, one that would answer COMMIT before what is committed is safe, or one behind a pooler that lets
 * a statement take for ever.
 */
export async function requireDatabase(database: Database): Promise<void> {
  const missing = await missingMigrations(database, await readMigrations(MIGRATIONS_FOLDER));
  if (missing.length > 0) {
    throw new ConfigProblem(
      `DATABASE_URL: the database lacks migrations ${missing.join(', ')}: run "knit migrate"`,
    );
  }
  if ((await show(database, 'synchronous_commit')) === 'off') {
    throw new ConfigProblem(
      'DATABASE_URL: the server has synchronous_commit off: a crash would lose payouts that were acknowledged',
    );
  }
  if ((await show(database, 'statement_timeout')) === '0') {
    throw new ConfigProblem(
      "DATABASE_URL: the pooler passes on no limit of a statement's time: set one for the role at the server, as in ALTER ROLE knit SET statement_timeout = '30s'",
    );
  }
}

async function show(database: Database, name: string): Promise<string | undefined> {
  const [row] = await database.query<Record<string, string>>(`SHOW ${name}`);
  return row?.[name];
}
