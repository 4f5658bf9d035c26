import type { Clock } from '../base/clock.ts';
import type { IdSource } from '../base/id.ts';
import type { Random } from '../base/random.ts';
import type { ApiConfig, WorkerConfig } from '../config.ts';
import type { Terminal } from './terminal.ts';

/** What the commands work with. */
export interface CommandDeps {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
}

/** The long-running processes. Each ends when `signal` aborts, and is loaded only when it is run. */
export interface Services {
  api(config: ApiConfig, signal: AbortSignal): Promise<void>;
  worker(config: WorkerConfig, signal: AbortSignal): Promise<void>;
  sandbox(options: { readonly services: boolean }, signal: AbortSignal): Promise<void>;
  /** Aborts when the process is asked to stop. From this call on a signal no longer ends it at once. */
  stopSignal(): AbortSignal;
}
