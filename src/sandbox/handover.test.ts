import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { environmentFileOf } from './handover.ts';

test.each(['/a/plain.json', '/with a space/ä', "/an o'clock/x", 'a "$b" `c` \\d', ''])(
  'a shell and Node read %j as it is',
  (value) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-handover-'));
    const file = join(folder, 'sandbox.env');
    const show = 'process.stdout.write(JSON.stringify(process.env.VALUE))';
    try {
      writeFileSync(file, environmentFileOf({ VALUE: value }));
      const byShell = ['-c', 'set -a; . "$1"; "$2" -e "$3"', 'sh', file, process.execPath, show];
      const byNode = [`--env-file=${file}`, '-e', show];
      expect(execFileSync('/bin/sh', byShell, { env: {}, encoding: 'utf8' })).toBe(
        JSON.stringify(value),
      );
      expect(execFileSync(process.execPath, byNode, { env: {}, encoding: 'utf8' })).toBe(
        JSON.stringify(value),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test('a value that no quotes fit is refused', () => {
  expect(() => environmentFileOf({ VALUE: `/an o'clock/$x` })).toThrow('KNIT_SANDBOX_DIR');
  expect(() => environmentFileOf({ VALUE: 'two\nlines' })).toThrow('KNIT_SANDBOX_DIR');
});
