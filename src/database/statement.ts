import { assert } from '../base/assert.ts';

/** A statement and its values: `$1` names the first of them. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement as a named part of a larger one. */
export type NamedPart = readonly [name: string, statement: Statement];

/**
 * One statement of several: each part is a common table expression, and `main`, which has no values of
 * its own, says in SQL what is given of them. So each room writes the statements on its own tables, and
 * they take effect together in one round trip. No part sees what another writes, and each is carried out
 * whether `main` reads it or not. A column that several parts have in common is sent once.
 */
export function withParts(parts: readonly NamedPart[], main: string): Statement {
  const given: Given[] = [];
  const texts = parts.map(([name, part]) => `${name} AS (${renumber(part, given)})`);
  const text = `WITH ${texts.join(',\n')}\n${main}`;
  return { text, values: given.map(({ value }) => value) };
}

interface Given {
  readonly type: string;
  readonly value: unknown;
}

function renumber({ text, values }: Statement, given: Given[]): string {
  return text.replaceAll(/\$(\d+)(::\w+\[\])?/g, (_, digits: string, type: string = '') => {
    const value = values[Number(digits) - 1];
    const isColumn = type !== '' && typeof value === 'string';
    const known = isColumn
      ? given.findIndex((each) => each.type === type && each.value === value)
      : -1;
    const place = known >= 0 ? known : given.push({ type, value }) - 1;
    return `$${place + 1}${type}`;
  });
}

/**
 * The values of one column for `unnest`, in PostgreSQL's own form. The driver escapes each element of an
 * array with a care that ids, numbers and moments do not need.
 */
export function column(items: readonly (bigint | number)[]): string {
  return `{${items.join(',')}}`;
}

/** {@link column} of UUIDs. */
export function columnOfIds(ids: readonly string[]): string {
  assert(
    ids.every((id) => id.length === 36),
    'an id has 36 characters',
  );
  return `{${ids.join(',')}}`;
}

/** {@link column} of moments: those of a batch are mostly one. */
export function columnOfTimes(times: readonly Date[]): string {
  const texts = new Map<number, string>();
  const textOf = (time: Date): string => {
    const at = time.getTime();
    const text = texts.get(at) ?? time.toISOString();
    texts.set(at, text);
    return text;
  };
  return `{${times.map(textOf).join(',')}}`;
}
