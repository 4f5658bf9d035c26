import { systemClock } from './base/clock.ts';
import { createIdSource } from './base/id.ts';
import { systemRandom } from './base/random.ts';
import type { CommandDeps, Services } from './commands/command-deps.ts';
import { EXIT } from './commands/exit-code.ts';
import { reportFailure, runProgram } from './commands/run-program.ts';
import { processTerminal } from './commands/terminal.ts';
import { processEnvironment } from './config.ts';

const deps: CommandDeps = {
  terminal: processTerminal(processEnvironment()),
  clock: systemClock,
  random: systemRandom,
  ids: createIdSource(systemClock, systemRandom),
};

/** Loaded only when they are run: the API process never loads what can sign. */
const services: Services = {
  api: async (config, signal) => {
    const { runApi } = await import('./commands/run-api.ts');
    await runApi(config, signal);
  },
  worker: async (config, signal) => {
    const { runWorker } = await import('./commands/run-worker.ts');
    await runWorker(config, signal);
  },
  sandbox: async (options, signal) => {
    const { runSandbox } = await import('./sandbox/run-sandbox.ts');
    const print = (line: string): void => deps.terminal.write(`${line}\n`);
    await runSandbox({ ...options, print }, signal);
  },
  stopSignal: () => abortOnSignal('SIGINT', 'SIGTERM'),
};

/** A signal to a whole process group comes twice through a parent that passes it on. */
const SAME_ORDER_MS = 2000;

/** The first signal asks for a clean stop; one that comes later ends the process where it stands. */
function abortOnSignal(...names: readonly NodeJS.Signals[]): AbortSignal {
  const stop = new AbortController();
  let firstAt: number | undefined;
  for (const name of names) {
    process.on(name, () => {
      const now = systemClock.now().getTime();
      firstAt ??= now;
      stop.abort();
      if (now - firstAt > SAME_ORDER_MS) process.exit(EXIT.internal);
    });
  }
  return stop.signal;
}

process.on('uncaughtException', (error) => {
  process.exit(reportFailure(deps.terminal, error));
});
// Whoever reads the answer may have gone (`knit business list | head -1`). That is no failure.
process.stdout.on('error', () => {
  process.exit(EXIT.done);
});

process.exit(await runProgram(process.argv.slice(2), deps, services));
