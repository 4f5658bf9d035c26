import { parse } from 'lossless-json';
import { Fault } from '../base/fault.ts';
import { isJsonObject, JsonNumber, type JsonValue } from './json-number.ts';

/** No request of ours nests deeper than two; the parser and its readers recurse. */
const MAX_DEPTH = 32;

/**
 * Reads one JSON text (RFC 8259), numbers as they were written. A key that stands twice in one
 * object is refused, also with the same value: two readers of such a text can see two requests.
 * Throws BODY_UNREADABLE.
 */
export function readJson(text: string): JsonValue {
  const { depth, pairs } = measure(text);
  if (depth > MAX_DEPTH) throw unreadable('The request body is nested too deeply.');
  const value = parseExactly(text);
  if (countPairs(value) !== pairs) throw unreadable('The request body has a key twice.');
  return value;
}

export function unreadable(message: string, cause?: unknown): Fault {
  return new Fault('BODY_UNREADABLE', message, { cause });
}

function parseExactly(text: string): JsonValue {
  try {
    return parse(text, undefined, { parseNumber: (digits) => new JsonNumber(digits) }) as JsonValue;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const isDuplicate = error.message.startsWith('Duplicate key');
    throw unreadable(
      isDuplicate ? 'The request body has a key twice.' : 'The request body is not valid JSON.',
      error,
    );
  }
}

/**
 * The depth of a JSON text and the number of its key-value pairs: each pair has one colon outside of
 * strings. Linear in the text, whether it is valid or not.
 */
function measure(text: string): { depth: number; pairs: number } {
  let depth = 0;
  let deepest = 0;
  let pairs = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') {
      inString = true;
    } else if (character === '{' || character === '[') {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (character === '}' || character === ']') {
      depth -= 1;
    } else if (character === ':') {
      pairs += 1;
    }
  }
  return { depth: deepest, pairs };
}

function countPairs(value: JsonValue): number {
  if (value === null || typeof value !== 'object' || value instanceof JsonNumber) return 0;
  const items = isJsonObject(value) ? Object.values(value) : value;
  const own = isJsonObject(value) ? items.length : 0;
  return items.reduce<number>((sum, item) => sum + countPairs(item), own);
}
