import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import { formatUnits, LEDGER_DECIMALS } from '../money/amount.ts';
import type { CommandDeps } from './command-deps.ts';

/** What a command answers: for a program, and for a person. */
export interface Answer {
  /** One object or array. Keys in camelCase, amounts as decimal strings, times as {@link formatTime}. */
  readonly json: Json;
  readonly lines: readonly string[];
}

/** The option that every operator's command has. */
export interface OutputOptions {
  readonly json?: true;
}

/** Writes the answer to standard output: one line of JSON, or the lines. */
export function respond(
  deps: Pick<CommandDeps, 'terminal'>,
  options: OutputOptions,
  answer: Answer,
): void {
  const lines = options.json === true ? [JSON.stringify(answer.json)] : answer.lines.map(plain);
  deps.terminal.write(lines.map((line) => `${line}\n`).join(''));
}

/** Texts of strangers, a webhook's answer for one, must not steer the operator's terminal. */
export function plain(line: string): string {
  return line.replaceAll(/\p{Cc}/gu, '?');
}

/** Rows under headings, in columns. `none` is said where there are no rows. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): string[] {
  if (rows.length === 0) return [none];
  const all = [headings, ...rows];
  const widths = headings.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? '').length)),
  );
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Names and values, one pair a line, the values in one column. */
export function pairs(entries: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** Ledger units (10^-18) as a decimal. */
export function amountText(units: bigint): string {
  return formatUnits(units, LEDGER_DECIMALS);
}

/** A time as JSON has it, or null. */
export function timeOrNull(moment: Date | null): string | null {
  return moment === null ? null : formatTime(moment);
}

/** A time for a person, or a hyphen. */
export function timeOrNone(moment: Date | null): string {
  return moment === null ? '-' : formatTime(moment);
}
