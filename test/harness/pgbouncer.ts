import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  fetchDebianPackage,
  fetchedCommand,
  type FetchedPackage,
} from '../../local-chains/fetch-debian-package.ts';
import { freePort } from '../../src/sandbox/free-port.ts';

/** A pooler of the caller's own before a server. */
export interface PgBouncer {
  /** The server's URL, by the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  /** What `fetchPgBouncer` made ready. */
  readonly folder: string;
  /** The server that it stands before, with user and password. */
  readonly serverUrl: string;
  /** Connections to the server, for all of its clients. */
  readonly poolSize: number;
  /** Settings beyond those here, or instead of them. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

const PROGRAM = 'usr/sbin/pgbouncer';
/** pgbouncer refuses to be root. */
const UNPRIVILEGED = { name: 'nobody', uid: 65_534, gid: 65_534 };

/**
 * Version 1.18, which Debian 12 has. It knows no prepared statements in transaction mode, as 1.21 does: what
 * works through it works through the later ones.
 */
export async function fetchPgBouncer(): Promise<FetchedPackage> {
  return await fetchDebianPackage({
    name: 'pgbouncer',
    suite: 'bookworm',
    program: PROGRAM,
    title: 'pgbouncer',
  });
}

/** In transaction mode, with its own defaults where nothing else is said. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const home = await mkdtemp(join(tmpdir(), 'knit-pgbouncer-'));
  const port = await freePort();
  const child = await launch(home, port, options);
  const gone = once(child, 'exit');
  const stop = async (): Promise<void> => {
    // At SIGTERM this version ends at once.
    child.kill('SIGTERM');
    await gone;
    await rm(home, { recursive: true, force: true });
  };
  const lines: string[] = [];
  const ready = new Promise<'ready'>((resolve) => {
    createInterface({ input: child.stderr ?? process.stdin }).on('line', (line) => {
      lines.push(line);
      if (line.includes('process up')) resolve('ready');
    });
  });
  if ((await Promise.race([ready, gone])) !== 'ready') {
    throw new Error(`pgbouncer did not start: ${lines.join('\n')}`);
  }
  const url = new URL(options.serverUrl);
  url.port = String(port);
  return { url: url.href, stop };
}

async function launch(
  home: string,
  port: number,
  options: PgBouncerOptions,
): Promise<ChildProcess> {
  const server = new URL(options.serverUrl);
  const users = join(home, 'users');
  await writeFile(users, `"${server.username}" "${decodeURIComponent(server.password)}"\n`);
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: 'transaction',
    max_client_conn: '500',
    default_pool_size: String(options.poolSize),
    ...options.settings,
  };
  const file = join(home, 'pgbouncer.ini');
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  const database = `* = host=${server.hostname} port=${server.port}\n`;
  await writeFile(file, `[databases]\n${database}[pgbouncer]\n${lines.join('')}`);
  const isRoot = process.getuid?.() === 0;
  for (const each of isRoot ? [home, users, file] : []) {
    await chown(each, UNPRIVILEGED.uid, UNPRIVILEGED.gid);
  }
  const [loader, args] = fetchedCommand(options.folder, PROGRAM);
  return spawn(loader, [...args, ...(isRoot ? ['-u', UNPRIVILEGED.name] : []), file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
