import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { systemClock } from '../src/base/clock.ts';
import { createDatabase } from '../src/database/database.ts';
import { createGuard } from '../src/sandbox/guard.ts';
import type { BenchDatabase } from './bench-database.ts';
import { readTree } from './process-memory.ts';

/** A PostgreSQL that is killed and started again on the same data and the same port. Linux only. */
export interface KillablePostgres {
  readonly url: string;
  /** SIGKILL of every process that it has, at once. Nothing of it runs when this resolves. */
  killAll(): Promise<void>;
  /** SIGKILL of one process that serves a client. The server then ends the others and recovers by itself. */
  killOneBackend(): void;
  /** After `killAll`. Resolves when it takes connections. */
  startAgain(): Promise<void>;
  untilReady(): Promise<void>;
  stop(): Promise<void>;
}

/** How a running server was started, as Linux tells it: started again, it has the same settings. */
interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
}

const READY_WITHIN_MS = 60_000;

export function killablePostgres(first: BenchDatabase): KillablePostgres {
  const command = commandOf(first.pid);
  const guard = createGuard();
  let { pid } = first;
  let own: ChildProcess | undefined;
  const untilReady = async (): Promise<void> => await untilAnswering(first.url);
  return {
    url: first.url,
    killAll: async () => {
      const all = readTree(pid);
      for (const each of all) killIfThere(each);
      while (all.some(lives)) await systemClock.sleep(5);
    },
    killOneBackend: () => {
      const serving = readTree(pid).filter((each) =>
        /^postgres: .* 127\.0\.0\.1/.test(title(each)),
      );
      const victim = serving[Math.floor(serving.length / 2)];
      if (victim === undefined) throw new Error('nobody is connected');
      killIfThere(victim);
    },
    startAgain: async () => {
      const { program, args, ...how } = command;
      own = spawn(program, args, { ...how, detached: true, stdio: 'ignore' });
      await once(own, 'spawn');
      pid = own.pid ?? 0;
      guard.watch(pid, 'SIGINT');
      await untilReady();
    },
    untilReady,
    stop: async () => {
      if (own !== undefined && own.exitCode === null && own.signalCode === null) {
        const ended = once(own, 'exit');
        own.kill('SIGINT');
        await ended;
      }
      await guard.dispose();
      await first.stop();
    },
  };
}

function commandOf(pid: number): Command {
  const [program = '', ...args] = words(pid, 'cmdline');
  const env = words(pid, 'environ').map((line) => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)] as const;
  });
  const { uid, gid } = statSync(`/proc/${pid}`);
  return {
    program,
    args,
    cwd: readlinkSync(`/proc/${pid}/cwd`),
    env: Object.fromEntries(env),
    uid,
    gid,
  };
}

function words(pid: number, file: 'cmdline' | 'environ'): readonly string[] {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    .split('\0')
    .filter((word) => word !== '');
}

/** How a server process names itself; empty where it has ended. */
function title(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function lives(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

async function untilAnswering(url: string): Promise<void> {
  const giveUpAt = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const database = createDatabase(url, { maxConnections: 1 });
    try {
      await database.query('SELECT 1');
      return;
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
      await systemClock.sleep(20);
    } finally {
      await database.close();
    }
  }
}
