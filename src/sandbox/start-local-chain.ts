import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { present } from '../base/assert.ts';
import type { Json } from '../base/json.ts';
import type { Log } from '../base/log.ts';
import type { Guard } from './guard.ts';

/** A chain of `local-chains/`, as a process of its own. */
export interface LocalChain {
  /** http://127.0.0.1:port */
  readonly rpcUrl: string;
  /** All that it said when it was ready. */
  readonly announced: Readonly<Record<string, unknown>>;
  readonly pid: number;
  /** `POST /control/<what>`. Gives the answer; throws an Error of one line where it is refused. */
  control(what: string, body: Json): Promise<unknown>;
  /** Ends the chain. It keeps nothing. */
  stop(): Promise<void>;
}

export interface LocalChainOptions {
  readonly guard: Guard;
  readonly log: Log;
  /** The folder of `local-chains/`. */
  readonly chain: 'tron' | 'solana' | 'bitcoin';
  readonly args: readonly string[];
  /** The first line of its input. */
  readonly input?: string;
}

/** Machines with a busy disk load the parts of a chain slowly. */
const START_PATIENCE_MS = 30_000;
const STOP_PATIENCE_MS = 2_000;

/**
 * Starts `node local-chains/<chain>/main.ts` on a free port of 127.0.0.1, and waits for the one line of JSON
 * that it says when it is ready. Throws an Error whose message is one line.
 */
export async function startLocalChain(options: LocalChainOptions): Promise<LocalChain> {
  const { chain, args, guard, log } = options;
  const main = fileURLToPath(new URL(`../../local-chains/${chain}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [main, '--port', '0', ...args], {
    // A session of its own: Ctrl-C in the terminal does not reach it.
    detached: true,
    cwd: tmpdir(),
    env: {},
    // It ends when its input does, so it cannot outlive this process.
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined);
  if (options.input !== undefined) child.stdin.write(`${options.input}\n`);
  if (child.pid !== undefined) guard.watch(child.pid);
  try {
    const announced = readAnnouncement(await firstLine(child, chain), chain);
    log.debug({ chain, rpcUrl: announced.rpcUrl, pid: child.pid }, 'chain started');
    return {
      ...announced,
      control: async (what, body) => await control(`${announced.rpcUrl}/control/${what}`, body),
      pid: present(child.pid, 'a chain that listens has a process'),
      stop: async () => await stop(child),
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** What it says later is read and dropped, so that it never blocks. */
async function firstLine(child: ChildProcess, chain: string): Promise<string> {
  const output = present(child.stdout, 'its output is a pipe');
  const errors = lastWordsOf(present(child.stderr, 'its errors are a pipe'));
  return await new Promise((resolve, reject) => {
    const refuse = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(`the local chain of ${chain} could not start: ${reason}`));
    };
    const timer = setTimeout(() => {
      refuse(errors() ?? `it was not ready within ${START_PATIENCE_MS} ms`);
    }, START_PATIENCE_MS);
    child.once('error', (error) => refuse(error.message));
    child.once('close', () => refuse(errors() ?? 'it ended without a word'));
    const reader = createInterface({ input: output });
    reader.once('line', (line) => {
      clearTimeout(timer);
      reader.close();
      output.resume();
      resolve(line);
    });
  });
}

/** Of an error that Node.js prints with its stack, the line that names it. */
function lastWordsOf(stream: Readable): () => string | undefined {
  const lines: string[] = [];
  createInterface({ input: stream }).on('line', (line) => {
    if (line.trim() !== '') lines.push(line.trim());
    if (lines.length > 50) lines.shift();
  });
  return () => lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1);
}

function readAnnouncement(
  line: string,
  chain: string,
): { readonly rpcUrl: string; readonly announced: Readonly<Record<string, unknown>> } {
  const announced = parseLine(line);
  const rpcUrl = announced['rpcUrl'];
  if (typeof rpcUrl === 'string') return { rpcUrl, announced };
  throw new Error(`the local chain of ${chain} did not say where it listens`);
}

function parseLine(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

const CONTROL_TIMEOUT_MS = 10_000;

async function control(url: string, body: Json): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${new URL(url).pathname}: ${text}`);
  return JSON.parse(text);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS);
  await ended;
  clearTimeout(patience);
}
