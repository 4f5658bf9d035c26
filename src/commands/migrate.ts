import type { Command } from 'commander';
import {
  migrate,
  MigrationRefused,
  missingMigrations,
  readMigrations,
} from '../database/migrate.ts';
import type { CommandDeps } from './command-deps.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { LONG_STATEMENT_MS, withDatabase } from './open-database.ts';
import { operatorCommand } from './operator-command.ts';
import { MIGRATIONS_FOLDER } from './require-database.ts';
import { respond, type OutputOptions } from './respond.ts';

/** Migrations may rebuild tables, and they are what makes a database migrated. */
const ON_ANY_DATABASE = { statementTimeoutMs: LONG_STATEMENT_MS, migrated: false };

/** What to do where the rows that are there do not meet what a migration asks of them. */
const REMEDIES: ReadonlyMap<number, string> = new Map([
  [
    8,
    'transactions of the version before are not final yet, and this version cannot follow them; let the workers of the version before end them (no row of settlement_attempts is OPEN), stop the workers, migrate again',
  ],
]);

export function addMigrateCommand(program: Command, deps: CommandDeps): void {
  operatorCommand(program, 'migrate', 'Brings the database to the form that this version needs.')
    .option('--check', 'change nothing, say what is missing; exit code 1 if something is')
    .action(async (options: OutputOptions & { check?: true }) => {
      if (options.check === true) await check(deps, options);
      else await apply(deps, options);
    });
}

async function apply(deps: CommandDeps, options: OutputOptions): Promise<void> {
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  const applied = await withDatabase(
    deps,
    async (database) => {
      try {
        return await migrate(database, migrations, deps.clock);
      } catch (error) {
        throw withRemedy(error);
      }
    },
    ON_ANY_DATABASE,
  );
  const lines =
    applied.length === 0 ? ['nothing to do'] : applied.map((version) => `applied ${version}`);
  respond(deps, options, { json: { applied }, lines });
}

function withRemedy(error: unknown): unknown {
  if (!(error instanceof MigrationRefused)) return error;
  const remedy = REMEDIES.get(error.version);
  return remedy === undefined
    ? error
    : new CommandFailure(EXIT.no, `migration ${error.version} was not applied: ${remedy}`);
}

async function check(deps: CommandDeps, options: OutputOptions): Promise<void> {
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  const missing = await withDatabase(
    deps,
    async (database) => await missingMigrations(database, migrations),
    ON_ANY_DATABASE,
  );
  const lines =
    missing.length === 0 ? ['nothing is missing'] : missing.map((version) => `missing ${version}`);
  respond(deps, options, { json: { missing }, lines });
  if (missing.length === 0) return;
  throw new CommandFailure(EXIT.no, `the database lacks migrations ${missing.join(', ')}`);
}
