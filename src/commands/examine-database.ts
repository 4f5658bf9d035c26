import type { DatabaseConfig } from '../config.ts';
import { createDatabase, type Database } from '../database/database.ts';
import { MigrationMismatch, missingMigrations, readMigrations } from '../database/migrate.ts';
import { fine, warning, wrong, type Finding } from '../networks/examination.ts';
import { endingOf } from './exit-code.ts';
import { describeDatabase } from './open-database.ts';
import { MIGRATIONS_FOLDER } from './require-database.ts';

const LEAST_VERSION = 150_000;

/**
 * Looks at the database, then does the rest with it: null where it cannot be used. It is closed after that.
 */
export async function examineDatabase<T>(
  config: DatabaseConfig | undefined,
  rest: (database: Database | null) => Promise<T>,
): Promise<{ readonly found: readonly Finding[]; readonly rest: T }> {
  if (config === undefined) return { found: [], rest: await rest(null) };
  const database = createDatabase(config.databaseUrl, { maxConnections: 4 });
  try {
    const found = await examineServer(database, config);
    const isUsable = found.every(({ level }) => level !== 'fail');
    return { found, rest: await rest(isUsable ? database : null) };
  } finally {
    await database.close();
  }
}

async function examineServer(
  database: Database,
  config: DatabaseConfig,
): Promise<readonly Finding[]> {
  const place = describeDatabase(config.databaseUrl);
  try {
    const settings = await examineDurability(database);
    const migrations = await examineMigrations(database);
    const found = [...settings, ...migrations];
    return found.length === 0 ? [fine(`the database at ${place} is as it has to be`)] : found;
  } catch (error) {
    const { line } = endingOf(error);
    const mend =
      error instanceof MigrationMismatch
        ? 'run the version of Knit that the database was migrated with, or a newer one'
        : 'see that the server runs, and that DATABASE_URL names it with its user';
    return [wrong(`the database at ${place}: ${line ?? 'it cannot be asked'}`, mend)];
  }
}

async function examineMigrations(database: Database): Promise<Finding[]> {
  const missing = await missingMigrations(database, await readMigrations(MIGRATIONS_FOLDER));
  if (missing.length === 0) return [];
  return [wrong(`the database lacks migrations ${missing.join(', ')}`, 'run "knit migrate"')];
}

/** What a setting of the server may not be, and what that would lose. */
const DURABLE = [
  ['synchronous_commit', 'a crash would lose payouts that were acknowledged'],
  ['fsync', 'a crash of the machine would destroy the database'],
  ['full_page_writes', 'a crash of the machine could destroy the database'],
] as const;

async function examineDurability(database: Database): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [name, loss] of DURABLE) {
    if ((await show(database, name)) !== 'off') continue;
    found.push(wrong(`the server has ${name} off: ${loss}`, `set ${name} = on at the server`));
  }
  if ((await show(database, 'statement_timeout')) === '0') {
    const what = "the pooler passes on no limit of a statement's time, and the server sets none";
    const mend = "set one for the role, as in ALTER ROLE knit SET statement_timeout = '30s'";
    found.push(wrong(what, mend));
  }
  if ((await show(database, 'transaction_read_only')) === 'on') {
    found.push(wrong('the server takes no writes', 'name the primary in DATABASE_URL'));
  }
  const version = Number(await show(database, 'server_version_num'));
  if (version < LEAST_VERSION) {
    const what = `the server is of version ${version}, older than PostgreSQL 15`;
    found.push(warning(what, 'use PostgreSQL 15 or newer'));
  }
  return found;
}

async function show(database: Database, name: string): Promise<string> {
  const [row] = await database.query<Record<string, string>>(`SHOW ${name}`);
  return row?.[name] ?? '';
}
