import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import { createIdSource } from '../../src/base/id.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Services } from '../../src/commands/command-deps.ts';
import { runProgram } from '../../src/commands/run-program.ts';
import type { Environment } from '../../src/config.ts';
import { fakeTerminal } from './fake-terminal.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface KnitResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const refuse = async (): Promise<void> =>
  await Promise.reject(new Error('a service was started by a test'));

export const noServices: Services = {
  api: refuse,
  worker: refuse,
  sandbox: refuse,
  stopSignal: () => new AbortController().signal,
};

/** One `knit` command in this process. With `typed`, at a terminal where a person types that. */
export async function runKnit(
  args: readonly string[],
  env: Environment,
  options: { readonly typed?: string; readonly services?: Partial<Services> } = {},
): Promise<KnitResult> {
  const terminal = fakeTerminal(env, { typed: options.typed });
  const deps = {
    terminal,
    clock: systemClock,
    random: systemRandom,
    ids: createIdSource(systemClock, systemRandom),
  };
  const exitCode = await runProgram(args, deps, { ...noServices, ...options.services });
  return { exitCode, stdout: terminal.output(), stderr: terminal.notes() };
}

/** One `knit` command as a process of its own, with nothing but `env` and an empty standard input. */
export async function spawnKnit(
  args: readonly string[],
  env: Environment,
  options: { readonly nodeArgs?: readonly string[] } = {},
): Promise<KnitResult> {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), MAIN, ...args], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { exitCode, stdout, stderr };
}
