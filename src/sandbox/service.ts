import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Guard } from './guard.ts';

/** A process of Knit's own, started as an operator would start it. */
export interface Service {
  readonly name: 'api' | 'worker';
  /** Where its figures are read; `/readyz` is beside them. */
  readonly metricsUrl: string;
  /** Resolves when the process has ended, whatever the reason. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const STOP_PATIENCE_MS = 10_000;

/** Runs `knit api` or `knit worker` with these settings and no others. Its log goes to a file. */
export function startService(options: {
  readonly name: 'api' | 'worker';
  readonly settings: Readonly<Record<string, string>>;
  /** Of 127.0.0.1, for its figures. */
  readonly metricsPort: number;
  readonly logFile: string;
  readonly guard: Guard;
}): Service {
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(process.execPath, [MAIN, options.name], {
    // A session of its own: Ctrl-C in the terminal does not reach it, the sandbox stops it in order.
    detached: true,
    env: { ...options.settings, KNIT_METRICS_PORT: String(options.metricsPort) },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  if (child.pid !== undefined) options.guard.watch(child.pid, 'SIGKILL');
  return {
    name: options.name,
    metricsUrl: `http://127.0.0.1:${options.metricsPort}/metrics`,
    ended: endOf(child),
    stop: async () => await stop(child),
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS);
  await exited;
  clearTimeout(patience);
}
