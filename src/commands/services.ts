import type { Command } from 'commander';
import { readApiConfig, readWorkerConfig } from '../config.ts';
import type { CommandDeps, Services } from './command-deps.ts';

/** The commands that run until they are stopped. Their settings are read before anything is loaded. */
export function addServiceCommands(
  program: Command,
  { terminal }: Pick<CommandDeps, 'terminal'>,
  services: Services,
): void {
  program
    .command('api')
    .description('Serves the HTTP API until it is stopped. It needs no key of the treasury.')
    .action(async () => {
      await services.api(readApiConfig(terminal.env), services.stopSignal());
    });
  program
    .command('worker')
    .description('Settles payouts and sends webhooks until it is stopped.')
    .action(async () => {
      await services.worker(readWorkerConfig(terminal.env), services.stopSignal());
    });
  program
    .command('sandbox')
    .description('Runs a whole world of its own: database, local chains, API and worker.')
    .option('--no-services', 'database and chains only')
    .action(async (options: { services: boolean }) => {
      await services.sandbox(options, services.stopSignal());
    });
}
