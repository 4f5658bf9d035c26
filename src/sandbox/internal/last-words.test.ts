import { expect, it } from 'vitest';
import { lastWords } from './last-words.ts';

it.each<[string, string[], string]>([
  [
    'a write that fell short on a full disk',
    [
      'FATAL:  could not extend file "base/1/2691": wrote only 4096 of 8192 bytes at block 10',
      'HINT:  Check free disk space.',
      'PANIC:  cannot abort transaction 1, it was already committed',
      'initdb: removing data directory "data"',
    ],
    'the disk is full',
  ],
  [
    "the system's own error on a full disk",
    ['FATAL:  could not extend file "base/1/2691": No space left on device', 'Aborted'],
    'the disk is full',
  ],
  [
    'the last error, without what stands before it',
    ['LOG:  starting', '2026-01-01 UTC [1] FATAL:  could not bind: Address already in use', 'bye'],
    'could not bind: Address already in use',
  ],
  ['the last line where none is an error', ['one', 'two', ' '], 'two'],
  ['that there was none', [], 'it ended without a word'],
])('says %s', (_, lines, expected) => {
  expect(lastWords(lines)).toBe(expected);
});
