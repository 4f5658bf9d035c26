import { Command } from 'commander';
import { VERSION } from '../base/version.ts';
import { addAccountCommands } from './account.ts';
import { addApiKeyCommands } from './api-key.ts';
import { addBooksCommands } from './books.ts';
import { addBusinessCommands } from './business.ts';
import { addDoctorCommand } from './doctor.ts';
import type { CommandDeps, Services } from './command-deps.ts';
import { EXIT, endingOf, type ExitCode } from './exit-code.ts';
import { addIpCommands } from './ip.ts';
import { addLaneCommands } from './lane.ts';
import { addMigrateCommand } from './migrate.ts';
import { addNetworkCommands } from './network.ts';
import { addOauthClientCommands } from './oauth-client.ts';
import { addPayoutCommands } from './payout.ts';
import { addServiceCommands } from './services.ts';
import type { Terminal } from './terminal.ts';
import { addTreasuryCommands } from './treasury.ts';
import { addUserCommands } from './user.ts';
import { addWalletCommands } from './wallet.ts';
import { addWebhookCommands } from './webhook.ts';

/**
 * Runs one `knit` command to its end and gives its exit code. Throws nothing: whatever goes wrong
 * is one line on standard error.
 */
export async function runProgram(
  args: readonly string[],
  deps: CommandDeps,
  services: Services,
): Promise<ExitCode> {
  try {
    await createProgram(deps, services).parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return reportFailure(deps.terminal, error);
  }
}

/** Writes the line of an error, and the stack of one of ours where the operator asks for it. */
export function reportFailure(terminal: Terminal, error: unknown): ExitCode {
  const { exitCode, line } = endingOf(error);
  if (line !== null) terminal.note(`knit: ${line}\n`);
  const wantsMore = terminal.env['KNIT_LOG_LEVEL'] === 'debug';
  if (exitCode === EXIT.internal && wantsMore) terminal.note(`${stackOf(error)}\n`);
  return exitCode;
}

export function createProgram(deps: CommandDeps, services: Services): Command {
  const { terminal } = deps;
  const program = new Command('knit')
    .description('A crypto payout platform that a business runs for itself.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.note(text),
      outputError: (text, write) => write(`knit: ${oneLine(text)}\n`),
    });
  addServiceCommands(program, deps, services);
  addMigrateCommand(program, deps);
  addDoctorCommand(program, deps);
  addBusinessCommands(program, deps);
  addUserCommands(program, deps);
  addApiKeyCommands(program, deps);
  addOauthClientCommands(program, deps);
  addIpCommands(program, deps);
  addWebhookCommands(program, deps);
  addWalletCommands(program, deps);
  addAccountCommands(program, deps);
  addBooksCommands(program, deps);
  addNetworkCommands(program, deps);
  addTreasuryCommands(program, deps);
  addLaneCommands(program, deps);
  addPayoutCommands(program, deps);
  return program;
}

/** Commander puts its suggestion on a line of its own. */
function oneLine(text: string): string {
  return text
    .replace(/^error: /, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
