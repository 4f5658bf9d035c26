import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../src/base/assert.ts';
import { createDatabase } from '../src/database/database.ts';
import { checkBooks } from '../src/ledger/check-books.ts';
import { NETWORK_IDS, type NetworkId } from '../src/money/asset.ts';
import { independentClient } from './harness/independent-clients.ts';
import { runKnit, type KnitResult } from './harness/run-knit.ts';
import { startSandbox, type RunningSandbox } from './harness/sandbox.ts';

// The whole sandbox, as one who has just cloned it meets it: a payout on each network, its webhook, and
// the money counted on the chain by somebody else's client.

let sandbox: RunningSandbox;
let env: Record<string, string>;

beforeAll(async () => {
  sandbox = await startSandbox();
  const text = await readFile(join(sandbox.folder, 'sandbox.env'), 'utf8');
  env = parseEnv(text) as Record<string, string>;
}, 120_000);
afterAll(async () => {
  await sandbox.close();
});

interface Answer {
  readonly status: number;
  readonly errors?: Readonly<Record<string, readonly string[]>>;
  readonly data: Readonly<Record<string, unknown>> | null;
}

async function order(fields: Readonly<Record<string, unknown>>): Promise<Answer> {
  const response = await fetch(`${sandbox.file.baseUrl}/api/v1/payouts`, {
    method: 'POST',
    headers: { 'X-API-KEY': sandbox.file.apiKey },
    body: JSON.stringify(fields),
  });
  return (await response.json()) as Answer;
}

async function get(path: string): Promise<Answer> {
  const headers = { 'X-API-KEY': sandbox.file.apiKey };
  return (await (await fetch(`${sandbox.file.baseUrl}${path}`, { headers })).json()) as Answer;
}

/** Waits until the payout is COMPLETED or FAILED. */
async function untilFinal(id: unknown): Promise<Readonly<Record<string, unknown>>> {
  for (;;) {
    const { data } = await get(`/api/v1/payouts/${String(id)}`);
    const payout = present(data, 'the payout is there');
    if (payout['status'] === 'COMPLETED' || payout['status'] === 'FAILED') return payout;
    await pause(250);
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function deliveredFor(id: unknown): Promise<Readonly<Record<string, unknown>>> {
  for (;;) {
    const deliveries = (await (await fetch(sandbox.file.webhookInbox)).json()) as {
      readonly rawBody: string;
    }[];
    const bodies = deliveries.map(
      ({ rawBody }) => JSON.parse(rawBody) as { payout: { id: string } },
    );
    const found = bodies.find(({ payout }) => payout.id === id);
    if (found !== undefined) return found;
    await pause(100);
  }
}

function chainOf(network: NetworkId): RunningSandbox['file']['networks'][string] {
  return present(sandbox.file.networks[network], `${network} is in the sandbox`);
}

/** Tells the local chain of a network something: not a thing that a real one could be told. */
async function control(network: NetworkId, what: string, body: object): Promise<void> {
  const url = `${chainOf(network).rpcUrl}/control/${what}`;
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  expect([what, response.status, await response.text()]).toEqual([what, 200, expect.anything()]);
}

async function knit(...args: readonly string[]): Promise<KnitResult> {
  return await runKnit(args, env);
}

it('has a chain, a treasury and a recipient for each network', () => {
  const { networks } = sandbox.file;
  expect(Object.keys(networks).sort()).toEqual([...NETWORK_IDS].sort());
  const chainIds = Object.fromEntries(NETWORK_IDS.map((id) => [id, chainOf(id).chainId]));
  expect(chainIds).toEqual({
    BITCOIN_MAINNET: null,
    ETHEREUM_MAINNET: 1,
    MATIC_MAINNET: 137,
    TRON_MAINNET: null,
    BSC_MAINNET: 56,
    SOL_MAINNET: null,
  });
  const tokens = NETWORK_IDS.map((id) => Object.keys(chainOf(id).tokens).join());
  const stable = 'USDT,USDC';
  expect(tokens).toEqual(['BTC', stable, stable, 'USDT', stable, stable]);
  for (const id of NETWORK_IDS) {
    expect(sandbox.printed()).toContain(id);
    expect(sandbox.printed()).toContain(chainOf(id).sampleAddress);
  }
});

describe.concurrent('a payout, to the last digit, with its webhook', () => {
  it.for<[NetworkId, string, string, bigint]>([
    ['BITCOIN_MAINNET', 'BTC', '0.00012345', 12_345n],
    ['ETHEREUM_MAINNET', 'USDT', '1.500001', 1_500_001n],
    ['MATIC_MAINNET', 'USDC', '7', 7_000_000n],
    ['TRON_MAINNET', 'USDT', '2.345678', 2_345_678n],
    ['BSC_MAINNET', 'USDC', '0.123456789012345678', 123_456_789_012_345_678n],
    ['SOL_MAINNET', 'USDT', '0.02', 20_000n],
    ['SOL_MAINNET', 'USDC', '3.000003', 3_000_003n],
  ])(
    '%s %s %s',
    { timeout: 120_000 },
    async ([network, token, amount, units], { expect: check }) => {
      const client = independentClient(network, chainOf(network));
      const toAddress = await client.freshRecipient();
      check(await client.unitsOf(token, toAddress)).toBe(0n);
      const created = await order({ network, token, amount, toAddress });
      check([created.status, created.errors]).toEqual([201, undefined]);
      // The API process asks the chain as well, without a key.
      const asked = await get(`/api/v1/payouts/${String(created.data?.['id'])}/status`);
      check(asked.status).toBe(200);
      const payout = await untilFinal(created.data?.['id']);
      check(payout).toMatchObject({ status: 'COMPLETED', network, token, toAddress, info: null });
      check(await client.unitsOf(token, toAddress)).toBe(units);
      check(await deliveredFor(payout['id'])).toMatchObject({
        eventType: 'PAYOUT_SUCCESSFUL',
        payout: { id: payout['id'], network, token, amount, toAddress, status: 'COMPLETED' },
      });
    },
  );
});

describe('what is refused before anything is taken in', () => {
  const solana = 'CNHejD3Fm1dH34xvwKgSiyAEVRaUzbQSe5GLwUD5usQU';
  const tron = 'THsXYQfHJKrEuziUbCZoZ1YLqZmzEZ3suL';
  const bitcoin = 'bc1qchfye9hha2rq6hmtgm4u4gm90wnuwg96e6rud7';
  const evm = '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b';

  it.each<[NetworkId, string, string, string]>([
    ['TRON_MAINNET', "Ethereum's address", 'toAddress', evm],
    ['TRON_MAINNET', "Bitcoin's address", 'toAddress', '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2'],
    ['TRON_MAINNET', 'a character changed', 'toAddress', tron.replace('sXY', 'sXZ')],
    [
      'TRON_MAINNET',
      'the address that nobody has',
      'toAddress',
      'T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb',
    ],
    ['SOL_MAINNET', "Tron's address", 'toAddress', tron],
    ['SOL_MAINNET', 'a program', 'toAddress', 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA'],
    ['SOL_MAINNET', "Ethereum's address", 'toAddress', evm],
    [
      'BITCOIN_MAINNET',
      'another network of its own',
      'toAddress',
      'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx',
    ],
    ['BITCOIN_MAINNET', 'mixed letters', 'toAddress', bitcoin.replace('bc1qch', 'bc1qCH')],
    ['BITCOIN_MAINNET', "Solana's address", 'toAddress', solana],
    ['MATIC_MAINNET', "Tron's address", 'toAddress', tron],
    ['BITCOIN_MAINNET', 'dust', 'amount', '0.00000999'],
    ['BITCOIN_MAINNET', 'nine decimals', 'amount', '0.000123456'],
    ['TRON_MAINNET', 'seven decimals', 'amount', '1.0000001'],
    ['SOL_MAINNET', 'seven decimals', 'amount', '1.0000001'],
    ['SOL_MAINNET', 'less than the least', 'amount', '0.009999'],
    ['BITCOIN_MAINNET', 'a token of other networks', 'token', 'USDT'],
    ['TRON_MAINNET', "Bitcoin's coin", 'token', 'BTC'],
    ['TRON_MAINNET', 'a token that its issuer has withdrawn', 'token', 'USDC'],
  ])('%s: %s', async (network, _, field, value) => {
    const token = network === 'BITCOIN_MAINNET' ? 'BTC' : 'USDT';
    const toAddress = chainOf(network).sampleAddress;
    const answer = await order({ network, token, amount: '1', toAddress, [field]: value });
    expect([answer.status, Object.keys(answer.errors ?? {})]).toEqual([422, [field]]);
  });

  it.each(NETWORK_IDS)('%s: our own treasury, and the contract of a token', async (network) => {
    const { treasury, tokens } = chainOf(network);
    for (const [token, { address }] of Object.entries(tokens)) {
      const own = await order({ network, token, amount: '1', toAddress: treasury });
      expect([own.status, own.errors]).toEqual([
        422,
        { toAddress: ["The to address is one of the platform's own wallets."] },
      ]);
      if (address === null) continue;
      const contract = await order({ network, token, amount: '1', toAddress: address });
      expect([contract.status, Object.keys(contract.errors ?? {})]).toEqual([422, ['toAddress']]);
    }
  });
});

describe('what only the chain can tell', () => {
  it('a recipient on Tron whom the issuer has blacklisted', { timeout: 60_000 }, async () => {
    const { tokens, rpcUrl } = chainOf('TRON_MAINNET');
    const client = independentClient('TRON_MAINNET', chainOf('TRON_MAINNET'));
    const toAddress = await client.freshRecipient();
    const token = present(tokens['USDT']?.address, `USDT lives at ${rpcUrl}`);
    await control('TRON_MAINNET', 'setBlacklisted', {
      token,
      address: toAddress,
      blacklisted: true,
    });
    // In force from the next block on, and proven when that is solidified.
    await pause(6_000);
    const fields = { network: 'TRON_MAINNET', token: 'USDT', amount: '1', toAddress };
    const payout = await untilFinal((await order(fields)).data?.['id']);
    expect(payout).toMatchObject({ status: 'FAILED', transactionHash: null });
    expect(payout['info']).toMatch(/blacklist/i);
    expect(await client.unitsOf('USDT', toAddress)).toBe(0n);
  });

  it('a recipient on Solana whose token account is frozen', { timeout: 60_000 }, async () => {
    const client = independentClient('SOL_MAINNET', chainOf('SOL_MAINNET'));
    const toAddress = await client.freshRecipient();
    const fields = { network: 'SOL_MAINNET', token: 'USDT', amount: '1', toAddress };
    const first = await untilFinal((await order(fields)).data?.['id']);
    expect(first['status']).toBe('COMPLETED');
    const tokenAccount = await tokenAccountOf(toAddress);
    await control('SOL_MAINNET', 'freeze', { tokenAccount });
    await pause(8_000);
    const payout = await untilFinal((await order(fields)).data?.['id']);
    expect(payout).toMatchObject({ status: 'FAILED', transactionHash: null });
    expect(payout['info']).toMatch(/frozen/i);
    expect(await client.unitsOf('USDT', toAddress)).toBe(1_000_000n);
  });

  it(
    'on Solana a token account, which is paid itself if it is one',
    { timeout: 60_000 },
    async () => {
      const client = independentClient('SOL_MAINNET', chainOf('SOL_MAINNET'));
      const owner = await client.freshRecipient();
      const pay = async (toAddress: string, token: string): Promise<Record<string, unknown>> => {
        const created = await order({ network: 'SOL_MAINNET', token, amount: '1', toAddress });
        return await untilFinal(created.data?.['id']);
      };
      await pay(owner, 'USDT');
      const tokenAccount = await tokenAccountOf(owner);
      expect(await pay(tokenAccount, 'USDT')).toMatchObject({ status: 'COMPLETED' });
      expect(await client.unitsOf('USDT', owner)).toBe(2_000_000n);
      const other = await pay(tokenAccount, 'USDC');
      expect(other).toMatchObject({ status: 'FAILED', transactionHash: null });
      expect(other['info']).toMatch(/account of another token/);
      // Derived like one, and nobody has opened it: the published vector of a program's address.
      const nothing = await pay('BwqrghZA2htAcqq8dzP1WDAhTXYTYWj7CHxF5j7TDBAe', 'USDT');
      expect(nothing).toMatchObject({ status: 'FAILED', transactionHash: null });
      expect(nothing['info']).toMatch(/no key can stand behind it/);
    },
  );
});

/** By the node's own index, in the form of its JSON-RPC. */
async function tokenAccountOf(owner: string): Promise<string> {
  const { rpcUrl, tokens } = chainOf('SOL_MAINNET');
  const filter = { mint: present(tokens['USDT']?.address, 'USDT has a mint') };
  const params = [owner, filter, { encoding: 'base64' }];
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getTokenAccountsByOwner', params }),
  });
  const { result } = (await response.json()) as { result: { value: { pubkey: string }[] } };
  return present(result.value[0]?.pubkey, 'the owner has a token account');
}

describe('afterwards', () => {
  it(
    'the books balance, and every transfer on every chain is explained',
    { timeout: 60_000 },
    async () => {
      const database = createDatabase(sandbox.file.databaseUrl, { maxConnections: 1 });
      expect(await checkBooks(database, sandbox.file.businessId)).toEqual([]);
      await database.close();
      const paidOn = async (): Promise<Record<string, boolean>> => {
        const networks = JSON.parse((await knit('network', 'status', '--json')).stdout) as {
          readonly network: string;
          readonly stoppedFor: string | null;
          readonly inTheWay: readonly unknown[];
          readonly tokens: readonly { readonly paid: string; readonly difference: string }[];
        }[];
        for (const { network, stoppedFor, inTheWay, tokens } of networks) {
          expect([network, stoppedFor, inTheWay]).toEqual([network, null, []]);
          for (const { difference } of tokens)
            expect([network, difference]).toEqual([network, '0']);
        }
        return Object.fromEntries(
          networks.map(({ network, tokens }) => [network, tokens.some(({ paid }) => paid !== '0')]),
        );
      };
      const all = Object.fromEntries(NETWORK_IDS.map((id) => [id, true]));
      await expect.poll(paidOn, { timeout: 45_000, interval: 1_000 }).toEqual(all);
    },
  );

  it('knit doctor finds nothing wrong', { timeout: 60_000 }, async () => {
    const { exitCode, stdout } = await knit('doctor', '--json');
    const { healthy, findings } = JSON.parse(stdout) as {
      readonly healthy: boolean;
      readonly findings: readonly { level: string; network: string | null; what: string }[];
    };
    expect(findings.filter(({ level }) => level === 'fail')).toEqual([]);
    expect({ healthy, exitCode }).toEqual({ healthy: true, exitCode: 0 });
    for (const id of NETWORK_IDS) {
      const well = findings.filter(({ network, level }) => network === id && level === 'ok');
      expect([id, well.length >= 3]).toEqual([id, true]);
    }
  });

  it('the treasuries are shown, and where nothing is counted nothing can be adopted', async () => {
    const shown = (await knit('treasury', 'show')).stdout;
    for (const id of NETWORK_IDS) expect(shown).toContain(chainOf(id).treasury);
    const lanes = (await knit('lane', 'list')).stdout;
    expect(lanes).toMatch(/^SOL_MAINNET +\w+ +TREASURY +none /m);
    const { treasury } = chainOf('BITCOIN_MAINNET');
    const adopt = ['lane', 'adopt', '--network', 'BITCOIN_MAINNET', '--sender', treasury];
    expect(await knit(...adopt)).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(/counts no transactions of a sender/) as string,
    });
  });

  it('all six are open to payouts', async () => {
    const { data } = (await (await fetch(`${sandbox.file.baseUrl}/api/v1/networks`)).json()) as {
      readonly data: {
        identifier: string;
        payoutStatus: string;
        tokens: { symbol: string; payoutStatus: string }[];
      }[];
    };
    expect(data.map(({ payoutStatus }) => payoutStatus)).toEqual(Array(6).fill('ACTIVE'));
    const tron = data.find(({ identifier }) => identifier === 'TRON_MAINNET');
    expect(tron?.tokens.map(({ symbol, payoutStatus }) => `${symbol} ${payoutStatus}`)).toEqual([
      'USDT ACTIVE',
      'USDC INACTIVE',
    ]);
  });
});
