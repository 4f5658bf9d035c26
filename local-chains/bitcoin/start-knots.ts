import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fetchedCommand } from '../fetch-debian-package.ts';
import { fetchKnots } from './fetch-knots.ts';

/** A bitcoind of one's own on regtest, with a data folder that goes with it. */
export interface Knots {
  /** With credentials in it. */
  readonly rpcUrl: string;
  /** Called once it has ended, whoever ended it. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface KnotsOptions {
  /** What `fetchKnots` made ready. */
  readonly folder: string;
  /** Settings beyond the defaults, as bitcoind takes them. */
  readonly settings?: readonly string[];
}

/** Core's policy where Knots has another; no peers. */
const SETTINGS = [
  '-regtest',
  '-server',
  '-corepolicy',
  // What Bitcoin Core asked for until version 29; later ones ask for a tenth.
  '-minrelaytxfee=0.00001',
  '-incrementalrelayfee=0.00001',
  '-blockmintxfee=0.00001',
  '-listen=0',
  '-dnsseed=0',
  '-listenonion=0',
  '-rpcbind=127.0.0.1',
  '-rpcallowip=127.0.0.1',
  '-txindex=0',
  '-fallbackfee=0.0001',
  '-persistmempool=0',
  '-printtoconsole=0',
];
const START_MS = 30_000;
const STOP_MS = 10_000;

export async function startKnots(options: KnotsOptions): Promise<Knots> {
  const data = await mkdtemp(path.join(tmpdir(), 'knit-knots-'));
  const port = await freePort();
  const [loader, args] = fetchedCommand(options.folder, 'usr/bin/bitcoind');
  const settings = [
    ...SETTINGS,
    `-datadir=${data}`,
    `-rpcport=${port}`,
    ...(options.settings ?? []),
  ];
  const child = spawn(loader, [...args, ...settings], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = endOf(child, data);
  let problem = '';
  child.stderr.on('data', (chunk: Buffer) => (problem += chunk.toString()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const last = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(last);
  };
  const deadline = Date.now() + START_MS;
  while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    const cookie = await readCookie(data);
    const rpcUrl = `http://${cookie ?? ''}@127.0.0.1:${port}`;
    if (cookie !== undefined && (await answers(port, cookie))) return { rpcUrl, ended, stop };
    await wait(50);
  }
  await stop();
  throw new Error(`bitcoind did not start: ${problem.trim() || 'it gave no reason'}`);
}

async function endOf(child: ChildProcess, data: string): Promise<void> {
  await new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  await rm(data, { recursive: true, force: true });
}

/** "user:password", which bitcoind makes at each start. */
async function readCookie(data: string): Promise<string | undefined> {
  try {
    return await readFile(path.join(data, 'regtest/.cookie'), 'utf8');
  } catch {
    return undefined;
  }
}

async function answers(port: number, cookie: string): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(cookie).toString('base64')}` },
      body: JSON.stringify({ id: 1, method: 'getblockcount', params: [] }),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Runs until it is told to end or its parent is gone: its standard input closes then. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { setting: { type: 'string', multiple: true } } });
  const fetched = await fetchKnots();
  if (fetched.kind === 'unavailable') {
    process.stderr.write(`${fetched.reason}\n`);
    process.exitCode = 1;
    return;
  }
  const settings = values.setting ?? [];
  const knots = await startKnots({ folder: fetched.folder, settings });
  const end = (): void => void knots.stop();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  process.stdin.once('end', end).once('close', end).resume();
  process.stdout.write(`${JSON.stringify({ rpcUrl: knots.rpcUrl })}\n`);
  await knots.ended;
  process.stdin.destroy();
}

if (import.meta.main) await main();
