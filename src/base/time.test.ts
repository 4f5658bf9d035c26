import { expect, test } from 'vitest';
import { formatTime } from './time.ts';

test.each([
  ['2024-08-27T13:44:20Z', '2024-08-27T13:44:20.000000Z'],
  ['2024-08-27T13:44:20.007Z', '2024-08-27T13:44:20.007000Z'],
  ['2024-08-27T15:44:20.120+02:00', '2024-08-27T13:44:20.120000Z'],
])('%s is shown as %s', (text, shown) => {
  expect(formatTime(new Date(text))).toBe(shown);
});
