import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { runKnit, type KnitResult } from '../../test/harness/run-knit.ts';
import { authenticateOauthClient } from '../businesses/oauth-client.ts';
import { createApiKeyVerifier } from '../businesses/api-key.ts';
import { isIpListed, listIpRanges } from '../businesses/ip-allow-list.ts';
import { readMigrations } from '../database/migrate.ts';
import { listAccounts } from '../ledger/account.ts';
import { MIGRATIONS_FOLDER } from './require-database.ts';

// One operator, from an empty database to a funded account. The tests build on each other.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.]\d{6}Z$/;
const REFERENCE = '0197a2b4-0000-7000-8000-00000000000a';

let db: TestDatabase;
let env: Record<string, string>;
let versions: number[];
let business = '';
let user = '';

beforeAll(async () => {
  versions = (await readMigrations(MIGRATIONS_FOLDER)).map(({ version }) => version);
  db = await createTestDatabase({ migrated: false });
  env = {
    DATABASE_URL: db.url,
    KNIT_ENVIRONMENT: 'rehearsal',
    KNIT_MASTER_KEY: 'ab'.repeat(32),
    KNIT_WEBHOOK_PRIVATE_TARGETS: '127.0.0.1:8090',
  };
});
afterAll(async () => {
  await db.drop();
});

/** Runs a command that succeeds, and gives the one JSON value that it wrote. */
async function answerOf(...args: string[]): Promise<Record<string, unknown>> {
  return (await jsonOf(...args)) as Record<string, unknown>;
}

async function listOf(...args: string[]): Promise<Record<string, unknown>[]> {
  return (await jsonOf(...args)) as Record<string, unknown>[];
}

async function jsonOf(...args: string[]): Promise<unknown> {
  const result = await runKnit([...args, '--json'], env);
  expect(result).toMatchObject({ exitCode: 0 });
  expect(result.stdout).toMatch(/^[[{].*[\]}]\n$/);
  return JSON.parse(result.stdout);
}

async function refusal(...args: string[]): Promise<KnitResult> {
  const result = await runKnit(args, env);
  expect(result.stderr).toMatch(/^knit: .+\n$/);
  expect(result.stdout).toBe('');
  return result;
}

describe('migrate', () => {
  test('says what is missing and changes nothing', async () => {
    const result = await runKnit(['migrate', '--check', '--json'], env);
    expect(result.exitCode).toBe(1);
    expect(JSON.parse(result.stdout)).toEqual({ missing: versions });
    expect(result.stderr).toMatch(/^knit: the database lacks migrations 1, 2/);
  });

  test('before it every other command names it', async () => {
    const result = await refusal('business', 'list');
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/^knit: DATABASE_URL: .*run "knit migrate"\n$/);
  });

  test('applies what is missing, once', async () => {
    expect(await answerOf('migrate')).toEqual({ applied: versions });
    expect(await answerOf('migrate')).toEqual({ applied: [] });
    expect(await answerOf('migrate', '--check')).toEqual({ missing: [] });
  });
});

test('a database that other files have migrated is refused', async () => {
  const [first] = await db.database.query<{ checksum: string }>(
    `SELECT checksum FROM schema_migrations WHERE version = 1`,
  );
  const set = `UPDATE schema_migrations SET checksum = $1 WHERE version = 1`;
  await db.database.query(set, ['of another version']);
  for (const command of [['migrate'], ['migrate', '--check'], ['business', 'list']]) {
    expect(await refusal(...command)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^knit: DATABASE_URL: migration 1 .* differs/) as string,
    });
  }
  await db.database.query(set, [first?.checksum]);
});

describe('businesses and users', () => {
  test('a business with its first user', async () => {
    expect((await runKnit(['business', 'list'], env)).stdout).toBe('there is no business yet\n');
    const ada = ['--user-email', 'Ada@Example.com', '--user-name', 'Ada'];
    const created = await answerOf('business', 'create', '--name', 'Acme', ...ada);
    expect(created).toEqual({
      businessId: expect.stringMatching(UUID) as string,
      name: 'Acme',
      createdAt: expect.stringMatching(TIME) as string,
      users: [
        {
          businessId: created['businessId'],
          userId: expect.stringMatching(UUID) as string,
          email: 'ada@example.com',
          name: 'Ada',
          createdAt: created['createdAt'],
        },
      ],
    });
    business = String(created['businessId']);
    expect(await answerOf('business', 'show', '--business', business)).toEqual(created);
    const { users, ...listed } = created;
    expect(users).toHaveLength(1);
    expect(await listOf('business', 'list')).toEqual([listed]);
    expect(await listOf('business', 'list', '--after', business)).toEqual([]);
    user = String((users as { userId: string }[])[0]?.userId);
  });

  test('half a user is refused, and so is a taken email', async () => {
    const half = ['business', 'create', '--name', 'Half', '--user-name', 'Bob'];
    expect((await refusal(...half)).exitCode).toBe(2);
    const taken = ['--email', 'ada@example.com', '--name', 'Ada again'];
    const result = await refusal('user', 'create', '--business', business, ...taken);
    expect(result).toMatchObject({
      exitCode: 1,
      stderr: 'knit: The email has already been taken.\n',
    });
    expect(await listOf('business', 'list')).toHaveLength(1);
  });

  test('people read a table', async () => {
    const { stdout } = await runKnit(['business', 'list'], env);
    const [headings = '', row = ''] = stdout.split('\n');
    expect(headings).toMatch(/^BUSINESS {30}CREATED {22}NAME$/);
    expect(row.slice(headings.indexOf('NAME'))).toBe('Acme');
    expect(row.startsWith(business)).toBe(true);
  });
});

describe('credentials', () => {
  test('an API key works, is shown once, and is revoked', async () => {
    const create = ['api-key', 'create', '--business', business, '--name', 'shop'];
    const created = await answerOf(
      ...create,
      '--scope',
      'payouts:read',
      '--scope',
      'payouts:write',
    );
    const { apiKeyId, apiKey } = created as { apiKeyId: string; apiKey: string };
    const verify = createApiKeyVerifier(db.database);
    expect((await verify(apiKey, new Date())).caller).toMatchObject({
      businessId: business,
      userId: user,
      credentialId: apiKeyId,
      scopes: ['payouts:read', 'payouts:write'],
    });
    const { stdout } = await runKnit(create, env);
    expect(stdout).toMatch(/API key {2}knit_key_\S+\n.*shown this once/);
    const [listed] = await listOf('api-key', 'list', '--business', business);
    expect(listed).toMatchObject({ apiKeyId, name: 'shop', userId: user, revokedAt: null });
    expect(JSON.stringify(listed)).not.toContain(apiKey);
    await answerOf('api-key', 'revoke', '--business', business, '--key', apiKeyId);
    await expect(verify(apiKey, new Date())).rejects.toThrow('Invalid API key');
    const [revoked] = await listOf('api-key', 'list', '--business', business);
    expect(revoked?.['revokedAt']).toMatch(TIME);
  });

  test('an OAuth client likewise', async () => {
    const create = ['oauth-client', 'create', '--business', business, '--name', 'batch'];
    const created = await answerOf(...create);
    const credentials = {
      clientId: String(created['clientId']),
      clientSecret: String(created['clientSecret']),
    };
    expect(await authenticateOauthClient(db.database, credentials)).toMatchObject({
      businessId: business,
      scopes: ['*'],
    });
    const list = ['oauth-client', 'list', '--business', business];
    const [listed] = await listOf(...list);
    expect(listed).toMatchObject({ clientId: credentials.clientId, revokedAt: null });
    const id = String(listed?.['oauthClientId']);
    await answerOf('oauth-client', 'revoke', '--business', business, '--client', id);
    expect(await authenticateOauthClient(db.database, credentials)).toBeUndefined();
    expect((await runKnit(list, env)).stdout).toContain(credentials.clientId);
  });

  test('with two users one must be named, and it must be of the business', async () => {
    const second = ['--email', 'bob@example.com', '--name', 'Bob'];
    const bob = await answerOf('user', 'create', '--business', business, ...second);
    const create = ['api-key', 'create', '--business', business, '--name', 'x'];
    expect(await refusal(...create)).toMatchObject({
      exitCode: 2,
      stderr: 'knit: --user: the business has 2 users; name one of them\n',
    });
    expect(await refusal(...create, '--user', business)).toMatchObject({ exitCode: 1 });
    await answerOf(...create, '--user', String(bob['userId']));
  });

  test('a key that expires in the past or has an unknown scope is refused', async () => {
    const create = ['api-key', 'create', '--business', business, '--name', 'x', '--user', user];
    expect((await refusal(...create, '--expires', '2001-01-01T00:00:00Z')).exitCode).toBe(1);
    expect((await refusal(...create, '--scope', 'everything')).exitCode).toBe(1);
    expect((await refusal(...create, '--expires', '2031-01-01')).exitCode).toBe(2);
  });
});

describe('the allow-list', () => {
  const isListed = async (clientIp: string): Promise<boolean> => {
    const ranges = (await listIpRanges(db.database, business)).map(({ range }) => range);
    return isIpListed(ranges, clientIp);
  };

  test('lets in what is on it', async () => {
    const list = ['ip', 'list', '--business', business];
    expect((await runKnit(list, env)).stdout).toBe('the list is empty: it lets nobody in\n');
    const add = ['ip', 'add', '--business', business, '--range'];
    const entry = await answerOf(...add, '203.0.113.0/24', '--label', 'office');
    expect(await isListed('203.0.113.9')).toBe(true);
    expect(await listOf(...list)).toEqual([entry]);
    expect((await refusal(...add, '203.0.113.9/24')).exitCode).toBe(1);
    const remove = ['ip', 'remove', '--business', business, '--entry', String(entry['entryId'])];
    await answerOf(...remove);
    expect(await isListed('203.0.113.9')).toBe(false);
    expect((await refusal(...remove)).exitCode).toBe(1);
  });
});

describe('webhooks', () => {
  test('an endpoint is saved where it is public or allowed, and disabled', async () => {
    const create = ['webhook', 'endpoint', 'create', '--business', business];
    const refused = await refusal(...create, '--url', 'http://127.0.0.1:8091/');
    expect(refused.exitCode).toBe(1);
    const types = ['--event', 'PAYOUT_SUCCESSFUL,PAYOUT_FAILED'];
    const endpoint = await answerOf(...create, '--url', 'http://127.0.0.1:8090/in', ...types);
    expect(endpoint).toMatchObject({
      url: 'http://127.0.0.1:8090/in',
      eventTypes: ['PAYOUT_SUCCESSFUL', 'PAYOUT_FAILED'],
      disabledAt: null,
    });
    const id = String(endpoint['endpointId']);
    await answerOf('webhook', 'endpoint', 'disable', '--business', business, '--endpoint', id);
    const [listed] = await listOf('webhook', 'endpoint', 'list', '--business', business);
    expect(listed).toMatchObject({
      endpointId: id,
      disabledAt: expect.stringMatching(TIME) as string,
    });
  });

  test('the secret is shown, rotated, switched and ended', async () => {
    const secret = async (verb: string): Promise<Record<string, unknown>> =>
      await answerOf('webhook', 'secret', verb, '--business', business);
    const first = await secret('show');
    expect(first).toEqual({
      businessId: business,
      current: expect.stringMatching(/^whsec_/) as string,
      retiring: null,
    });
    const rotated = await secret('rotate');
    expect(rotated).toMatchObject({
      retiring: {
        secret: first['current'],
        retiresAt: expect.stringMatching(TIME) as string,
        makesXSignature: true,
      },
    });
    expect(rotated['current']).not.toBe(first['current']);
    const again = await refusal('webhook', 'secret', 'rotate', '--business', business);
    expect(again.exitCode).toBe(1);
    expect(await secret('switch')).toMatchObject({ retiring: { makesXSignature: false } });
    expect(await secret('end-rotation')).toEqual({
      businessId: business,
      current: rotated['current'],
      retiring: null,
    });
    const key = { ...env, KNIT_MASTER_KEY: 'cd'.repeat(32) };
    const wrong = await runKnit(['webhook', 'secret', 'show', '--business', business], key);
    expect(wrong).toMatchObject({ exitCode: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/^knit: KNIT_MASTER_KEY: /);
  });
});

describe('money', () => {
  const credit = ['wallet', 'credit', '--token', 'USDT', '--amount', '1000.5'];
  const moneyOf = (...args: string[]): string[] => [...args, '--business', business];
  const confirmed = ['--confirm', 'rehearsal'];

  async function balances(): Promise<Record<string, bigint>> {
    const accounts = await listAccounts(db.database, business);
    return Object.fromEntries(accounts.map(({ kind, balanceUnits }) => [kind, balanceUnits]));
  }

  test('is not moved without the name of the environment', async () => {
    const unasked = await runKnit(moneyOf(...credit), env);
    expect(unasked).toMatchObject({ exitCode: 4, stdout: '' });
    expect(unasked.stderr).toMatch(/knit: not confirmed, nothing was done: without a terminal/);
    const wrong = await runKnit(moneyOf(...credit, '--confirm', 'production'), env);
    expect(wrong).toMatchObject({ exitCode: 4, stdout: '' });
    const typo = await runKnit(moneyOf(...credit), env, { typed: 'rehersal' });
    expect(typo).toMatchObject({ exitCode: 4, stdout: '' });
    const typedBeside = moneyOf(...credit, '--confirm', 'production');
    expect((await runKnit(typedBeside, env, { typed: 'rehearsal' })).exitCode).toBe(4);
    expect(await balances()).toEqual({});
  });

  test('says where and how much before it asks', async () => {
    const { stderr } = await runKnit(moneyOf(...credit, '--reference', REFERENCE), env, {
      typed: 'no',
    });
    const { host, pathname } = new URL(db.url);
    expect(stderr).toContain('environment  rehearsal\n');
    expect(stderr).toContain(`database     ${host}${pathname}\n`);
    expect(stderr).toContain(`business     Acme (${business})\n`);
    expect(stderr).toContain('amount       1000.5 USDT\n');
    expect(stderr).toContain(`reference    ${REFERENCE}\n`);
    expect(stderr).toContain("Type the environment's name (rehearsal) to go on: ");
  });

  test('a credit moves money once a reference', async () => {
    const order = moneyOf(...credit, '--reference', REFERENCE);
    const first = await runKnit([...order, '--json'], env, { typed: 'rehearsal' });
    expect(first.exitCode).toBe(0);
    const expected = { businessId: business, token: 'USDT', amount: '1000.5' };
    expect(JSON.parse(first.stdout)).toEqual({
      ...expected,
      reference: REFERENCE,
      outcome: 'moved',
    });
    expect(await answerOf(...order, ...confirmed)).toMatchObject({ outcome: 'repeated' });
    const again = await runKnit([...order, ...confirmed], env);
    expect(again.stdout).toBe(`already done\nreference  ${REFERENCE}\n`);
    const other = moneyOf('wallet', 'credit', '--token', 'USDT', '--amount', '1');
    const reused = await runKnit([...other, '--reference', REFERENCE, ...confirmed], env);
    expect(reused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await balances()).toMatchObject({ BUSINESS_WALLET: 1000_500000000000000000n });
    expect(await listOf('wallet', 'list', '--business', business)).toEqual([
      { token: 'USDT', balance: '1000.5' },
    ]);
  });

  test('without a reference each order is a new one, and it is shown', async () => {
    const order = moneyOf('wallet', 'credit', '--token', 'USDT', '--amount', '1', ...confirmed);
    const one = await answerOf(...order);
    const two = await answerOf(...order);
    expect(one['reference']).toMatch(UUID);
    expect(two['reference']).not.toBe(one['reference']);
    expect(await balances()).toMatchObject({ BUSINESS_WALLET: 1002_500000000000000000n });
  });

  test('an account is opened and funded', async () => {
    const fund = moneyOf('account', 'fund', '--token', 'USDT');
    expect(await runKnit([...fund, '--amount', '1', ...confirmed], env)).toMatchObject({
      exitCode: 1,
      stderr: 'knit: Wallet not found for the specified token\n',
    });
    const create = moneyOf('account', 'create', '--token', 'USDT', '--user', user);
    const account = await answerOf(...create);
    expect(account).toMatchObject({ token: 'USDT', balance: '0', held: '0', available: '0' });
    expect((await refusal(...create)).exitCode).toBe(1);
    const short = await runKnit(
      [...fund, '--amount', '1002.500000000000000001', ...confirmed],
      env,
    );
    expect(short).toMatchObject({ exitCode: 1, stdout: '' });
    expect(short.stderr).toMatch(/\nknit: Insufficient balance\n$/);
    await answerOf(...fund, '--amount', '1000.000000000000000001', ...confirmed);
    expect(await listOf('account', 'list', '--business', business)).toEqual([
      { ...account, balance: '1000.000000000000000001', available: '1000.000000000000000001' },
    ]);
  });

  test.each(['0', '-1', '1e30', '0.0000000000000000001', 'ten', '1,000', '0x10', ''])(
    'the amount "%s" is refused',
    async (amount) => {
      const order = moneyOf('wallet', 'credit', '--token', 'USDT', `--amount=${amount}`);
      const result = await refusal(...order, ...confirmed);
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toContain('--amount');
    },
  );

  test('the books balance, and say so if they do not', async () => {
    expect(await answerOf('books', 'check')).toEqual({
      balanced: true,
      checkedBusinesses: 1,
      problems: [],
      settlement: { problems: [], notCompared: [] },
    });
    await db.database.query(
      `UPDATE ledger_accounts SET balance_units = balance_units + 1
       WHERE business_id = $1 AND kind = 'BUSINESS_WALLET'`,
      [business],
    );
    const wrong = await runKnit(['books', 'check', '--business', business, '--json'], env);
    expect(wrong).toMatchObject({ exitCode: 1, stderr: 'knit: the books do not balance\n' });
    const { balanced, problems } = JSON.parse(wrong.stdout) as Record<string, unknown>;
    expect(balanced).toBe(false);
    expect(problems).toContainEqual({
      businessId: business,
      problem: 'BUSINESS_WALLET USDT: balance less transfers is 1 units',
    });
  });
});

test('what is of no business is not found', async () => {
  const stranger = ['--business', '0197a2b4-0000-7000-8000-000000000000'];
  for (const command of [
    ['business', 'show'],
    ['api-key', 'list'],
    ['oauth-client', 'list'],
    ['ip', 'list'],
    ['webhook', 'endpoint', 'list'],
    ['webhook', 'secret', 'show'],
    ['webhook', 'events'],
    ['wallet', 'list'],
    ['account', 'list'],
    ['books', 'check'],
    ['payout', 'show', '--payout', business],
    ['wallet', 'credit', '--token', 'USDT', '--amount', '1', '--confirm', 'rehearsal'],
  ]) {
    const result = await refusal(...command, ...stranger);
    expect([command, result.exitCode, result.stderr]).toEqual([
      command,
      1,
      'knit: Business not found\n',
    ]);
  }
});
