import { z } from 'zod';
import type { FieldErrors } from '../base/fault.ts';
import { canonicalJson, type JsonObject, type JsonValue } from './json-number.ts';

/** The fields whose shape is right, and what is wrong with the others. */
export interface FieldsRead<S extends z.ZodRawShape> {
  readonly fields: Partial<z.output<z.ZodObject<S>>>;
  readonly errors: FieldErrors;
}

/**
 * Checks the shape of each field by itself, so that the right ones can be looked at together
 * although others are wrong. Unknown fields are ignored. A field may also be named in snake_case; named
 * both ways with two values it is refused, because only one of them can have been meant.
 */
export function readFields<S extends z.ZodRawShape>(
  schema: z.ZodObject<S>,
  input: JsonObject,
): FieldsRead<S> {
  const fields: Record<string, unknown> = {};
  const errors: Record<string, string[]> = {};
  for (const reader of readersOf(schema)) {
    const read = readField(reader, input);
    if ('problem' in read) errors[reader.name] = [read.problem];
    else if (read.value !== undefined) fields[reader.name] = read.value;
  }
  return { fields: fields as FieldsRead<S>['fields'], errors };
}

/** What of a field is the same for every request. */
interface FieldReader {
  readonly name: string;
  readonly snakeName: string;
  readonly field: z.core.$ZodType;
  readonly isOptional: boolean;
}

const readers = new WeakMap<z.ZodObject, readonly FieldReader[]>();

function readersOf(schema: z.ZodObject): readonly FieldReader[] {
  const known = readers.get(schema);
  if (known !== undefined) return known;
  const made = Object.entries<z.core.$ZodType>(schema.shape).map(([name, field]) => ({
    name,
    snakeName: snakeCase(name),
    field,
    isOptional: z.safeParse(field, undefined).success,
  }));
  readers.set(schema, made);
  return made;
}

function readField(
  { name, snakeName, field, isOptional }: FieldReader,
  input: JsonObject,
): { value: unknown } | { problem: string } {
  const named = ownOf(input, name);
  const renamed = snakeName === name ? undefined : ownOf(input, snakeName);
  if (
    named !== undefined &&
    renamed !== undefined &&
    canonicalJson(named) !== canonicalJson(renamed)
  ) {
    return { problem: `The ${labelOf(name)} field is given twice with different values.` };
  }
  const value = named === undefined ? renamed : named;
  if (value === undefined || value === null || (value === '' && !isOptional)) {
    return isOptional
      ? { value: undefined }
      : { problem: `The ${labelOf(name)} field is required.` };
  }
  const parsed = z.safeParse(field, value);
  if (parsed.success) return { value: parsed.data };
  return { problem: parsed.error.issues[0]?.message ?? `The ${labelOf(name)} field is invalid.` };
}

function ownOf(input: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(input, name) ? input[name] : undefined;
}

/** A field's name as messages call it: toAddress is "to address". */
export function labelOf(name: string): string {
  return words(name, ' ');
}

function snakeCase(name: string): string {
  return words(name, '_');
}

function words(name: string, separator: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => separator + letter.toLowerCase());
}
