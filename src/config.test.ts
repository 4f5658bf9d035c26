import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  accessOf,
  ConfigProblem,
  readApiConfig,
  readDatabaseConfig,
  readMasterKey,
  readPrivateTargets,
  readSandboxConfig,
  readWorkerConfig,
  type Environment,
} from './config.ts';

const KEY = 'ab'.repeat(32);
const MNEMONIC = 'test test test test test test test test test test test junk';
const FULL: Environment = {
  DATABASE_URL: 'postgres://knit:SECRET@db.example.com:5432/knit',
  KNIT_MASTER_KEY: KEY,
  KNIT_NETWORKS: 'MATIC_MAINNET',
  KNIT_RPC_MATIC_MAINNET: 'https://one.example.com/SECRET, https://two.example.com',
  KNIT_TREASURY_MNEMONIC: MNEMONIC,
};

const folder = mkdtempSync(join(tmpdir(), 'knit-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

function problemOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigProblem);
    return (error as ConfigProblem).message;
  }
  throw new Error('it was taken');
}

describe('what is given is read', () => {
  test('the least that the API needs, with the defaults', () => {
    const config = readApiConfig(FULL);
    expect(config).toMatchObject({
      databaseUrl: FULL['DATABASE_URL'],
      databaseConnections: 10,
      environmentName: 'production',
      logLevel: 'info',
      host: '127.0.0.1',
      port: 3000,
      trustedProxies: [],
      requestsPerSecond: 1000,
      maxRequestsInFlight: 1000,
      maxConnections: 10_000,
      stopDelayMs: 0,
      metricsHost: '127.0.0.1',
      metricsPort: undefined,
      enabledNetworks: ['MATIC_MAINNET'],
    });
    expect(Buffer.from(config.masterKey).toString('hex')).toBe(KEY);
    expect(config.rpcUrls.get('MATIC_MAINNET')).toEqual([
      'https://one.example.com/SECRET',
      'https://two.example.com',
    ]);
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('everything of the API', () => {
    const config = readApiConfig({
      ...FULL,
      KNIT_DATABASE_CONNECTIONS: '3',
      KNIT_ENVIRONMENT: 'staging-2',
      KNIT_LOG_LEVEL: 'warn',
      KNIT_HOST: '::1',
      PORT: '0',
      KNIT_TRUSTED_PROXIES: '10.0.0.0/8, 2001:DB8::1',
      KNIT_REQUESTS_PER_SECOND: '0',
      KNIT_MAX_REQUESTS_IN_FLIGHT: '50',
      KNIT_MAX_CONNECTIONS: '60',
      KNIT_STOP_DELAY_MS: '5000',
      KNIT_METRICS_HOST: '::',
      KNIT_METRICS_PORT: '9464',
    });
    expect(config).toMatchObject({
      databaseConnections: 3,
      environmentName: 'staging-2',
      logLevel: 'warn',
      host: '::1',
      port: 0,
      trustedProxies: ['10.0.0.0/8', '2001:db8::1'],
      requestsPerSecond: 0,
      maxRequestsInFlight: 50,
      maxConnections: 60,
      stopDelayMs: 5000,
      metricsHost: '::',
      metricsPort: 9464,
    });
  });

  test('what the worker needs besides', () => {
    const targets = '127.0.0.1:8090,[::1]:80';
    const config = readWorkerConfig({ ...FULL, KNIT_WEBHOOK_PRIVATE_TARGETS: targets });
    expect(config.treasuryMnemonic).toBe(MNEMONIC);
    expect(config.allowedPrivateTargets).toEqual(['127.0.0.1:8090', '[::1]:80']);
    expect(config.gasAccounts).toBe(4);
    expect(readWorkerConfig({ ...FULL, KNIT_GAS_ACCOUNTS: '16' }).gasAccounts).toBe(16);
    expect(config.bitcoinAddressType).toBe('p2tr');
    const segwit = { ...FULL, KNIT_BITCOIN_ADDRESS_TYPE: 'p2wpkh' };
    expect(readWorkerConfig(segwit).bitcoinAddressType).toBe('p2wpkh');
  });

  test('how deep a final block on Bitcoin lies', () => {
    expect(readApiConfig(FULL).bitcoinConfirmations).toBe(6);
    const env = { ...FULL, KNIT_BITCOIN_CONFIRMATIONS: '1' };
    expect(readWorkerConfig(env).bitcoinConfirmations).toBe(1);
  });

  test('how one network is reached', () => {
    const config = readApiConfig({ ...FULL, KNIT_BITCOIN_CONFIRMATIONS: '3' });
    expect(accessOf(config, 'MATIC_MAINNET')).toEqual({
      registry: config.registry,
      rpcUrls: config.rpcUrls.get('MATIC_MAINNET'),
      bitcoinConfirmations: 3,
    });
    expect(() => accessOf(config, 'BSC_MAINNET')).toThrow('RPC URLs of BSC_MAINNET');
  });

  test('a network that is named twice is one', () => {
    const config = readApiConfig({ ...FULL, KNIT_NETWORKS: 'MATIC_MAINNET,MATIC_MAINNET' });
    expect(config.enabledNetworks).toEqual(['MATIC_MAINNET']);
  });

  test('a registry file takes the place of the built-in entry', () => {
    const address = '0x00000000000000000000000000000000000000AA';
    const content = JSON.stringify({
      MATIC_MAINNET: { chainId: 31_337, tokens: { USDT: { address, decimals: 6 } } },
    });
    const config = readApiConfig({ ...FULL, KNIT_ASSETS_FILE: fileWith('assets.json', content) });
    expect(config.registry.network('MATIC_MAINNET').chainId).toBe(31_337);
    expect(config.registry.asset('MATIC_MAINNET', 'USDC')).toBeUndefined();
  });

  test('the sandbox needs nothing', () => {
    expect(readSandboxConfig({})).toMatchObject({ port: 3000, folder: '.knit' });
    expect(readSandboxConfig({ KNIT_SANDBOX_NETWORKS: 'BSC_MAINNET' }).networks).toEqual([
      'BSC_MAINNET',
    ]);
  });
});

describe('a missing setting stops the start', () => {
  test.each([
    ['DATABASE_URL', readApiConfig],
    ['KNIT_MASTER_KEY', readApiConfig],
    ['KNIT_RPC_MATIC_MAINNET', readApiConfig],
    ['DATABASE_URL', readWorkerConfig],
    ['KNIT_MASTER_KEY', readWorkerConfig],
    ['KNIT_RPC_MATIC_MAINNET', readWorkerConfig],
    ['KNIT_TREASURY_MNEMONIC', readWorkerConfig],
  ])('%s for %o', (name, read) => {
    const line = `${name}: is not set (nor is ${name}_FILE)`;
    expect(problemOf(() => read({ ...FULL, [name]: undefined }))).toBe(line);
    expect(problemOf(() => read({ ...FULL, [name]: '' }))).toBe(line);
  });

  test('every enabled network needs its RPC URLs', () => {
    const problem = problemOf(() => readApiConfig({ ...FULL, KNIT_NETWORKS: undefined }));
    expect(problem).toMatch(/^KNIT_RPC_BITCOIN_MAINNET: is not set/);
  });
});

describe('a wrong setting stops the start with one line that names it and keeps its secret', () => {
  test.each([
    ['DATABASE_URL', 'mysql://knit:SECRET@db/knit'],
    ['DATABASE_URL', 'postgres://knit:SECRET@db:port/knit'],
    ['KNIT_DATABASE_CONNECTIONS', '0'],
    ['KNIT_DATABASE_CONNECTIONS', '1.5'],
    ['KNIT_DATABASE_CONNECTIONS', 'ten'],
    ['KNIT_ENVIRONMENT', 'two words'],
    ['KNIT_ENVIRONMENT', 'x'.repeat(65)],
    ['KNIT_LOG_LEVEL', 'loud'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '0x50'],
    ['KNIT_MASTER_KEY', `SECRET${KEY}`],
    ['KNIT_MASTER_KEY', KEY.slice(2)],
    ['KNIT_NETWORKS', 'DOGE_MAINNET'],
    ['KNIT_RPC_MATIC_MAINNET', 'ws://node.example.com/SECRET'],
    ['KNIT_RPC_MATIC_MAINNET', 'https://node.example.com/SECRET,'.repeat(2) + 'SECRET'],
    ['KNIT_RPC_MATIC_MAINNET', ' , '],
    [
      'KNIT_RPC_MATIC_MAINNET',
      'https://node.example.com/SECRET,https://NODE.example.com:443/SECRET',
    ],
    ['KNIT_TRUSTED_PROXIES', 'everybody'],
    ['KNIT_TRUSTED_PROXIES', '10.0.0.1/8'],
    ['KNIT_TRUSTED_PROXIES', '0.0.0.0/0'],
    ['KNIT_TRUSTED_PROXIES', '::/0'],
    ['KNIT_REQUESTS_PER_SECOND', '-5'],
    ['KNIT_MAX_REQUESTS_IN_FLIGHT', '0'],
    ['KNIT_MAX_CONNECTIONS', 'many'],
    ['KNIT_ASSETS_FILE', '/does/not/exist.json'],
  ])('%s %s', (name, value) => {
    expectPlainProblem(name, () => readApiConfig({ ...FULL, [name]: value }));
  });

  test.each(['0', '17', '-1', 'four'])('KNIT_GAS_ACCOUNTS %s', (value) => {
    const env = { ...FULL, KNIT_GAS_ACCOUNTS: value };
    expectPlainProblem('KNIT_GAS_ACCOUNTS', () => readWorkerConfig(env));
  });

  test.each([
    ['KNIT_BITCOIN_ADDRESS_TYPE', 'p2pkh'],
    ['KNIT_BITCOIN_ADDRESS_TYPE', 'P2TR'],
    ['KNIT_BITCOIN_CONFIRMATIONS', '0'],
    ['KNIT_BITCOIN_CONFIRMATIONS', '101'],
    ['KNIT_BITCOIN_CONFIRMATIONS', 'six'],
  ])('%s %s for the worker', (name, value) => {
    expectPlainProblem(name, () => readWorkerConfig({ ...FULL, [name]: value }));
  });

  test.each(['127.0.0.1', 'http://127.0.0.1:80', 'user@host:80', 'host:', '[::1]'])(
    'KNIT_WEBHOOK_PRIVATE_TARGETS %s',
    (value) => {
      const env = { ...FULL, KNIT_WEBHOOK_PRIVATE_TARGETS: value };
      expectPlainProblem('KNIT_WEBHOOK_PRIVATE_TARGETS', () => readWorkerConfig(env));
    },
  );

  test('KNIT_ASSETS_FILE with content that is no registry', () => {
    const path = fileWith('wrong.json', '{"MATIC_MAINNET":\n{"chainId":1,"tokens":{}}}');
    const env = { ...FULL, KNIT_ASSETS_FILE: path };
    expectPlainProblem('KNIT_ASSETS_FILE', () => readApiConfig(env));
  });

  test('KNIT_SANDBOX_NETWORKS', () => {
    const env = { KNIT_SANDBOX_NETWORKS: 'SOLANA' };
    expectPlainProblem('KNIT_SANDBOX_NETWORKS', () => readSandboxConfig(env));
  });

  function expectPlainProblem(name: string, read: () => unknown): void {
    const problem = problemOf(read);
    expect(problem.startsWith(`${name}: `)).toBe(true);
    expect(problem).not.toContain('\n');
    expect(problem).not.toContain('SECRET');
    expect(problem).not.toContain(KEY.slice(2));
  }
});

describe('NAME_FILE', () => {
  test('holds the value, without the white space around it', () => {
    const path = fileWith('key', `${KEY}\n`);
    const key = readMasterKey({ KNIT_MASTER_KEY_FILE: path });
    expect(Buffer.from(key).toString('hex')).toBe(KEY);
  });

  test.each([
    ['DATABASE_URL', 'postgres://knit@db.example.com/other', 'databaseUrl'],
    ['KNIT_TREASURY_MNEMONIC', 'other words', 'treasuryMnemonic'],
    ['KNIT_ENVIRONMENT', 'from-a-file', 'environmentName'],
  ] as const)('%s', (name, value, property) => {
    const env = { ...FULL, [name]: undefined, [`${name}_FILE`]: fileWith(name, `  ${value}\n`) };
    expect(readWorkerConfig(env)[property]).toBe(value);
  });

  test('an RPC URL with a key', () => {
    const path = fileWith('rpc', 'https://node.example.com/key\n');
    const env = { ...FULL, KNIT_RPC_MATIC_MAINNET: '', KNIT_RPC_MATIC_MAINNET_FILE: path };
    expect(readApiConfig(env).rpcUrls.get('MATIC_MAINNET')).toEqual([
      'https://node.example.com/key',
    ]);
  });

  test('beside NAME is refused, and neither value is shown', () => {
    const env = { KNIT_MASTER_KEY: KEY, KNIT_MASTER_KEY_FILE: fileWith('two', 'cd'.repeat(32)) };
    expect(problemOf(() => readMasterKey(env))).toBe(
      'KNIT_MASTER_KEY: is set twice, as KNIT_MASTER_KEY and as KNIT_MASTER_KEY_FILE',
    );
  });

  test('that cannot be read', () => {
    const path = join(folder, 'missing');
    const problem = problemOf(() => readMasterKey({ KNIT_MASTER_KEY_FILE: path }));
    expect(problem).toMatch(/^KNIT_MASTER_KEY_FILE: ENOENT/);
  });

  test('that is empty counts as not set', () => {
    const env = { KNIT_MASTER_KEY_FILE: fileWith('empty', '\n') };
    expect(problemOf(() => readMasterKey(env))).toMatch(/^KNIT_MASTER_KEY: is not set/);
  });
});

test('the settings of the API never touch the mnemonic', () => {
  const touched: string[] = [];
  const guarded = new Proxy(FULL, {
    get: (env, name) => {
      if (String(name).startsWith('KNIT_TREASURY_MNEMONIC')) touched.push(String(name));
      return Reflect.get(env, name) as unknown;
    },
    ownKeys: () => {
      throw new Error('the environment is not listed');
    },
  });
  readApiConfig(guarded);
  expect(touched).toEqual([]);
  readWorkerConfig(guarded);
  expect(touched).toEqual(['KNIT_TREASURY_MNEMONIC', 'KNIT_TREASURY_MNEMONIC_FILE']);
});

test('each reader reads its own settings', () => {
  expect(readDatabaseConfig({ DATABASE_URL: 'postgresql:///knit?host=/run/postgresql' })).toEqual({
    databaseUrl: 'postgresql:///knit?host=/run/postgresql',
    databaseConnections: 10,
    environmentName: 'production',
    logLevel: 'info',
  });
  expect(readPrivateTargets({})).toEqual([]);
});
