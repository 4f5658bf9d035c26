import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../base/assert.ts';

/**
 * Cleans up after this process, whatever ends it. A small process in a session of its own holds the
 * other end of a pipe; when the pipe closes, be it by {@link Guard.dispose} or by this process's
 * death, it ends what it watches and removes the folders that it was told of.
 */
export interface Guard {
  /** Ends `pid` with `signal` (default SIGKILL), and with SIGKILL if that takes over 5 seconds. */
  watch(pid: number, signal?: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void;
  /** Removes the folder once every watched process has ended. */
  removeFolder(path: string): void;
  /** Does now what is left to do. Resolves when nothing of it is left, the guard included. */
  dispose(): Promise<void>;
}

/** What the guard's process reads: one JSON object a line. */
export type GuardOrder =
  | { readonly watch: number; readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL' }
  | { readonly remove: string };

export function createGuard(): Guard {
  const script = fileURLToPath(new URL('guard-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script], {
    // A session of its own: Ctrl-C in the terminal does not reach it.
    detached: true,
    cwd: '/',
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = once(child, 'close');
  // A guard that cannot run, or was killed, is no reason to stop: it only matters after a crash.
  gone.catch(() => undefined);
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  // Node.js gives a pipe as a socket. Without this it would keep the process running.
  (child.stdin as Socket).unref();
  const send = (order: GuardOrder): void => {
    child.stdin.write(`${JSON.stringify(order)}\n`);
  };
  return {
    watch: (pid, signal = 'SIGKILL') => send({ watch: pid, signal }),
    removeFolder: (path) => {
      assert(isAbsolute(path) && path !== '/', 'the guard removes folders by absolute path');
      send({ remove: path });
    },
    dispose: async () => {
      child.ref();
      child.stdin.end();
      await gone.catch(() => undefined);
    },
  };
}
