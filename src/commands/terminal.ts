import { createInterface } from 'node:readline';
import type { Environment } from '../config.ts';

/** What a command is given by whoever runs it, and where it answers. */
export interface Terminal {
  readonly env: Environment;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  /** Results: standard output. */
  write(text: string): void;
  /** Everything else, questions included: standard error. */
  note(text: string): void;
  /** The person's next line, without its end; empty where there is none. */
  readLine(): Promise<string>;
}

/** The process's own terminal. A question is only asked where it is one in both directions. */
export function processTerminal(env: Environment): Terminal {
  return {
    env,
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    write: (text) => {
      process.stdout.write(text);
    },
    note: (text) => {
      process.stderr.write(text);
    },
    readLine: readOneLine,
  };
}

/** The terminal keeps its own line editing, so that Ctrl-C ends the process as everywhere. */
async function readOneLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    return await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
  } finally {
    lines.close();
  }
}
