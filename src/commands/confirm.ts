import type { DatabaseConfig } from '../config.ts';
import type { CommandDeps } from './command-deps.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { describeDatabase } from './open-database.ts';
import { pairs, plain } from './respond.ts';

/** What an operator is about to do. */
export interface Intent {
  /** One sentence. */
  readonly title: string;
  /** What it is done to, and with how much. */
  readonly facts: readonly (readonly [string, string])[];
  /** The value of --confirm: the environment's name, given beforehand. */
  readonly confirmation: string | undefined;
}

/**
 * Says what will happen, and where, on standard error; returns only if the operator names the
 * environment, as --confirm or at the terminal. Otherwise throws, with exit code 4.
 */
export async function confirm(
  deps: Pick<CommandDeps, 'terminal'>,
  config: DatabaseConfig,
  intent: Intent,
): Promise<void> {
  const { terminal } = deps;
  const { environmentName, databaseUrl } = config;
  const lines = pairs([
    ['environment', environmentName],
    ['database', describeDatabase(databaseUrl)],
    ...intent.facts,
  ]);
  const text = [intent.title, ...lines.map((line) => `  ${line}`)].map(plain);
  terminal.note(`${text.join('\n')}\n`);
  const given = intent.confirmation ?? (await ask(deps, environmentName));
  if (given === environmentName) return;
  throw new CommandFailure(
    EXIT.notConfirmed,
    `not confirmed, nothing was done: ${plain(JSON.stringify(given))} is not the environment's name`,
  );
}

async function ask(
  { terminal }: Pick<CommandDeps, 'terminal'>,
  environmentName: string,
): Promise<string> {
  if (!terminal.isInteractive) {
    throw new CommandFailure(
      EXIT.notConfirmed,
      'not confirmed, nothing was done: without a terminal, --confirm must name the environment',
    );
  }
  terminal.note(`Type the environment's name (${environmentName}) to go on: `);
  return (await terminal.readLine()).trim();
}
