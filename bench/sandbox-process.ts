import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/base/clock.ts';
import type { NetworkId } from '../src/money/asset.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import type { SandboxFile } from '../test/harness/sandbox.ts';
import { readTree } from './process-memory.ts';

/** What `npm start` starts, with all that it has started. */
export interface SandboxProcess {
  readonly pid: number;
  /** From the start of the process to the line that says `ready`. */
  readonly readyAfterMs: number;
  readonly file: SandboxFile;
  /** Ends it as Ctrl-C would, and by force where it takes too long. */
  stop(): Promise<void>;
}

const START = fileURLToPath(new URL('../bin/start.mjs', import.meta.url));
const READY_PATIENCE_MS = 180_000;
const STOP_PATIENCE_MS = 30_000;

/** A sandbox on a port and in a folder of its own. It ends by itself when this process does. */
export async function startSandboxProcess(networks: readonly NetworkId[]): Promise<SandboxProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'knit-bench-sandbox-'));
  const port = await freePort();
  const from = performance.now();
  const child = spawn(process.execPath, [START], {
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      KNIT_SANDBOX_DIR: folder,
      KNIT_SANDBOX_NETWORKS: networks.join(','),
      // As under npm: without its parent it ends.
      npm_lifecycle_event: 'start',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await once(child, 'spawn');
    await untilReady(child);
    const readyAfterMs = performance.now() - from;
    const file = JSON.parse(await readFile(join(folder, 'sandbox.json'), 'utf8')) as SandboxFile;
    return { pid: child.pid ?? 0, readyAfterMs, file, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady(child: ChildProcess): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the sandbox ${why}: ${said}`));
    const timer = setTimeout(() => fail('was not ready in time'), READY_PATIENCE_MS);
    const hear = (data: Buffer): void => {
      said += data.toString();
      if (!/^ready /m.test(said)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', () => {
      clearTimeout(timer);
      fail('has ended');
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const { pid } = child;
  const patience = new AbortController();
  const force = systemClock.sleep(STOP_PATIENCE_MS, patience.signal).then(() => {
    if (patience.signal.aborted) return;
    for (const each of readTree(pid)) killIfThere(each);
  });
  await ended;
  patience.abort();
  await force;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}
