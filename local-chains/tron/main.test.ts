import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TronWeb } from 'tronweb';
import { afterEach, expect, test } from 'vitest';
import { ALICE, BOB, readToken } from './testing/world.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));
const config = {
  accounts: [{ address: ALICE.address, sun: '1000000000', energyLimit: 100_000 }],
  tokens: [{ symbol: 'USDT', holders: [{ address: ALICE.address, units: '5000000' }] }],
};
const running: ChildProcessWithoutNullStreams[] = [];

interface Announcement {
  readonly rpcUrl: string;
  readonly controlUrl: string;
  readonly tokens: { readonly USDT: { readonly address: string; readonly decimals: number } };
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

async function started(
  ...flags: string[]
): Promise<{ child: ChildProcessWithoutNullStreams; announced: Announcement }> {
  const child = spawn(process.execPath, [program, '--config', '-', ...flags]);
  running.push(child);
  child.stdin.write(`${JSON.stringify(config)}\n`);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, announced: JSON.parse(line) as Announcement };
}

async function ask(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return await response.json();
}

test('makes blocks by itself, in which tronweb finds what it sends', async () => {
  const { child, announced } = await started('--block-time', '50', '--solidified-after', '2');
  expect(announced.tokens.USDT.decimals).toBe(6);
  const client = new TronWeb({ fullHost: announced.rpcUrl, privateKey: ALICE.secretKey });
  const token = await readToken(client, announced.tokens.USDT.address);
  const txid = await token.transfer(BOB.address, 8).send({ feeLimit: 20_000_000 });
  await expect
    .poll(async () => await client.trx.getTransactionInfo(String(txid)), { timeout: 10_000 })
    .toMatchObject({ receipt: { result: 'SUCCESS', energy_usage: 28_713 } });
  expect(await token.balanceOf(BOB.address).call()).toBe(8n);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('is told what to do over HTTP, and ends when its stdin closes', async () => {
  const { child, announced } = await started('--manual');
  const { controlUrl, rpcUrl, tokens } = announced;
  await ask(`${controlUrl}/giveSun`, { address: BOB.address, sun: '12' });
  await ask(`${controlUrl}/produceBlock`, {});
  expect(await ask(`${controlUrl}/sun`, { address: BOB.address })).toEqual({ sun: '12' });
  const account = await ask(`${rpcUrl}/wallet/getaccount`, { address: BOB.address, visible: true });
  expect(account).toMatchObject({ balance: 12 });
  await ask(`${controlUrl}/node`, { name: 'second', switches: { lagBlocks: 1 } });
  const behind = `${rpcUrl}/nodes/second/wallet/getaccount`;
  expect(await ask(behind, { address: BOB.address, visible: true })).toEqual({});
  expect(await ask(`${controlUrl}/transfers`, { token: tokens.USDT.address })).toMatchObject([
    { to: ALICE.address, units: '5000000' },
  ]);
  await ask(`${controlUrl}/reorganise`, { blocks: 1, transactions: 'drop' });
  expect(await ask(`${controlUrl}/truth`, {})).toMatchObject({
    head: { number: 1 },
    blocksDropped: 1,
  });
  expect(await ask(`${controlUrl}/node`, { name: 'main', switches: { lagBlox: 1 } })).toEqual({
    error: 'there is no switch lagBlox',
  });
  await ask(`${controlUrl}/node`, { name: 'main', switches: { manners: 'unavailable' } });
  expect((await fetch(`${rpcUrl}/wallet/getnowblock`)).status).toBe(503);
  await ask(`${controlUrl}/node`, { name: 'main', switches: { manners: 'refused' } });
  await expect(fetch(`${rpcUrl}/wallet/getnowblock`)).rejects.toThrow('fetch failed');
  await ask(`${controlUrl}/node`, { name: 'main', switches: { manners: 'silent' } });
  const hanging = fetch(`${rpcUrl}/wallet/getnowblock`).catch(() => 'ended');
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(await hanging).toBe('ended');
});

test.each([
  ['{', /JSON/],
  [JSON.stringify({ accounts: [{ address: 'x' }] }), /accounts\[0\]\.sun is not an amount/],
  [JSON.stringify({ accounts: [{ address: 'x', sun: 1 }] }), /x is not a Tron address/],
  [JSON.stringify({ tokens: [{ symbol: 'DAI' }] }), /tokens\[0\]\.symbol is unknown/],
])('a wrong configuration ends it with its reason', async (text, reason) => {
  const child = spawn(process.execPath, [program, '--config', '-']);
  running.push(child);
  const said: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  child.stdin.write(`${text}\n`);
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(said.join('')).toMatch(reason);
});
