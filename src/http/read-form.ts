import type { JsonObject } from './json-number.ts';
import { unreadable } from './read-json.ts';

/**
 * Reads an HTML form (application/x-www-form-urlencoded). Every value is a string without the white
 * space around it, and an empty one is null, as in the framework behind the documented page. A field
 * that stands twice is refused, as a key of a JSON object is. Throws BODY_UNREADABLE.
 */
export function readForm(text: string): JsonObject {
  const fields = new Map<string, string | null>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const [name = '', ...rest] = pair.split('=');
    const key = decode(name);
    if (fields.has(key)) throw unreadable('The request body has a field twice.');
    const value = decode(rest.join('=')).trim();
    fields.set(key, value === '' ? null : value);
  }
  // Object.fromEntries defines properties, so that "__proto__" is a key like any other.
  return Object.fromEntries(fields);
}

/** Broken escapes and bytes that are not UTF-8 are refused: a repaired value may not be what was meant. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    throw unreadable('The request body is not a valid form.', error);
  }
}
