import { CommanderError } from 'commander';
import { Fault } from '../base/fault.ts';
import { SealBroken } from '../base/seal.ts';
import { ConfigProblem } from '../config.ts';
import { MigrationMismatch } from '../database/migrate.ts';
import { CommitUnknown, isUnavailable, sqlState } from '../database/sql-failure.ts';
import { ChainMismatch } from '../networks/network.ts';
import { PayerMismatch } from '../settlement/network-state.ts';

/** The exit codes of every command. Scripts rely on them: they never change their meaning. */
export const EXIT = {
  done: 0,
  /** The answer is no, or the operation was refused. */
  no: 1,
  /** The command line or a setting is wrong. */
  usage: 2,
  /** The database or a network could not be reached. */
  unreachable: 3,
  /** Nothing was done, because it was not confirmed. */
  notConfirmed: 4,
  /** Our own mistake. */
  internal: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a code of its own and one line for the operator. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** How a command ended: its code, and the line that says why where it is not 0. */
export interface Ending {
  readonly exitCode: ExitCode;
  /** Null where everything was said already. */
  readonly line: string | null;
}

/** What an error means to the operator. Every error has one line; only a mistake of ours has a stack. */
export function endingOf(error: unknown): Ending {
  if (error instanceof CommanderError) return commanderEnding(error);
  if (error instanceof CommandFailure) return ending(error.exitCode, error.message);
  if (error instanceof ConfigProblem) return ending(EXIT.usage, error.message);
  if (error instanceof Fault) return faultEnding(error);
  if (error instanceof MigrationMismatch) {
    return ending(EXIT.usage, `DATABASE_URL: ${error.message}`);
  }
  if (error instanceof ChainMismatch) {
    const rpc = `KNIT_RPC_${error.network ?? '<NETWORK>'}`;
    return ending(EXIT.usage, `${rpc} or KNIT_ASSETS_FILE: ${error.message}`);
  }
  if (error instanceof PayerMismatch) {
    return ending(EXIT.usage, `KNIT_TREASURY_MNEMONIC: ${error.message}`);
  }
  if (error instanceof SealBroken) {
    return ending(EXIT.usage, `KNIT_MASTER_KEY: ${error.message} with it`);
  }
  return databaseEnding(error) ?? ending(EXIT.internal, internalLine(error));
}

function ending(exitCode: ExitCode, text: string): Ending {
  return { exitCode, line: text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim() };
}

/** Commander has written its message, or the help that was asked for. */
function commanderEnding(error: CommanderError): Ending {
  const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
  return { exitCode: asked ? EXIT.done : EXIT.usage, line: null };
}

function faultEnding(fault: Fault): Ending {
  const code = fault.code === 'UNAVAILABLE' ? EXIT.unreachable : EXIT.no;
  return ending(code, fault.message);
}

/** A failure of the database, or one that it caused further down. */
function databaseEnding(error: unknown): Ending | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof CommitUnknown) {
      return ending(
        EXIT.unreachable,
        'the database was lost at the commit: look whether it was done',
      );
    }
    if (isUnavailable(cause)) return ending(EXIT.unreachable, unreachableLine(cause));
    // 28: refused the user or the password. 3D000: no such database.
    if (/^(28|3D)/.test(sqlState(cause) ?? '')) {
      return ending(EXIT.usage, `DATABASE_URL: ${cause.message}`);
    }
  }
  return undefined;
}

function unreachableLine(error: Error): string {
  const reason = error.cause instanceof Error ? reasonOf(error.cause) : '';
  return reason === '' ? error.message : `${error.message}: ${reason}`;
}

/** A name with several addresses fails with one error for each, and no message of its own. */
function reasonOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : '';
}

function internalLine(error: unknown): string {
  const text = error instanceof Error ? describe(error) : String(error);
  return `internal error: ${text} (KNIT_LOG_LEVEL=debug shows where)`;
}

function describe(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
