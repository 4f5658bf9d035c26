import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, isJsonObject, JsonNumber, type JsonValue } from './json-number.ts';
import { readJson } from './read-json.ts';

/** As JSON.parse gives it: numbers become floats, and what is lost by that is lost. */
function asParsed(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (value === null || typeof value !== 'object') return value;
  if (!isJsonObject(value)) return value.map(asParsed);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asParsed(item)]));
}

test('reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(0, 2), (text, indent) => {
      const written = JSON.stringify(JSON.parse(text), null, indent);
      expect(asParsed(readJson(written))).toEqual(JSON.parse(written));
    }),
    { numRuns: 500 },
  );
});

test('refuses what JSON.parse refuses', () => {
  const pieces = fc.constantFrom(
    ...'{ } [ ] : , " \\ \\u00 a 1 - . e 0 \n \u0001 true null nul "a": {} [] "\\"'.split(' '),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      const isJson = succeeds(() => void JSON.parse(text));
      // A key that stands twice is what is refused beyond that.
      const isRead = succeeds(() => void readJson(text));
      if (isRead) expect(isJson, text).toBe(true);
      else if (isJson) expect(text).toMatch(/"a".*"a"|"".*""/s);
    }),
    { numRuns: 5000 },
  );
});

function succeeds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

test.each(['0.1', '1e400', '-0', '0.10', '123456789012345678901234567890.123456789', '1E+2'])(
  'keeps the number %s as it was written',
  (text) => {
    expect(readJson(text)).toEqual(new JsonNumber(text));
    expect(canonicalJson(readJson(`{"a":[${text}]}`))).toBe(`{"a":[${text}]}`);
  },
);

test('__proto__ and constructor are keys like any others', () => {
  const value = readJson('{"__proto__":{"polluted":1},"constructor":2}');
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
  expect('polluted' in {}).toBe(false);
});

test('one content has one canonical text, and another content another', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (one, two) => {
      const [textOne, textTwo] = [JSON.stringify(one), JSON.stringify(two)];
      const canonical = canonicalJson(readJson(textOne));
      expect(canonicalJson(readJson(canonical))).toBe(canonical);
      expect(canonicalJson(readJson(JSON.stringify(shuffled(JSON.parse(textOne)), null, 1)))).toBe(
        canonical,
      );
      const isSame = canonical === canonicalJson(readJson(textTwo));
      if (isSame) expect(JSON.parse(textTwo)).toEqual(JSON.parse(textOne));
    }),
  );
});

/** The same content with the keys of each object in reverse. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(entries.map(([key, item]) => [key, shuffled(item)]));
}
