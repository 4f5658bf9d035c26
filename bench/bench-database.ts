import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { createDatabase } from '../src/database/database.ts';
import { migrate, readMigrations } from '../src/database/migrate.ts';
import { createGuard } from '../src/sandbox/guard.ts';
import { startPostgres } from '../src/sandbox/postgres.ts';

export interface BenchDatabase {
  /** A database with every migration applied and nothing in it. */
  readonly url: string;
  /** Of the server's first process. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** A PostgreSQL of its own, with fsync on as in production. */
export async function startBenchDatabase(
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchDatabase> {
  const guard = createGuard();
  const postgres = await startPostgres({ guard, random: systemRandom, log: silentLog, settings });
  const stop = async (): Promise<void> => {
    await postgres.stop();
    await guard.dispose();
  };
  try {
    const database = createDatabase(postgres.url, { maxConnections: 1 });
    const folder = fileURLToPath(new URL('../migrations', import.meta.url));
    await migrate(database, await readMigrations(folder), systemClock);
    await database.close();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: postgres.url, pid: postgres.pid, stop };
}
