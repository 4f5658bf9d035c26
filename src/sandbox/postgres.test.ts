import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { Client } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { silentLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { freePort } from './free-port.ts';
import { createGuard } from './guard.ts';
import { startPostgres, type Postgres, type PostgresOptions } from './postgres.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  const guard = createGuard();
  cleanUps.push(async () => await guard.dispose());
  const postgres = await startPostgres({
    guard,
    random: systemRandom,
    log: silentLog,
    ...options,
  });
  cleanUps.push(async () => await postgres.stop());
  return postgres;
}

async function ask(url: string, text: string): Promise<string[][]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows as string[][];
  } finally {
    await client.end();
  }
}

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'knit-postgres-test-'));
  // As root the server is another user, who must be able to reach it.
  chmodSync(folder, 0o755);
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a server is as safe as in production, listens on loopback only and speaks UTC', async () => {
  const { url } = await start();
  const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses'];
  names.push('max_connections', 'server_encoding', 'timezone', 'unix_socket_directories');
  const values = await ask(url, `SELECT ${names.map((n) => `current_setting('${n}')`).join()}`);
  expect(values[0]).toEqual(['on', 'on', 'on', '127.0.0.1', '200', 'UTF8', 'UTC', '']);
});

test('a wrong password is refused', async () => {
  const { url } = await start();
  await expect(ask(url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(/password/);
});

test('two start at once, each with its own port and data; stopping leaves nothing', async () => {
  const parent = ownFolder();
  const servers = await Promise.all([start({ folder: parent }), start({ folder: parent })]);
  expect(readdirSync(parent)).toHaveLength(2);
  for (const { url } of servers) await ask(url, 'CREATE TABLE only_here ()');
  for (const server of servers) await server.stop();
  expect(readdirSync(parent)).toEqual([]);
  for (const { pid } of servers) expect(existsSync(`/proc/${pid}`)).toBe(false);
});

test('a folder that the server cannot reach is not used', async () => {
  const parent = ownFolder();
  const inner = join(parent, 'inner');
  mkdirSync(inner, { mode: 0o700 });
  const { url } = await start({ folder: inner });
  expect(await ask(url, 'SELECT 1')).toEqual([[1]]);
  expect(readdirSync(inner)).toHaveLength(process.getuid?.() === 0 ? 0 : 1);
});

test('a port that is taken is one clear line, and nothing is left', async () => {
  const parent = ownFolder();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  cleanUps.push(() => void other.close());
  const { port } = other.address() as { port: number };
  const failure = await start({ port, folder: parent }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  expect((failure as Error).message).toMatch(
    new RegExp(`^PostgreSQL could not start on 127\\.0\\.0\\.1:${port}: .+$`),
  );
  expect(readdirSync(parent)).toEqual([]);
});

test('a given port is used', async () => {
  const port = await freePort();
  const { url } = await start({ port });
  expect(url).toContain(`@127.0.0.1:${port}/`);
});

test('nothing is left where the process that started it is killed', async () => {
  const parent = ownFolder();
  const script = `
    import { startPostgres } from '${new URL('postgres.ts', import.meta.url).href}';
    import { createGuard } from '${new URL('guard.ts', import.meta.url).href}';
    import { silentLog } from '${new URL('../base/log.ts', import.meta.url).href}';
    import { systemRandom } from '${new URL('../base/random.ts', import.meta.url).href}';
    const { pid } = await startPostgres({
      guard: createGuard(), random: systemRandom, log: silentLog, folder: ${JSON.stringify(parent)},
    });
    console.log(pid);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const pid = Number(said.toString());
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  child.kill('SIGKILL');
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 8_000 }).toBe(false);
  await expect.poll(() => readdirSync(parent), { timeout: 8_000 }).toEqual([]);
});
