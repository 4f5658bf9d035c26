import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shareOut } from './share-out.ts';

const units = fc.bigInt({ min: 0n, max: 2n ** 256n });
const count = fc.integer({ min: 1, max: 300 });

it('gives shares that add up, differ by one unit at most, and go to the first', () => {
  fc.assert(
    fc.property(units, count, (all, many) => {
      const shares = shareOut(all, many);
      expect(shares).toHaveLength(many);
      expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(all);
      expect(shares.toSorted((a, b) => Number(b - a))).toEqual(shares);
      expect((shares[0] ?? 0n) - (shares.at(-1) ?? 0n)).toBeLessThanOrEqual(1n);
    }),
  );
});

it.each([
  [7n, 3, [3n, 2n, 2n]],
  [0n, 2, [0n, 0n]],
  [2n, 4, [1n, 1n, 0n, 0n]],
  [5n, 1, [5n]],
])('%s among %s is %s', (all, many, shares) => {
  expect(shareOut(all, many)).toEqual(shares);
});

it.each([
  [-1n, 1],
  [1n, 0],
])('%s among %s is a mistake', (all, many) => {
  expect(() => shareOut(all, many)).toThrow('shared');
});
