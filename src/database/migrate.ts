import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Database, Tx } from './database.ts';
import { isCheckViolation, isDuplicateObject, isUniqueViolation } from './sql-failure.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** The database was migrated by other files than these: it is of another version, or not ours. */
export class MigrationMismatch extends Error {
  override readonly name = 'MigrationMismatch';
}

/** The rows that are there do not meet what a migration asks of them. Nothing of it was applied. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
  readonly version: number;

  constructor(migration: Migration, cause: unknown) {
    super(`migration ${migration.version} (${migration.name}) refuses rows that are there`, {
      cause,
    });
    this.version = migration.version;
  }
}

/** The numbered files of `folder` ("0001-name.sql"), in order, without a gap. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return await Promise.all(
    files.map(async (file, index) => {
      const match = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file);
      const version = Number(match?.[1]);
      if (version !== index + 1) throw new Error(`migrations: ${file} is not number ${index + 1}`);
      const sql = await readFile(join(folder, file), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { version, name: match?.[2] ?? '', sql, checksum };
    }),
  );
}

/**
 * Applies what is missing, each migration in a transaction of its own, and gives the versions that
 * this call applied. Two migrators at once are safe: each first inserts the version's row, whose
 * primary key lets one through and makes the other wait, fail, and look again.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<number[]> {
  await createHistory(database);
  await refuseUnknown(database, migrations.length);
  const applied: number[] = [];
  for (const migration of migrations) {
    if (await apply(database, migration, clock)) applied.push(migration.version);
  }
  return applied;
}

/** The versions that the database lacks. A changed or unknown migration throws. */
export async function missingMigrations(
  database: Database,
  migrations: readonly Migration[],
): Promise<number[]> {
  const [found] = await database.query<{ present: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS present`,
  );
  if (found?.present !== true) return migrations.map((migration) => migration.version);
  await refuseUnknown(database, migrations.length);
  const missing: number[] = [];
  for (const migration of migrations) {
    if (!(await isApplied(database, migration))) missing.push(migration.version);
  }
  return missing;
}

/** A database that a newer version has migrated may hold what this version would break. */
async function refuseUnknown(database: Database, newest: number): Promise<void> {
  const rows = await database.query<{ version: number }>(
    `SELECT version FROM schema_migrations WHERE version > $1 ORDER BY version LIMIT 1`,
    [newest],
  );
  const [unknown] = rows;
  if (unknown === undefined) return;
  throw new MigrationMismatch(
    `the database has migration ${unknown.version}, which this version does not know`,
  );
}

async function createHistory(database: Database): Promise<void> {
  try {
    await database.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version integer PRIMARY KEY,
      name text NOT NULL,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL
    )`);
  } catch (error) {
    // IF NOT EXISTS is no protection against another session that creates it at this moment.
    if (!isUniqueViolation(error) && !isDuplicateObject(error)) throw error;
  }
}

async function apply(database: Database, migration: Migration, clock: Clock): Promise<boolean> {
  if (await isApplied(database, migration)) return false;
  try {
    await database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)`,
        [migration.version, migration.name, migration.checksum, clock.now()],
      );
      for (const statement of statementsOf(migration.sql)) await tx.query(statement);
    });
    return true;
  } catch (error) {
    if (isUniqueViolation(error) && (await isApplied(database, migration))) return false;
    if (isCheckViolation(error)) throw new MigrationRefused(migration, error);
    throw new Error(`migration ${migration.version} (${migration.name}) failed`, { cause: error });
  }
}

async function isApplied(database: Database | Tx, migration: Migration): Promise<boolean> {
  const [row] = await database.query<{ checksum: string }>(
    `SELECT checksum FROM schema_migrations WHERE version = $1`,
    [migration.version],
  );
  if (row === undefined) return false;
  if (row.checksum !== migration.checksum) {
    throw new MigrationMismatch(
      `migration ${migration.version} (${migration.name}) differs from the one that was applied`,
    );
  }
  return true;
}

/** One statement a message, as distributed engines ask. A statement ends with ";" at a line's end. */
function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
