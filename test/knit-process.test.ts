import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { spawnKnit } from './harness/run-knit.ts';

// What only real processes can show: streams, exit codes, signals, and what is loaded.

const MASTER_KEY = 'ab'.repeat(32);
const MNEMONIC = 'test test test test test test test test test test test junk';
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let db: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  env = {
    DATABASE_URL: db.url,
    KNIT_MASTER_KEY: MASTER_KEY,
    KNIT_NETWORKS: 'BSC_MAINNET',
    KNIT_RPC_BSC_MAINNET: 'http://127.0.0.1:1/rpc-secret',
    KNIT_TREASURY_MNEMONIC: MNEMONIC,
    PORT: '0',
  };
});
afterAll(async () => {
  await db.drop();
});

test('migrate, then a question, then a refusal', async () => {
  const migrated = await spawnKnit(['migrate', '--json'], env);
  expect(migrated).toMatchObject({ exitCode: 0, stderr: '' });
  expect(migrated.stdout).toMatch(/^\{"applied":\[1,[\d,]+\]\}\n$/);
  const listed = await spawnKnit(['business', 'list', '--json'], env);
  expect(listed).toEqual({ exitCode: 0, stdout: '[]\n', stderr: '' });
  const business = '0197a2b4-0000-7000-8000-000000000000';
  const credit = ['wallet', 'credit', '--business', business, '--token', 'USDT', '--amount', '1'];
  expect(await spawnKnit(credit, env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'knit: Business not found\n',
  });
});

test('a missing setting and a server that is not there', async () => {
  expect(await spawnKnit(['api'], { ...env, DATABASE_URL: '' })).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: 'knit: DATABASE_URL: is not set (nor is DATABASE_URL_FILE)\n',
  });
  const down = { ...env, DATABASE_URL: 'postgres://knit:db-secret@127.0.0.1:1/knit' };
  const result = await spawnKnit(['business', 'list'], down);
  expect(result).toMatchObject({ exitCode: 3, stdout: '' });
  expect(result.stderr).toMatch(/^knit: the database could not be reached: .*ECONNREFUSED.*\n$/);
  expect(result.stderr).not.toContain('db-secret');
});

/** Writes the URL of each module that is loaded to standard error. */
const SHOW_LOADED = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  import { writeSync } from 'node:fs';
  registerHooks({ load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context); } });
`)}`;

describe('the API process', () => {
  const CAN_SIGN = /src\/treasury\/|src\/networks\/\w+\/[^/]*driver|settlement\/submit/;

  test('loads nothing that can sign, and the worker does', async () => {
    const down = { ...env, DATABASE_URL: 'postgres://127.0.0.1:1/knit' };
    const nodeArgs = ['--import', SHOW_LOADED];
    const [api, worker] = await Promise.all([
      spawnKnit(['api'], down, { nodeArgs }),
      spawnKnit(['worker'], down, { nodeArgs }),
    ]);
    const loaded = (stderr: string): string[] =>
      stderr.split('\n').filter((line) => line.startsWith('loaded '));
    expect(api.exitCode).toBe(3);
    expect(loaded(api.stderr).some((line) => line.includes('/src/http/server.ts'))).toBe(true);
    expect(loaded(api.stderr).filter((line) => CAN_SIGN.test(line))).toEqual([]);
    expect(worker.exitCode).toBe(3);
    expect(loaded(worker.stderr).filter((line) => CAN_SIGN.test(line))).not.toEqual([]);
  });
});

describe.each([
  ['api', 'api listens'],
  ['worker', 'worker runs'],
])('knit %s', (command, ready) => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s stops it cleanly', async (signal) => {
    const child = spawn(process.execPath, [MAIN, command], {
      env: { ...env, KNIT_LOG_LEVEL: 'debug' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let isSent = false;
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
      if (isSent || !output.includes(ready)) return;
      isSent = true;
      // Twice, as a process group and a parent that passes it on send it.
      child.kill(signal);
      child.kill(signal);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    expect([exitCode, isSent]).toEqual([0, true]);
    const password = new URL(db.url).password;
    for (const secret of [MASTER_KEY, MNEMONIC, 'rpc-secret', ...(password ? [password] : [])]) {
      expect(output).not.toContain(secret);
    }
  });
});

test('a wrong mnemonic is named and not shown', async () => {
  const wrong = { ...env, KNIT_TREASURY_MNEMONIC: 'twelve words that are no mnemonic' };
  expect(await spawnKnit(['worker'], wrong)).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: 'knit: KNIT_TREASURY_MNEMONIC: is not a BIP-39 mnemonic in English\n',
  });
});
