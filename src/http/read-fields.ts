import { z } from 'zod';
import type { FieldErrors } from '../base/fault.ts';
import { canonicalJson, type JsonObject } from './json-number.ts';

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
  for (const [name, field] of Object.entries<z.core.$ZodType>(schema.shape)) {
    const read = readField({ name, field }, input);
    if ('problem' in read) errors[name] = [read.problem];
    else if (read.value !== undefined) fields[name] = read.value;
  }
  return { fields: fields as FieldsRead<S>['fields'], errors };
}

function readField(
  { name, field }: { name: string; field: z.core.$ZodType },
  input: JsonObject,
): { value: unknown } | { problem: string } {
  const spellings = [...new Set([name, snakeCase(name)])];
  const [value, other] = spellings
    .filter((spelling) => Object.hasOwn(input, spelling))
    .map((spelling) => input[spelling]);
  if (value !== undefined && other !== undefined && canonicalJson(value) !== canonicalJson(other)) {
    return { problem: `The ${labelOf(name)} field is given twice with different values.` };
  }
  const isOptional = z.safeParse(field, undefined).success;
  if (value === undefined || value === null || (value === '' && !isOptional)) {
    return isOptional
      ? { value: undefined }
      : { problem: `The ${labelOf(name)} field is required.` };
  }
  const parsed = z.safeParse(field, value);
  if (parsed.success) return { value: parsed.data };
  return { problem: parsed.error.issues[0]?.message ?? `The ${labelOf(name)} field is invalid.` };
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
