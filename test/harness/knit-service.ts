import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const WORKER_THAT_DIES = fileURLToPath(new URL('worker-that-dies.ts', import.meta.url));

/** `knit api` or `knit worker` as a process of its own, whose log is read. */
export interface KnitService {
  readonly child: ChildProcess;
  /** The newest lines of its log. */
  readonly lines: readonly string[];
  /** Every line that is an alarm or an error. */
  readonly complaints: readonly string[];
  /** Resolves at the first line that holds the text, from its start on; throws where it ends without. */
  said(text: string): Promise<void>;
  /** Sends a signal and waits until the process is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export type ServiceKind =
  | 'api'
  /** At the pace of production. */
  | 'worker'
  /** At the pace of tests, with the checkpoints of worker-that-dies.ts. */
  | 'test-worker';

const KEPT_LINES = 500;

export function startKnitService(
  kind: ServiceKind,
  env: Readonly<Record<string, string | undefined>>,
  nodeArgs: readonly string[] = [],
): KnitService {
  const args = kind === 'test-worker' ? [WORKER_THAT_DIES] : [MAIN, kind];
  const child = spawn(process.execPath, [...nodeArgs, ...args], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const complaints: string[] = [];
  const heard: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      const message = /"msg":"([^"]*)"/.exec(line)?.[1] ?? line;
      if (!heard.includes(message)) heard.push(message);
      if (/"alarm":true|"level":(50|60|"error"|"fatal")/.test(line)) complaints.push(line);
      for (const look of waiting) look();
    });
  }
  child.once('close', () => {
    for (const look of waiting) look();
  });
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    lines,
    complaints,
    said: async (text) =>
      await new Promise((resolve, reject) => {
        const look = (): void => {
          const isSaid = heard.some((line) => line.includes(text));
          if (!isSaid && !hasEnded()) return;
          waiting.delete(look);
          if (isSaid) resolve();
          else reject(new Error(`it ended before "${text}": ${lines.slice(-5).join('\n')}`));
        };
        waiting.add(look);
        look();
      }),
    end: async (signal) => {
      if (hasEnded()) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}
