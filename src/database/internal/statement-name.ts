import { createHash } from 'node:crypto';
import type { Statement } from '../statement.ts';

export interface NamedStatement extends Statement {
  /** What the server keeps it by; none where it keeps nothing. */
  readonly name?: string;
}

const names = new Map<string, string>();

/**
 * The name of a prepared statement says what its text is: whoever has prepared it on a server, it is this
 * statement. At most 63 bytes, as names may have.
 */
export function nameOf({ text }: Statement): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `knit_${createHash('sha256').update(text).digest('hex').slice(0, 40)}`;
  names.set(text, name);
  return name;
}
