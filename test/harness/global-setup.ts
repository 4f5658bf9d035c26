import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createDatabase } from '../../src/database/database.ts';
import { migrate, readMigrations } from '../../src/database/migrate.ts';
import { createGuard } from '../../src/sandbox/guard.ts';
import { startPostgres } from '../../src/sandbox/postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The run's PostgreSQL, as its superuser, in the database "postgres". */
    serverUrl: string;
    /** The name of the migrated database that each test's own is copied from. */
    templateDatabase: string;
  }
}

const TEMPLATE = 'knit_template';

/** One PostgreSQL for the whole run, with one migrated database to copy. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const guard = createGuard();
  const postgres = await startPostgres({ guard, random: systemRandom, log: silentLog });
  const tearDown = async (): Promise<void> => {
    await postgres.stop();
    await guard.dispose();
  };
  try {
    await makeTemplate(postgres.url);
  } catch (error) {
    await tearDown();
    throw error;
  }
  project.provide('serverUrl', postgres.url);
  project.provide('templateDatabase', TEMPLATE);
  return tearDown;
}

async function makeTemplate(serverUrl: string): Promise<void> {
  const server = createDatabase(serverUrl, { maxConnections: 1 });
  await server.query(`CREATE DATABASE ${TEMPLATE}`);
  const template = createDatabase(serverUrl.replace(/\/postgres$/, `/${TEMPLATE}`));
  const folder = fileURLToPath(new URL('../../migrations', import.meta.url));
  try {
    await migrate(template, await readMigrations(folder), systemClock);
  } finally {
    await template.close();
  }
  // A database with an open connection cannot be copied, and autovacuum would open one.
  await server.query(`ALTER DATABASE ${TEMPLATE} ALLOW_CONNECTIONS false`);
  await server.close();
}
