import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createGuard } from './guard.ts';

/** A process that only a signal ends; `stubborn` ignores all but SIGKILL. */
async function sleeper(stubborn = false): Promise<ChildProcess> {
  const deaf = stubborn ? `process.on('SIGINT', () => {});` : '';
  const child = spawn(process.execPath, [
    '-e',
    `${deaf} setInterval(() => {}, 1000); console.log('up')`,
  ]);
  await once(child.stdout, 'data');
  return child;
}

function folderWithFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'knit-guard-test-'));
  writeFileSync(join(folder, 'file'), '');
  return folder;
}

test('disposing ends what is watched and removes the folders', async () => {
  const [plain, deaf, other] = await Promise.all([sleeper(), sleeper(true), sleeper()]);
  const folder = folderWithFile();
  const guard = createGuard();
  guard.watch(plain.pid ?? 0, 'SIGINT');
  guard.watch(deaf.pid ?? 0, 'SIGINT');
  guard.removeFolder(folder);
  await guard.dispose();
  expect(plain.signalCode).toBe('SIGINT');
  await expect.poll(() => deaf.signalCode).toBe('SIGKILL');
  expect(existsSync(folder)).toBe(false);
  expect(other.signalCode).toBeNull();
  other.kill('SIGKILL');
});

test('a parent that is killed takes its children and folders with it', async () => {
  const folder = folderWithFile();
  const script = `
    import { spawn } from 'node:child_process';
    import { createGuard } from '${new URL('guard.ts', import.meta.url).href}';
    const guard = createGuard();
    const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    guard.watch(child.pid);
    guard.removeFolder(${JSON.stringify(folder)});
    console.log(child.pid);`;
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script]);
  const [said] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(said.toString());
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 5_000 }).toBe(false);
  await expect.poll(() => existsSync(folder), { timeout: 5_000 }).toBe(false);
});

test('a process that had ended before is left alone, and so is a guard without work', async () => {
  const gone = await sleeper();
  gone.kill('SIGKILL');
  await once(gone, 'exit');
  const guard = createGuard();
  guard.watch(gone.pid ?? 0);
  await guard.dispose();
  await guard.dispose();
});

test('the root folder and relative paths are refused', () => {
  const guard = createGuard();
  for (const path of ['/', 'data', '']) {
    expect(() => guard.removeFolder(path)).toThrow(/absolute/);
  }
  void guard.dispose();
});
