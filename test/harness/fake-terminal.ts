import type { Terminal } from '../../src/commands/terminal.ts';
import type { Environment } from '../../src/config.ts';

export interface FakeTerminal extends Terminal {
  /** What was written to standard output so far. */
  readonly output: () => string;
  /** What was written to standard error so far. */
  readonly notes: () => string;
}

/** A terminal in memory. With `typed`, a person sits at it, who types that when asked. */
export function fakeTerminal(
  env: Environment,
  options: { readonly typed?: string | undefined } = {},
): FakeTerminal {
  const output: string[] = [];
  const notes: string[] = [];
  return {
    env,
    isInteractive: options.typed !== undefined,
    write: (text) => {
      output.push(text);
    },
    note: (text) => {
      notes.push(text);
    },
    readLine: async () => await Promise.resolve(options.typed ?? ''),
    output: () => output.join(''),
    notes: () => notes.join(''),
  };
}
