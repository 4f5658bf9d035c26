import { expect, test } from 'vitest';
import { z } from 'zod';
import { timeField } from './time-field.ts';

test.each([
  ['2024-08-27', '2024-08-27T00:00:00.000Z', '2024-08-27T23:59:59.999Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z', '2024-02-29T23:59:59.999Z'],
  ['2024-08-27T13:44Z', '2024-08-27T13:44:00.000Z', undefined],
  ['2024-08-27T13:44:20.123999Z', '2024-08-27T13:44:20.123Z', undefined],
  ['2024-08-27T13:44:20.123456789+02:00', '2024-08-27T11:44:20.123Z', undefined],
  ['9999-12-31T23:59:59-23:59', '+010000-01-01T23:58:59.000Z', undefined],
])('%s is %s', (text, start, end = start) => {
  const read = (bound: 'START_OF_DAY' | 'END_OF_DAY'): string | undefined =>
    z.safeParse(timeField('from', bound), text).data?.toISOString();
  expect([read('START_OF_DAY'), read('END_OF_DAY')]).toEqual([start, end]);
});

test.each([
  '2023-02-29',
  '2024-8-27',
  '27.08.2024',
  '2024-08-27T13:44:20',
  '2024-08-27 13:44Z',
  '',
])('%s is no time', (text) => {
  expect(z.safeParse(timeField('from', 'START_OF_DAY'), text).error?.issues[0]?.message).toBe(
    'The from field must be a date or a time with a zone.',
  );
});
