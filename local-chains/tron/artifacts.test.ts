import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { compileTokens } from './compile.ts';

test('every artifact is what its source compiles to', async () => {
  const folder = new URL('artifacts/', import.meta.url);
  const wanted = await compileTokens();
  expect((await readdir(folder)).sort()).toEqual([...wanted.keys()]);
  for (const [file, text] of wanted) {
    expect(await readFile(new URL(file, folder), 'utf8')).toBe(text);
  }
});
