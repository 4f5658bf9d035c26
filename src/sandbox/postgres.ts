import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { present } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { freePort } from './free-port.ts';
import type { Guard } from './guard.ts';
import { lastWords } from './internal/last-words.ts';
import {
  canRun,
  copyBinaries,
  findBinaries,
  serverUser,
  type ServerUser,
} from './internal/postgres-binaries.ts';

export interface Postgres {
  /** postgres://postgres:…@127.0.0.1:port/postgres, a superuser's. */
  readonly url: string;
  readonly pid: number;
  /** Ends every connection, stops the server and removes its data. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  readonly guard: Guard;
  readonly random: Random;
  readonly log: Log;
  /** Where the server's own private folder is made; default: the system's folder for temporary files. */
  readonly folder?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Of the server, beside what every one is started with. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What the server's processes see of the environment: nothing that could change their behaviour. */
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };
const STOP_PATIENCE_MS = 10_000;
const PORT_TRIES = 5;

/**
 * Starts a new, empty PostgreSQL on 127.0.0.1, with fsync on and a random password. Its data lives
 * in a private folder and ends with it. A cluster is made anew each time: that takes 0.42 s, and
 * copying one that was kept takes 0.22 s, which is not worth a cache that can go stale.
 * PostgreSQL refuses to run as root, so root starts it as the user nobody.
 * Throws an Error whose message is one line.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const user = await serverUser();
  const home = await makeHome(options.folder, user);
  options.guard.removeFolder(home);
  try {
    const found = await findBinaries();
    const binaries = (await canRun(found, user)) ? found : await copyBinaries(found, home, user);
    const place = { binaries, home, user };
    const password = Buffer.from(options.random.bytes(24)).toString('base64url');
    await initialise(place, password);
    const { server, port } = await serveOnPort(place, options);
    return {
      url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      pid: present(server.pid, 'a server that takes connections has a process'),
      stop: async () => await stop(server, home),
    };
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

interface Place {
  /** The folder that holds bin, lib and share. */
  readonly binaries: string;
  readonly home: string;
  readonly user: ServerUser | undefined;
}

/** A private folder that the server's user owns and can reach. */
async function makeHome(wanted: string | undefined, user: ServerUser | undefined): Promise<string> {
  const parent =
    wanted !== undefined && (user === undefined || (await canRun(wanted, user, 'reach')))
      ? wanted
      : tmpdir();
  const home = await mkdtemp(join(parent, 'knit-postgres-'));
  if (user !== undefined) await chown(home, user.uid, user.gid);
  await chmod(home, 0o700);
  return home;
}

async function initialise(place: Place, password: string): Promise<void> {
  const passwordFile = join(place.home, 'password');
  await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' });
  if (place.user !== undefined) await chown(passwordFile, place.user.uid, place.user.gid);
  // Nothing is in the cluster yet that a crash could take: it need not wait for the disk here.
  const initdb = launch(place, 'initdb', [
    `--pgdata=${join(place.home, 'data')}`,
    '--username=postgres',
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--no-sync',
    '--no-instructions',
  ]);
  const lines = collect(initdb, () => undefined);
  const code = await exitOf(initdb);
  await rm(passwordFile, { force: true });
  if (code !== 0) throw new Error(`PostgreSQL could not make its data folder: ${lastWords(lines)}`);
}

/** Another program can take a free port before the server does; then another one is tried. */
async function serveOnPort(
  place: Place,
  options: PostgresOptions,
): Promise<{ server: ChildProcess; port: number }> {
  for (let tries = 1; ; tries += 1) {
    const port = options.port ?? (await freePort());
    const answer = await serve(place, port, options);
    if (typeof answer !== 'string') return { server: answer, port };
    const taken = /Address already in use|could not (bind|create any TCP)/i.test(answer);
    if (!taken || options.port !== undefined || tries >= PORT_TRIES) {
      throw new Error(`PostgreSQL could not start on 127.0.0.1:${port}: ${answer}`);
    }
  }
}

/** Gives the server once it takes connections, or the last line that it wrote before it ended. */
async function serve(
  place: Place,
  port: number,
  { guard, log, settings: own = {} }: PostgresOptions,
): Promise<ChildProcess | string> {
  const server = launch(place, 'postgres', [
    '-D',
    join(place.home, 'data'),
    ...Object.entries({ ...settings(port), ...own }).map(([name, value]) => `--${name}=${value}`),
  ]);
  if (server.pid !== undefined) guard.watch(server.pid, 'SIGINT');
  const ended = exitOf(server);
  let lines: string[] = [];
  const ready = new Promise<'ready'>((resolve) => {
    lines = collect(server, (line) => {
      log.debug({ postgres: line }, 'postgres');
      if (line.includes('database system is ready to accept connections')) resolve('ready');
    });
  });
  if ((await Promise.race([ready, ended])) === 'ready') return server;
  return lastWords(lines);
}

/** Everything that matters for safety is as in production: fsync and synchronous_commit stay on. */
function settings(port: number): Record<string, string | number> {
  return {
    listen_addresses: '127.0.0.1',
    port,
    // No socket file: its folder may not exist, may not be writable, and its path may be too long.
    unix_socket_directories: '',
    max_connections: 200,
    fsync: 'on',
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    max_wal_size: '512MB',
    // Statements with their values stay out of the log.
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
  };
}

/** Starts a program in a session of its own, so that Ctrl-C in a terminal does not stop it first. */
function launch(place: Place, name: 'initdb' | 'postgres', args: readonly string[]): ChildProcess {
  return spawn(join(place.binaries, 'bin', name), args, {
    detached: true,
    cwd: place.home,
    env: ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...place.user,
  });
}

/** Keeps the last lines of what a program says. */
function collect(child: ChildProcess, onLine: (line: string) => void): string[] {
  const lines: string[] = [];
  child.once('error', (error) => lines.push(error.message));
  if (child.stderr === null) return lines;
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > 50) lines.shift();
    onLine(line);
  });
  return lines;
}

/** The exit code; -1 where a signal ended it or it could not be started. */
async function exitOf(child: ChildProcess): Promise<number> {
  return await new Promise((resolve) => {
    child.once('error', () => resolve(-1));
    child.once('close', (code) => resolve(code ?? -1));
  });
}

async function stop(server: ChildProcess, home: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = once(server, 'exit');
    // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
    server.kill('SIGINT');
    const timers = (['SIGQUIT', 'SIGKILL'] as const).map((signal, index) =>
      setTimeout(() => server.kill(signal), STOP_PATIENCE_MS * (index + 1)),
    );
    await ended;
    for (const timer of timers) clearTimeout(timer);
  }
  await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
