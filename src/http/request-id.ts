import type { IdSource } from '../base/id.ts';

/** The caller's own id for a request where it is short and visible ASCII; else a new one. */
export function requestIdOf(header: string | string[] | undefined, ids: IdSource): string {
  return typeof header === 'string' && /^[\x21-\x7e]{1,128}$/.test(header) ? header : ids.next();
}
