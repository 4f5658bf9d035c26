import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyMap, getFrom, setIn, type PersistentMap } from './persistent-map.ts';

test('holds what a Map holds, and no version ever changes', () => {
  const entries = fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.integer()), { maxLength: 200 });
  fc.assert(
    fc.property(entries, (changes) => {
      const versions: [PersistentMap<number>, Map<string, number>][] = [
        [emptyMap<number>(), new Map<string, number>()],
      ];
      for (const [key, value] of changes) {
        const [map, model] = versions.at(-1) ?? [emptyMap<number>(), new Map<string, number>()];
        versions.push([setIn(map, key, value), new Map(model).set(key, value)]);
      }
      for (const [map, model] of versions) {
        for (const [key] of changes) expect(getFrom(map, key)).toBe(model.get(key));
      }
    }),
    { numRuns: 50 },
  );
});

test('keeps keys apart whose hashes are equal', () => {
  // FNV-1a gives both 0x5e4daa9d.
  const map = setIn(setIn(emptyMap<number>(), 'costarring', 1), 'liquid', 2);
  expect(getFrom(map, 'costarring')).toBe(1);
  expect(getFrom(map, 'liquid')).toBe(2);
  expect(getFrom(setIn(map, 'costarring', 3), 'costarring')).toBe(3);
  expect(getFrom(map, 'other')).toBeUndefined();
});
