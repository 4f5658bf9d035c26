import { CHECK_OK } from '../base/readiness.ts';
import type { Queryable } from './database.ts';
import { sqlState } from './sql-failure.ts';

const NO_SUCH_TABLE = '42P01';

/**
 * Whether the database can be worked on at this moment, for a readiness check: it answers, takes writes, and
 * has at least the migrations up to `newest`. One that a newer version has migrated is left to the next start:
 * a rolling upgrade would otherwise make every process unready at once. Throws where it is not reachable.
 */
export async function checkDatabase(db: Queryable, newest: number): Promise<string> {
  let rows: { version: number | null; is_read_only: boolean }[];
  try {
    rows = await db.query(
      `SELECT max(version) AS version, current_setting('transaction_read_only') = 'on' AS is_read_only
       FROM schema_migrations`,
    );
  } catch (error) {
    if (sqlState(error) === NO_SUCH_TABLE) return LACKS_MIGRATIONS;
    throw error;
  }
  const [row] = rows;
  if ((row?.version ?? 0) < newest) return LACKS_MIGRATIONS;
  return row?.is_read_only === true ? 'takes no writes: it is a standby, or set so' : CHECK_OK;
}

const LACKS_MIGRATIONS = 'lacks migrations: run "knit migrate"';
