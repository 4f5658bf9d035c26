import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { access, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPublicClient, http, parseAbi, type Hex } from 'viem';
import { freePort } from '../src/sandbox/free-port.ts';
import { createDatabase } from '../src/database/database.ts';
import { checkBooks } from '../src/ledger/check-books.ts';
import { spawnSandbox, startSandbox, type RunningSandbox } from './harness/sandbox.ts';
import { freshAddress } from './harness/settlement-world.ts';

// The sandbox as a newcomer meets it: its own process, its printed curl, real chains, and a client
// and a signature check that Knit has no part in. Where many tests run at once, six chains take their time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 });

const run = promisify(execFile);
const abi = parseAbi([
  'function balanceOf(address owner) view returns (uint256)',
  'event Transfer(address indexed from, address indexed to, uint256 value)',
]);

interface Answer {
  readonly success: boolean;
  readonly message: string;
  readonly status: number;
  readonly data: Record<string, unknown>;
}

async function balanceOf(sandbox: RunningSandbox, network: string, owner: string): Promise<bigint> {
  const chain = sandbox.file.networks[network];
  const client = createPublicClient({ transport: http(chain?.rpcUrl) });
  const address = chain?.tokens['USDT']?.address as Hex;
  return await client.readContract({
    address,
    abi,
    functionName: 'balanceOf',
    args: [owner as Hex],
  });
}

async function get(sandbox: RunningSandbox, path: string): Promise<Answer> {
  const headers = { 'X-API-KEY': sandbox.file.apiKey };
  const response = await fetch(`${sandbox.file.baseUrl}${path}`, { headers });
  return (await response.json()) as Answer;
}

async function untilFinal(sandbox: RunningSandbox, id: unknown): Promise<Answer['data']> {
  for (;;) {
    const { data } = await get(sandbox, `/api/v1/payouts/${String(id)}`);
    if (data['status'] === 'COMPLETED' || data['status'] === 'FAILED') return data;
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
}

interface Delivery {
  readonly headers: Record<string, string>;
  readonly rawBody: string;
}

async function deliveryOf(sandbox: RunningSandbox, id: unknown): Promise<Delivery> {
  for (;;) {
    const response = await fetch(sandbox.file.webhookInbox);
    const all = (await response.json()) as Delivery[];
    const found = all.find((delivery) => delivery.rawBody.includes(String(id)));
    if (found !== undefined) return found;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
}

/** The keys of the page's sample, with the kind of each value. */
const SAMPLE_KEYS = {
  amount: 'number',
  token: 'string',
  toAddress: 'string',
  network: 'string',
  userId: 'string',
  payoutWalletId: 'string',
  id: 'string',
  updatedAt: 'string',
  createdAt: 'string',
};

describe('one sandbox', () => {
  let sandbox: RunningSandbox;
  beforeAll(async () => {
    sandbox = await startSandbox();
  });
  afterAll(async () => {
    await sandbox.close();
  });

  it('pays what the printed curl orders, and says so by a signed webhook', async () => {
    const printed = sandbox.printed();
    const curl = printed.slice(printed.indexOf('curl --location'), printed.indexOf('\n\nready '));
    const recipient = sandbox.file.networks['MATIC_MAINNET']?.sampleAddress ?? '';
    const before = await balanceOf(sandbox, 'MATIC_MAINNET', recipient);
    const command = `${curl} --silent --write-out '\\n%{http_code}'`;
    const { stdout } = await run('sh', ['-c', command]).catch((error: unknown) => {
      throw new Error('the printed curl needs curl: apt-get install curl', { cause: error });
    });
    const [body = '', status] = stdout.split('\n');
    expect(status).toBe('201');
    const answer = JSON.parse(body) as Answer;
    expect(answer).toMatchObject({
      success: true,
      message: 'Payout created successfully',
      status: 201,
      data: { amount: 0.02, token: 'USDT', network: 'MATIC_MAINNET', toAddress: recipient },
    });
    expect(body).toContain('"amount":0.02,');
    for (const [key, kind] of Object.entries(SAMPLE_KEYS)) {
      expect([key, typeof answer.data[key]]).toEqual([key, kind]);
    }
    expect(answer.data['createdAt']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

    const payout = await untilFinal(sandbox, answer.data['id']);
    expect(payout).toMatchObject({ status: 'COMPLETED', amount: '0.020000000000000000' });
    expect((await balanceOf(sandbox, 'MATIC_MAINNET', recipient)) - before).toBe(20_000n);

    const delivery = await deliveryOf(sandbox, payout['id']);
    const { webhookSecret } = sandbox.file;
    const expected = createHmac('sha256', webhookSecret).update(delivery.rawBody).digest('hex');
    expect(delivery.headers['x-signature']).toBe(expected);
    const verified = new Webhook(webhookSecret).verify(delivery.rawBody, delivery.headers);
    expect(verified).toMatchObject({
      eventType: 'PAYOUT_SUCCESSFUL',
      payout: { id: payout['id'], amount: '0.02', status: 'COMPLETED', toAddress: recipient },
    });
    expect(() =>
      new Webhook(webhookSecret).verify(delivery.rawBody.replace('0.02', '0.03'), delivery.headers),
    ).toThrow();
  });

  it.each([
    ['ETHEREUM_MAINNET', '1.5', 1_500_000n],
    ['BSC_MAINNET', '0.123456789012345678', 123_456_789_012_345_678n],
    ['MATIC_MAINNET', '7', 7_000_000n],
  ])(
    'pays on %s, with a bearer token, to the last digit',
    async (network, amount, units) => {
      const { baseUrl, clientId, clientSecret } = sandbox.file;
      const grant = { grant_type: 'client_credentials', client_id: clientId };
      const tokenResponse = await fetch(`${baseUrl}/oauth/token`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ ...grant, client_secret: clientSecret, scope: 'payouts:write' }),
      });
      const token = (await tokenResponse.json()) as { access_token: string; expires_in: number };
      expect(token).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
      const toAddress = freshAddress();
      const response = await fetch(`${baseUrl}/api/v1/payouts`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${token.access_token}`,
          'Content-Type': 'application/json',
        },
        body: `{"network":"${network}","token":"USDT","amount":${amount},"toAddress":"${toAddress}"}`,
      });
      const text = await response.text();
      expect([response.status, text]).toEqual([
        201,
        expect.stringContaining(`"amount":${amount},`),
      ]);
      const created = JSON.parse(text) as Answer;
      const payout = await untilFinal(sandbox, created.data['id']);
      expect(payout['status']).toBe('COMPLETED');
      expect(await balanceOf(sandbox, network, toAddress)).toBe(units);
      const { data } = await get(sandbox, `/api/v1/payouts/${String(payout['id'])}/attempts`);
      expect(data).toMatchObject([{ state: 'LANDED', fate: 'PAID' }]);
    },
    60_000,
  );

  it('keeps its files to their owner, and the treasury secret from the API process', async () => {
    for (const name of ['sandbox.json', 'sandbox.env', 'treasury-mnemonic', 'api.log']) {
      const { mode } = await stat(join(sandbox.folder, name));
      expect([name, (mode & 0o777).toString(8)]).toEqual([name, '600']);
    }
    const mnemonic = (await readFile(join(sandbox.folder, 'treasury-mnemonic'), 'utf8')).trim();
    const environments = await environmentsOfChildren(sandbox);
    const api = environments.filter((text) => text.includes(`PORT=${sandbox.port}`));
    expect(api).toHaveLength(1);
    expect(api[0]).not.toContain('MNEMONIC');
    expect(environments.join()).not.toContain(mnemonic);
    expect(sandbox.printed()).not.toContain(mnemonic);
  });

  it('can be watched: both processes are ready, and tell their figures', async () => {
    const { api, worker } = sandbox.file.metricsUrls;
    for (const metricsUrl of [api, worker]) {
      const ready = await fetch(new URL('/readyz', metricsUrl));
      expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'ready' }]);
      expect(await (await fetch(metricsUrl)).text()).toContain('\nknit_database_connections{');
    }
  });

  it('has books that balance', async () => {
    const database = createDatabase(sandbox.file.databaseUrl, { maxConnections: 1 });
    expect(await checkBooks(database, sandbox.file.businessId)).toEqual([]);
    await database.close();
  });

  it('lets a second one run beside it, and refuses its own folder and port to others', async () => {
    const second = await startSandbox({ KNIT_SANDBOX_NETWORKS: 'BSC_MAINNET' });
    expect(Object.keys(second.file.networks)).toEqual(['BSC_MAINNET']);
    expect(second.file.baseUrl).not.toBe(sandbox.file.baseUrl);
    await second.close();
    const sameFolder = await spawnSandbox({
      PORT: String(await freePort()),
      KNIT_SANDBOX_DIR: sandbox.folder,
    });
    expect(await sameFolder.exit).not.toBe(0);
    expect(sameFolder.printed()).toMatch(/^.*KNIT_SANDBOX_DIR: a sandbox runs from .*\n$/);
    const samePort = await spawnSandbox({
      PORT: String(sandbox.port),
      KNIT_SANDBOX_DIR: `${sandbox.folder}-other`,
    });
    expect(await samePort.exit).not.toBe(0);
    expect(samePort.printed()).toMatch(/^.*PORT: \d+ is in use.*\n$/);
    expect((await get(sandbox, '/healthz')).status).toBe(200);
  });
});

describe('its end', () => {
  it.each<[NodeJS.Signals, number | null]>([
    ['SIGINT', 0],
    ['SIGTERM', 0],
    ['SIGKILL', null],
  ])('by %s leaves no process, no port and no credentials behind', async (signal, code) => {
    const sandbox = await startSandbox({ KNIT_SANDBOX_NETWORKS: 'MATIC_MAINNET' });
    const pids = await descendantsOf(sandbox.process.pid);
    expect(pids.length).toBeGreaterThan(4);
    const { databaseUrl, networks, baseUrl, webhookInbox } = sandbox.file;
    const urls = [databaseUrl, networks['MATIC_MAINNET']?.rpcUrl ?? '', baseUrl, webhookInbox];
    expect(await sandbox.end(signal)).toBe(code);
    await expect.poll(async () => await stillRunning(pids), { timeout: 15_000 }).toEqual([]);
    for (const url of urls) expect([url, await isListening(url)]).toEqual([url, false]);
    if (signal !== 'SIGKILL') {
      await expect(access(join(sandbox.folder, 'sandbox.json'))).rejects.toThrow('ENOENT');
    }
    await sandbox.close();
  });
});

describe('a machine that lacks something', () => {
  it('gets one line that names it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'knit-clone-'));
    const root = fileURLToPath(new URL('..', import.meta.url));
    for (const name of ['src', 'migrations', 'package.json', 'contracts', 'local-chains']) {
      await cp(join(root, name), join(folder, name), { recursive: true });
    }
    // A clone whose packages are all there but for the local chain's.
    await mkdir(join(folder, 'node_modules'));
    for (const name of await readdir(join(root, 'node_modules'))) {
      if (name === '@foundry-rs') continue;
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
    const settings = { PORT: String(await freePort()), KNIT_SANDBOX_DIR: join(folder, '.knit') };
    const { exit, printed } = await spawnSandbox(settings, [], join(folder, 'src', 'main.ts'));
    expect(await exit).toBe(3);
    expect(printed()).toMatch(/^knit: the sandbox cannot start: anvil is missing: .*\n/m);
    await rm(folder, { recursive: true });
  });
});

describe('its settings', () => {
  it('let knit api and knit worker take its place', async () => {
    const sandbox = await startSandbox({ KNIT_SANDBOX_NETWORKS: 'MATIC_MAINNET' }, [
      '--no-services',
    ]);
    expect(await isListening(sandbox.file.baseUrl)).toBe(false);
    const knit = fileURLToPath(new URL('../bin/knit.mjs', import.meta.url));
    const script = `set -a; . ${join(sandbox.folder, 'sandbox.env')}; exec ${process.execPath} ${knit} "$0"`;
    const [api, worker] = ['api', 'worker'].map((name) =>
      spawn('sh', ['-c', script, name], { stdio: 'ignore' }),
    );
    await expect
      .poll(async () => await isListening(sandbox.file.baseUrl), { timeout: 20_000 })
      .toBe(true);
    const toAddress = freshAddress();
    const response = await fetch(`${sandbox.file.baseUrl}/api/v1/payouts`, {
      method: 'POST',
      headers: { 'X-API-KEY': sandbox.file.apiKey },
      body: JSON.stringify({ network: 'MATIC_MAINNET', token: 'USDC', amount: 3, toAddress }),
    });
    const created = (await response.json()) as Answer;
    expect((await untilFinal(sandbox, created.data['id']))['status']).toBe('COMPLETED');
    for (const child of [api, worker]) {
      const gone = child && once(child, 'exit');
      child?.kill('SIGTERM');
      expect(await gone).toEqual([0, null]);
    }
    await sandbox.close();
  }, 60_000);

  it.each([
    [
      { KNIT_SANDBOX_NETWORKS: 'DOGE_MAINNET' },
      /KNIT_SANDBOX_NETWORKS: DOGE_MAINNET is not a network/,
    ],
    [{ PORT: 'eighty' }, /PORT: must be a whole number/],
    [{ DATABASE_URL: 'mysql://x' }, /DATABASE_URL: must be a postgres/],
  ])('stop it with one line where %j is wrong', async (settings, line) => {
    const { exit, printed } = await spawnSandbox(settings);
    expect(await exit).toBe(2);
    expect(printed().trim().split('\n')).toHaveLength(1);
    expect(printed()).toMatch(line);
  });
});

async function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A process's children, theirs and so on, by /proc. */
async function descendantsOf(pid: number | undefined): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(
    names.map(async (name) => {
      const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
      return [Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1])] as const;
    }),
  );
  const childrenOf = (parent: number | undefined): number[] =>
    parents.flatMap(([child, its]) => (its === parent ? [child, ...childrenOf(child)] : []));
  return childrenOf(pid);
}

async function stillRunning(pids: readonly number[]): Promise<number[]> {
  const states = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State: X');
      return /^State:\s+[XZ]/m.test(status) ? [] : [pid];
    }),
  );
  return states.flat();
}

async function environmentsOfChildren(sandbox: RunningSandbox): Promise<string[]> {
  const pids = await descendantsOf(sandbox.process.pid);
  return await Promise.all(
    pids.map(async (pid) => await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
  );
}
