import { checkDatabase } from '../database/check-database.ts';
import type { Database } from '../database/database.ts';
import { readMigrations } from '../database/migrate.ts';
import type { Check } from '../metrics/readiness.ts';
import { MIGRATIONS_FOLDER } from './require-database.ts';

/** Whether this version can work on the database, for a readiness check. */
export async function databaseCheck(database: Database): Promise<Check> {
  const newest = (await readMigrations(MIGRATIONS_FOLDER)).length;
  return async () => await checkDatabase(database, newest);
}
