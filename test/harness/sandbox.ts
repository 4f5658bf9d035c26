import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/sandbox/free-port.ts';

/** What .knit/sandbox.json holds. */
export interface SandboxFile {
  readonly baseUrl: string;
  readonly dashboardUrl: string | null;
  readonly businessId: string;
  readonly userId: string;
  readonly apiKey: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly webhookSecret: string;
  readonly webhookInbox: string;
  readonly databaseUrl: string;
  readonly metricsUrls: Readonly<Record<'api' | 'worker', string>>;
  readonly networks: Readonly<
    Record<
      string,
      {
        readonly rpcUrl: string;
        readonly chainId: number | null;
        readonly tokens: Readonly<Record<string, { address: string | null; decimals: number }>>;
        readonly treasury: string;
        readonly sampleAddress: string;
      }
    >
  >;
}

/** A sandbox as a newcomer starts it: a process whose output is read. */
export interface RunningSandbox {
  readonly process: ChildProcess;
  readonly folder: string;
  readonly port: number;
  /** Everything that it has printed so far. */
  readonly printed: () => string;
  readonly file: SandboxFile;
  /** Sends a signal and waits until the process is gone; gives its exit code. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
  /** Ends it if it still runs, and removes its folder. */
  readonly close: () => Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Starts `knit sandbox` with these settings and arguments, and waits for what it says. */
export async function spawnSandbox(
  settings: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  main = MAIN,
): Promise<{ child: ChildProcess; printed: () => string; exit: Promise<number | null> }> {
  const child = spawn(process.execPath, [main, 'sandbox', ...args], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  child.stderr.on('data', (data: Buffer) => (text += data.toString()));
  const exit = once(child, 'close').then(([code]) => code as number | null);
  await once(child, 'spawn');
  return { child, printed: () => text, exit };
}

export async function startSandbox(
  settings: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<RunningSandbox> {
  const folder = await mkdtemp(join(tmpdir(), 'knit-sandbox-test-'));
  const port = await freePort();
  const { child, printed, exit } = await spawnSandbox(
    { PORT: String(port), KNIT_SANDBOX_DIR: folder, ...settings },
    args,
  );
  const isReady = async (): Promise<void> => {
    while (!/^ready /m.test(printed())) {
      if (child.exitCode !== null) throw new Error(`the sandbox ended: ${printed()}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  };
  await isReady();
  const file = JSON.parse(await readFile(join(folder, 'sandbox.json'), 'utf8')) as SandboxFile;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return await exit;
  };
  return {
    process: child,
    folder,
    port,
    printed,
    file,
    end,
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
