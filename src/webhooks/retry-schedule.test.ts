import { expect, test } from 'vitest';
import type { Random } from '../base/random.ts';
import { MAX_RETRY_AFTER_MS, RETRY_DELAYS_MS, retryDelayMs } from './retry-schedule.ts';

const now = new Date('2024-08-27T13:44:20Z');
const lowest: Random = { bytes: (length) => new Uint8Array(length) };
const highest: Random = { bytes: (length) => new Uint8Array(length).fill(255) };

test('the shortest schedule lasts 12 hours or more, each wait longer than the one before', () => {
  const waits = RETRY_DELAYS_MS.map((_, index) => retryDelayMs(index + 1, lowest, { now }) ?? 0);
  expect(waits).toEqual(RETRY_DELAYS_MS);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(waits.reduce((sum, wait) => sum + wait)).toBeGreaterThanOrEqual(12 * 3_600_000);
});

test('jitter only lengthens, by a fifth at most', () => {
  expect(retryDelayMs(1, lowest, { now })).toBe(5000);
  expect(retryDelayMs(1, highest, { now })).toBe(6000);
});

test('after the last wait there is none', () => {
  expect(retryDelayMs(RETRY_DELAYS_MS.length, lowest, { now })).toBe(6 * 3_600_000);
  expect(retryDelayMs(RETRY_DELAYS_MS.length + 1, lowest, { now })).toBeUndefined();
});

test.each([
  ['120', 120_000],
  [' 7 ', 7000],
  ['0', 5000],
  ['1', 5000],
  ['Tue, 27 Aug 2024 13:54:20 GMT', 600_000],
  ['Tue, 27 Aug 2024 13:00:00 GMT', 5000],
  ['99999999', MAX_RETRY_AFTER_MS],
  ['Fri, 31 Dec 2999 23:59:59 GMT', MAX_RETRY_AFTER_MS],
  ['-5', 5000],
  ['1.5', 5000],
  ['soon', 5000],
  ['', 5000],
])('Retry-After %j makes the first wait %d ms', (retryAfter, wait) => {
  expect(retryDelayMs(1, lowest, { now, retryAfter })).toBe(wait);
});
