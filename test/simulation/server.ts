import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createDatabase, type Database } from '../../src/database/database.ts';
import { migrate, readMigrations } from '../../src/database/migrate.ts';
import { createGuard } from '../../src/sandbox/guard.ts';
import { startPostgres } from '../../src/sandbox/postgres.ts';

/** Where worlds get their databases: each an empty, migrated one. */
export interface WorldServer {
  readonly open: () => Promise<{
    readonly database: Database;
    readonly drop: () => Promise<void>;
  }>;
}

/**
 * What a world's connections ask for. Nothing of a world outlives the run, so a commit need not wait for
 * the disk; the rest keeps the server from choosing other plans, and so another order of rows, from run
 * to run.
 */
const SETTINGS = [
  'synchronous_commit=off',
  'max_parallel_workers_per_gather=0',
  'synchronize_seqscans=off',
  'jit=off',
];

const PER_WORLD_CONNECTIONS = 3;

/** On a running server, by copies of a migrated database. */
export function createWorldServer(serverUrl: string, template: string): WorldServer {
  let opened = 0;
  return {
    open: async () => {
      opened += 1;
      const name = `world_${process.pid}_${opened}`;
      await onServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
      const url = new URL(serverUrl.replace(/\/postgres$/, `/${name}`));
      url.searchParams.set('options', SETTINGS.map((setting) => `-c ${setting}`).join(' '));
      const database = createDatabase(url.href, { maxConnections: PER_WORLD_CONNECTIONS });
      return {
        database,
        drop: async () => {
          await database.close();
          await onServer(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
        },
      };
    },
  };
}

/** Starts a PostgreSQL of its own; `stop` leaves nothing of it. */
export async function startWorldServer(): Promise<
  WorldServer & { readonly stop: () => Promise<void> }
> {
  const guard = createGuard();
  const postgres = await startPostgres({ guard, random: systemRandom, log: silentLog });
  const stop = async (): Promise<void> => {
    await postgres.stop();
    await guard.dispose();
  };
  try {
    await makeTemplate(postgres.url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...createWorldServer(postgres.url, TEMPLATE), stop };
}

const TEMPLATE = 'world_template';

async function makeTemplate(serverUrl: string): Promise<void> {
  await onServer(serverUrl, `CREATE DATABASE ${TEMPLATE}`);
  const template = createDatabase(serverUrl.replace(/\/postgres$/, `/${TEMPLATE}`));
  const folder = fileURLToPath(new URL('../../migrations', import.meta.url));
  try {
    await migrate(template, await readMigrations(folder), systemClock);
  } finally {
    await template.close();
  }
}

async function onServer(serverUrl: string, statement: string): Promise<void> {
  const server = createDatabase(serverUrl, { maxConnections: 1 });
  try {
    await server.query(statement);
  } finally {
    await server.close();
  }
}
