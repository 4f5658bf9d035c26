import { join } from 'node:path';
import { ConfigProblem } from '../config.ts';
import type { Database } from '../database/database.ts';
import { missingMigrations, readMigrations } from '../database/migrate.ts';

/** Where the numbered migrations lie in a clone. */
export const MIGRATIONS_FOLDER = join(import.meta.dirname, '..', '..', 'migrations');

/**
 * Stops the start, with one line, on a database that this version cannot work on: one that lacks
 * migrations, or one that would answer COMMIT before what is committed is safe.
 */
export async function requireDatabase(database: Database): Promise<void> {
  const missing = await missingMigrations(database, await readMigrations(MIGRATIONS_FOLDER));
  if (missing.length > 0) {
    throw new ConfigProblem(
      `DATABASE_URL: the database lacks migrations ${missing.join(', ')}: run "knit migrate"`,
    );
  }
  const [row] = await database.query<{ synchronous_commit: string }>('SHOW synchronous_commit');
  if (row?.synchronous_commit !== 'off') return;
  throw new ConfigProblem(
    'DATABASE_URL: the server has synchronous_commit off: a crash would lose payouts that were acknowledged',
  );
}
