import { expect, it } from 'vitest';
import { createSuspects } from './suspects.ts';

it('remembers payouts that have failed others, and forgets the oldest of very many', () => {
  const suspects = createSuspects();
  expect(suspects.has('a')).toBe(false);
  suspects.add('a');
  for (let count = 0; count < 9_999; count += 1) suspects.add(`b${count}`);
  expect(suspects.has('a')).toBe(true);
  // Seen again, it is the newest.
  suspects.add('a');
  suspects.add('c');
  expect([suspects.has('a'), suspects.has('b0'), suspects.has('c')]).toEqual([true, false, true]);
});
