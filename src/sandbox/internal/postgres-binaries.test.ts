import { chmod, chown, cp, mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { canRun, copyBinaries, findBinaries, serverUser } from './postgres-binaries.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'knit-binaries-test-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

test('the links between the libraries are made where they are missing, by several at once', async () => {
  const found = await findBinaries();
  const link = join(found, 'lib', 'libpq.so.5');
  expect(await readlink(link)).toBe('libpq.so.5.18');
  await Promise.all([findBinaries(), findBinaries(), findBinaries()]);
  expect(await readlink(link)).toBe('libpq.so.5.18');
});

test.runIf(process.getuid?.() === 0)(
  'programs that the server cannot reach are copied to where it can',
  async () => {
    const user = await serverUser();
    const hidden = join(folder, 'hidden');
    await cp(await findBinaries(), hidden, { recursive: true, verbatimSymlinks: true });
    await chmod(folder, 0o755);
    expect(await canRun(hidden, user)).toBe(true);
    // As a restrictive umask leaves them.
    await chmod(hidden, 0o700);
    await chmod(join(hidden, 'lib', 'libicudata.so.60.2'), 0o600);
    expect(await canRun(hidden, user)).toBe(false);
    expect(await canRun(hidden, undefined)).toBe(true);
    const home = await mkdtemp(join(folder, 'home-'));
    await chown(home, user?.uid ?? 0, user?.gid ?? 0);
    expect(await canRun(await copyBinaries(hidden, home, user), user)).toBe(true);
  },
);
