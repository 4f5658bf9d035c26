import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

// Plain JavaScript, which has no types: it runs before anything is installed.
const program: string = '../bin/prepare.mjs';
const { isInstalled } = (await import(program)) as {
  isInstalled: (folder: string) => boolean;
};

const LOCK = {
  '': { version: '1.0.0' },
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/b': { version: '2.0.0', integrity: 'sha512-b', optional: true },
};

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folderWith(record: object | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'knit-installed-'));
  folders.push(folder);
  mkdirSync(join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: LOCK }));
  if (record !== undefined) {
    const file = join(folder, 'node_modules', '.package-lock.json');
    writeFileSync(file, JSON.stringify({ packages: record }));
  }
  return folder;
}

const { 'node_modules/a': a, 'node_modules/b': b } = LOCK;

test.each([
  ['everything', { 'node_modules/a': a, 'node_modules/b': b }, true],
  ['all but what is for another platform', { 'node_modules/a': a }, true],
  ['nothing', undefined, false],
  ['a part', { 'node_modules/b': b }, false],
  ['another version', { 'node_modules/a': { ...a, version: '1.0.1' } }, false],
  ['other content', { 'node_modules/a': { ...a, integrity: 'sha512-x' } }, false],
  ['more', { 'node_modules/a': a, 'node_modules/c': a }, true],
])('with %s installed', (_what, record, expected) => {
  expect(isInstalled(folderWith(record))).toBe(expected);
});
