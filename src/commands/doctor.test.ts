import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestChain, type TestChain } from '../../test/harness/chain.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { runKnit } from '../../test/harness/run-knit.ts';
import { startScriptedRpc, type ScriptedRpc } from '../../test/harness/scripted-rpc.ts';
import { TEST_MNEMONIC, TEST_TREASURY } from '../../test/harness/settlement-world.ts';
import { createTestBusiness, testIds } from '../../test/harness/world.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { openLane, stopLane } from '../settlement/lanes.ts';
import { openNetwork, stopNetwork } from '../settlement/network-state.ts';
import { getOrCreateWebhookSecrets } from '../webhooks/webhook-secret.ts';

// What an operator is told, on a real chain and a real database, one thing wrong at a time.

const MASTER_KEY = 'ab'.repeat(32);
const GAS_ACCOUNT = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
const network = 'MATIC_MAINNET';

let chain: TestChain;
let other: TestChain;
let scripted: ScriptedRpc;
let db: TestDatabase;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  [chain, other, scripted] = await Promise.all([
    startTestChain(),
    startTestChain({ network: 'BSC_MAINNET' }),
    startScriptedRpc({}),
  ]);
  await chain.fund(TEST_TREASURY);
  await chain.mine(4);
  folder = await mkdtemp(join(tmpdir(), 'knit-doctor-'));
});
afterAll(async () => {
  await Promise.all([chain.stop(), other.stop(), scripted.close()]);
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  db = await createTestDatabase();
  env = {
    DATABASE_URL: db.url,
    KNIT_MASTER_KEY: MASTER_KEY,
    KNIT_NETWORKS: network,
    KNIT_RPC_MATIC_MAINNET: chain.rpcUrl,
    KNIT_ASSETS_FILE: await assetsFile(6),
    KNIT_TREASURY_MNEMONIC: TEST_MNEMONIC,
  };
  return async () => await db.drop();
});

async function assetsFile(decimals: number): Promise<string> {
  const { USDT, USDC } = chain.tokens;
  const tokens = { USDT: { ...USDT, decimals }, USDC };
  const file = join(folder, `assets-${decimals}.json`);
  await writeFile(file, JSON.stringify({ [network]: { chainId: chain.chainId, tokens } }));
  return file;
}

interface Report {
  readonly exitCode: number;
  readonly healthy: boolean;
  /** "fail MATIC_MAINNET node 1 of 1 …", without what is well. */
  readonly complaints: readonly string[];
  readonly findings: readonly {
    level: string;
    network: string | null;
    what: string;
    mend: string;
  }[];
}

async function diagnose(changes: Record<string, string | undefined> = {}): Promise<Report> {
  const { exitCode, stdout, stderr } = await runKnit(['doctor', '--json'], { ...env, ...changes });
  expect(stderr).toMatch(exitCode === 0 ? /^$/ : /^knit: (one thing is|\d+ things are) wrong\n$/);
  const report = JSON.parse(stdout) as Pick<Report, 'healthy' | 'findings'>;
  const complaints = report.findings
    .filter(({ level }) => level !== 'ok')
    .map(({ level, network: place, what }) => `${level} ${place ?? '-'} ${what}`);
  for (const { level, mend } of report.findings) expect(mend === null).toBe(level === 'ok');
  return { exitCode, ...report, complaints };
}

async function openSettlement(): Promise<void> {
  const at = new Date();
  const lane = { network, firstSequence: 0n, at } as const;
  await openNetwork(db.database, { network, payer: TEST_TREASURY, at });
  await openLane(db.database, { ...lane, sender: TEST_TREASURY, role: 'TREASURY' });
  await openLane(db.database, { ...lane, sender: GAS_ACCOUNT, role: 'GAS' });
}

const ALONE = 'warn MATIC_MAINNET one node is trusted with the money, alone';
const NOT_DEPLOYED = /^warn MATIC_MAINNET the treasury's code is not deployed/;

test('where all is well it says so, and ends with 0', async () => {
  await openSettlement();
  const report = await diagnose();
  expect(report).toMatchObject({ exitCode: 0, healthy: true });
  expect(report.complaints).toEqual([ALONE, expect.stringMatching(NOT_DEPLOYED)]);
  const words = report.findings.map(({ what }) => what);
  expect(words).toContain('the settings can be read');
  expect(words).toContain('USDT (6) and USDC (6) on the chain as configured');
  expect(words).toContain(`the treasury ${TEST_TREASURY} holds 1000000 USDT`);
  expect(words).toContain('1 gas accounts hold coins for many batches');
});

test('a person reads lines: level, network, what, and how to mend it', async () => {
  const wrongKey = { ...env, KNIT_MASTER_KEY: 'short' };
  const { exitCode, stdout, stderr } = await runKnit(['doctor'], wrongKey);
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'knit: one thing is wrong\n' });
  expect(stdout).toMatch(/^FAIL {2}- +KNIT_MASTER_KEY: must be 64 hexadecimal digits.* {2}set or/m);
  expect(stdout).toMatch(/^ok {4}MATIC_MAINNET {2}node 1 of 1 answers/m);
  expect(stdout).toMatch(/^warn {2}MATIC_MAINNET {2}one node is trusted.* {2}name three URLs/m);
});

describe('the settings', () => {
  test.each<[string, Record<string, string | undefined>, string]>([
    ['a database', { DATABASE_URL: undefined }, 'fail - DATABASE_URL: is not set'],
    ['a database', { DATABASE_URL: 'mysql://u:SECRET@h/d' }, 'fail - DATABASE_URL: must be'],
    ['a master key', { KNIT_MASTER_KEY: undefined }, 'fail - KNIT_MASTER_KEY: is not set'],
    ['a mnemonic', { KNIT_TREASURY_MNEMONIC: 'SECRET words' }, 'fail - KNIT_TREASURY_MNEMONIC is'],
    ['a mnemonic', { KNIT_TREASURY_MNEMONIC: undefined }, 'warn - KNIT_TREASURY_MNEMONIC is not'],
    ['a file', { KNIT_MASTER_KEY: '', KNIT_MASTER_KEY_FILE: '/none' }, 'fail - KNIT_MASTER_KEY_F'],
    ['a network', { KNIT_NETWORKS: 'POLYGON' }, 'fail - KNIT_NETWORKS: POLYGON is not a network'],
    ['a URL', { KNIT_RPC_MATIC_MAINNET: undefined }, `fail ${network} KNIT_RPC_MATIC_MAINNET: is`],
    ['a URL', { KNIT_RPC_MATIC_MAINNET: 'ws://SECRET' }, `fail ${network} KNIT_RPC_MATIC_MAINNET:`],
    ['the API', { KNIT_TRUSTED_PROXIES: '0.0.0.0/0' }, 'fail - KNIT_TRUSTED_PROXIES: 0.0.0.0/0'],
    ['the worker', { KNIT_GAS_ACCOUNTS: '99' }, 'fail - KNIT_GAS_ACCOUNTS: must be'],
    ['Bitcoin', { KNIT_BITCOIN_ADDRESS_TYPE: 'p2sh' }, 'fail - KNIT_BITCOIN_ADDRESS_TYPE: must'],
    ['a name', { KNIT_RPC_MATIC: 'http://x' }, 'warn - KNIT_RPC_MATIC is no setting of Knit'],
    ['a target', { KNIT_WEBHOOK_PRIVATE_TARGETS: '10.0.0.1:80' }, 'warn - webhooks may go to 10.'],
  ])('of %s %o', async (_, changes, complaint) => {
    const report = await diagnose(changes);
    expect(report.complaints.filter((line) => line.startsWith(complaint))).toHaveLength(1);
    expect(report.exitCode).toBe(complaint.startsWith('fail') ? 1 : 0);
    expect(JSON.stringify(report)).not.toContain('SECRET');
  });

  test('one network that cannot be read keeps the others from nothing', async () => {
    const report = await diagnose({ KNIT_NETWORKS: `${network},BSC_MAINNET` });
    expect(report.complaints).toContainEqual(
      expect.stringMatching(/^fail BSC_MAINNET KNIT_RPC_BSC_MAINNET: is not set/),
    );
    expect(report.findings).toContainEqual(
      expect.objectContaining({
        level: 'ok',
        network,
        what: expect.stringMatching(/answers/) as string,
      }),
    );
  });

  test('a secret that others can read', async () => {
    const file = join(folder, 'key');
    await writeFile(file, MASTER_KEY, { mode: 0o600 });
    const given = { KNIT_MASTER_KEY: '', KNIT_MASTER_KEY_FILE: file };
    const complaint = 'warn - the file of KNIT_MASTER_KEY can be read by others than its owner';
    expect((await diagnose(given)).complaints).not.toContain(complaint);
    await chmod(file, 0o644);
    expect((await diagnose(given)).complaints).toContain(complaint);
  });
});

describe('the database', () => {
  test('that is not there', async () => {
    const report = await diagnose({ DATABASE_URL: 'postgres://knit:SECRET@127.0.0.1:1/knit' });
    expect(report.exitCode).toBe(1);
    expect(report.complaints[0]).toMatch(
      /^fail - the database at 127.0.0.1:1\/knit: .*ECONNREFUSED/,
    );
    expect(JSON.stringify(report)).not.toContain('SECRET');
    // The networks are looked at all the same.
    expect(report.complaints).toContain(ALONE);
  });

  test('without its migrations', async () => {
    const empty = await createTestDatabase({ migrated: false });
    const report = await diagnose({ DATABASE_URL: empty.url });
    expect(report.complaints[0]).toMatch(/^fail - the database lacks migrations 1, 2, 3/);
    expect(report.findings[0]).toMatchObject({ level: 'ok' });
    await empty.drop();
  });

  test('that another version has migrated', async () => {
    await db.database.query('UPDATE schema_migrations SET checksum = $1 WHERE version = 10', ['x']);
    const { findings } = await diagnose();
    expect(findings.find(({ level }) => level === 'fail')).toMatchObject({
      what: expect.stringMatching(
        /migration 10 .* differs from the one that was applied$/,
      ) as string,
      mend: 'run the version of Knit that the database was migrated with, or a newer one',
    });
  });

  test('that answers COMMIT before it is safe', async () => {
    const name = new URL(db.url).pathname.slice(1);
    await db.database.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
    const report = await diagnose();
    expect(report.complaints[0]).toMatch(/^fail - the server has synchronous_commit off: a crash/);
  });
});

describe('the nodes', () => {
  test('one that is down, by its number and never by its URL', async () => {
    const down = 'http://user:SECRETSECRET@127.0.0.1:1/KEYKEYKEY';
    const report = await diagnose({ KNIT_RPC_MATIC_MAINNET: `${chain.rpcUrl},${down}` });
    expect(report.complaints.slice(0, 2)).toEqual([
      `fail ${network} node 2 of 2, eth_chainId: no answer (ECONNREFUSED)`,
      `fail ${network} 1 of 2 nodes can be used, and a proof takes 2: no payout can end`,
    ]);
    expect(JSON.stringify(report)).not.toMatch(/SECRETSECRET|KEYKEYKEY/);
  });

  test('one of another chain', async () => {
    const report = await diagnose({ KNIT_RPC_MATIC_MAINNET: other.rpcUrl });
    expect(report.complaints[0]).toBe(`fail ${network} node 1 of 1 is of chain 56, not 137`);
  });

  test('one that cannot do what is asked of it', async () => {
    const ask = (method: string) => (params: readonly unknown[]) =>
      chain.rpc(method, ...(params as string[]));
    const block = await ask('eth_getBlockByNumber')(['latest', false]);
    scripted.script = {
      eth_chainId: () => ({ result: '0x89' }),
      eth_getBlockByNumber: ([tag]) =>
        tag === 'latest' ? { result: block } : { error: { code: -32_601, message: 'no finality' } },
    };
    const { complaints } = await diagnose({ KNIT_RPC_MATIC_MAINNET: scripted.url });
    const of = (what: string): string => `fail ${network} node 1 of 1 does not give ${what}`;
    for (const ability of ['the finalized block', 'events of a range', 'recent fees']) {
      expect(complaints.filter((line) => line.startsWith(of(ability)))).toHaveLength(1);
    }
  });

  test('one that lags behind, and one that is not in sync', async () => {
    const far = { number: '0xffff', hash: `0x${'1'.repeat(64)}`, transactions: [] };
    const old = Math.floor(Date.now() / 1_000) - 3_600;
    const timestamp = `0x${old.toString(16)}`;
    scripted.script = {
      eth_chainId: () => ({ result: '0x89' }),
      eth_getBlockByNumber: () => ({ result: { ...far, timestamp } }),
    };
    const urls = `${chain.rpcUrl},${scripted.url}`;
    const { complaints } = await diagnose({ KNIT_RPC_MATIC_MAINNET: urls });
    expect(complaints).toContainEqual(
      expect.stringMatching(/^fail MATIC_MAINNET node 1 of 2 lags behind: \d+ blocks/),
    );
    expect(complaints).toContainEqual(
      expect.stringMatching(/^fail MATIC_MAINNET node 2 of 2 is not in sync: .* 60 minutes old$/),
    );
  });

  test('decimals that the chain contradicts', async () => {
    const { complaints } = await diagnose({ KNIT_ASSETS_FILE: await assetsFile(18) });
    expect(complaints).toContain(
      `fail ${network} USDT on ${network} has 6 decimals on chain, 18 configured`,
    );
  });
});

describe('the treasury', () => {
  test('that nobody knows yet', async () => {
    const { complaints } = await diagnose({ KNIT_TREASURY_MNEMONIC: undefined });
    expect(complaints).toContain(
      `warn ${network} the treasury is not known yet: the worker has not run on this network`,
    );
  });

  test('whose keys are others', async () => {
    await openSettlement();
    const words = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
    const { complaints } = await diagnose({ KNIT_TREASURY_MNEMONIC: words });
    expect(complaints).toContainEqual(
      expect.stringMatching(
        `^fail ${network} the mnemonic is of 0x\\w{40}, and the network was opened with ${TEST_TREASURY}$`,
      ),
    );
    expect(JSON.stringify(complaints)).not.toContain('sausage');
  });

  test('that is empty, and a gas account that is', async () => {
    const poor = '0x00000000000000000000000000000000000000Aa';
    const at = new Date();
    await openNetwork(db.database, { network, payer: poor, at });
    const lane = { network, sender: `0x${'0'.repeat(38)}bb`, firstSequence: 0n, at } as const;
    await openLane(db.database, { ...lane, role: 'GAS' });
    const { complaints } = await diagnose({ KNIT_TREASURY_MNEMONIC: undefined });
    expect(complaints).toContain(`fail ${network} the treasury holds no POL`);
    expect(complaints).toContain(`warn ${network} the treasury ${poor} holds 0 USDT`);
    expect(complaints).toContain(
      `warn ${network} gas account ${lane.sender} holds 0 POL, enough for 0 batches`,
    );
  });
});

test('what has stopped, a network and a lane', async () => {
  await openSettlement();
  const at = new Date();
  await stopNetwork(db.database, { network, reason: 'a stranger', at });
  await stopLane(db.database, { network, sender: GAS_ACCOUNT, reason: 'another', at });
  const report = await diagnose();
  expect(report.exitCode).toBe(1);
  expect(report.complaints).toContain(`fail ${network} signing has stopped: a stranger`);
  expect(report.complaints).toContain(
    `fail ${network} the lane of ${GAS_ACCOUNT} is stopped: another`,
  );
});

test('a worker that is not at work', async () => {
  await openSettlement();
  const quiet = new Date(Date.now() - 3_600_000);
  await db.database.query('UPDATE settlement_networks SET updated_at = $1', [quiet]);
  expect((await diagnose()).complaints).toContain(
    `warn ${network} no final block was noted for 60 minutes`,
  );
});

test('a master key that does not open what was sealed with another', async () => {
  const { businessId } = await createTestBusiness(db.database, { units: 0n });
  const masterKey = Buffer.from('cd'.repeat(32), 'hex');
  const deps = { masterKey, random: systemRandom, clock: systemClock, ids: testIds };
  await getOrCreateWebhookSecrets(db.database, deps, businessId);
  const report = await diagnose();
  expect(report.complaints).toContainEqual(
    `fail - KNIT_MASTER_KEY does not open the webhook secrets of business ${businessId}`,
  );
  const mended = await diagnose({ KNIT_MASTER_KEY: 'cd'.repeat(32) });
  expect(mended.exitCode).toBe(0);
});
