import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createSolanaRpc, address } from '@solana/kit';
import { afterEach, expect, test } from 'vitest';
import type { Json } from './chain-interface.ts';
import { serveSolanaChain, type ServedChain } from './serve.ts';
import { openWorld, RECIPIENT, type SolanaWorld } from './world-for-tests.ts';

let served: ServedChain | null = null;
afterEach(async () => {
  await served?.close();
  served = null;
});

async function serve(world: SolanaWorld): Promise<string> {
  served = await serveSolanaChain(world.chain, { port: 0 });
  return served.rpcUrl;
}

async function post(url: string, body: Json | string): Promise<{ status: number; body: Json }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method: 'POST',
    body: text,
    signal: AbortSignal.timeout(2_000),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

const question = (method: string, ...params: readonly Json[]): Json => ({
  jsonrpc: '2.0',
  id: 7,
  method,
  params,
});

test('JSON-RPC as published: one question, several, and what is none', async () => {
  const world = openWorld();
  const url = await serve(world);
  expect(await post(url, question('getHealth'))).toEqual({
    status: 200,
    body: { jsonrpc: '2.0', result: 'ok', id: 7 },
  });
  const both = await post(url, [question('getHealth'), question('getNothing')]);
  expect(both.body).toEqual([
    { jsonrpc: '2.0', result: 'ok', id: 7 },
    { jsonrpc: '2.0', error: { code: -32_601, message: 'Method not found' }, id: 7 },
  ]);
  expect((await post(url, '{')).body).toMatchObject({ error: { code: -32_700 }, id: null });
  expect((await post(url, { id: 3 })).body).toMatchObject({ error: { code: -32_600 }, id: 3 });
  expect((await post(url, 'x'.repeat(60_000))).status).toBe(413);
  expect((await post(`${url}/nothing`, {})).status).toBe(404);
  expect((await fetch(url)).status).toBe(405);
  const text = await (await fetch(`${url}/health`)).text();
  expect(text).toBe('ok');
});

test('rentEpoch is the largest u64 to the digit', async () => {
  const world = openWorld();
  const url = await serve(world);
  const body = JSON.stringify(
    question('getAccountInfo', world.payer.address, { commitment: 'processed' }),
  );
  const text = await (await fetch(url, { method: 'POST', body })).text();
  expect(text).toContain('"rentEpoch":18446744073709551615');
});

test('each node has a path, and its faults are set by a control', async () => {
  const world = openWorld();
  world.produce(5);
  const url = await serve(world);
  const set = {
    name: 'late',
    set: { lagBlocks: 2 },
    failNext: { method: 'getSlot', kind: 'error' },
  };
  expect((await post(`${url}/control/node`, set)).status).toBe(200);
  const ask = async (): Promise<Json> =>
    (await post(`${url}/nodes/late`, question('getSlot', { commitment: 'processed' }))).body;
  expect(await ask()).toMatchObject({ error: { code: -32_603 } });
  expect(await ask()).toMatchObject({ result: world.chain.slot() - 2 });
  const wrong = await post(`${url}/control/node`, { name: 'late', set: { lagBlock: 2 } });
  expect(wrong).toEqual({ status: 400, body: { error: 'No node has lagBlock.' } });
});

test('silence is an open connection without an answer, or a broken one', async () => {
  const world = openWorld();
  const url = await serve(world);
  world.node.failNext('getSlot', 'timeout');
  const signal = AbortSignal.timeout(300);
  const body = JSON.stringify(question('getSlot'));
  const hanging = fetch(url, { method: 'POST', body, signal });
  await expect(hanging).rejects.toThrow('timeout');
  world.node.failNext('getSlot', 'lost-answer');
  await expect(fetch(url, { method: 'POST', body })).rejects.toThrow('fetch failed');
  expect((await post(url, question('getSlot'))).status).toBe(200);
});

test('the controls over HTTP do what they do in process', async () => {
  const world = openWorld();
  const url = await serve(world);
  const control = async (what: string, body: Json = {}): Promise<Json> => {
    const answer = await post(`${url}/control/${what}`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  };
  await control('fund', { owner: RECIPIENT, lamports: '3000000000' });
  await control('mintTo', { token: 'USDC', owner: RECIPIENT, units: '25' });
  await control('produceBlock');
  const balances = { token: 'USDC', owner: RECIPIENT };
  expect(await control('balances', balances)).toEqual({ lamports: '3000000000', units: '25' });
  const signed = world.pay({ units: 5n });
  await world.send(signed);
  await control('holdBack', { signature: signed.signature, blocks: 1 });
  await control('produceBlock', { skip: 2 });
  expect(await control('pool')).toMatchObject([{ signature: signed.signature }]);
  await control('produceBlock');
  const transfers = await control('transfers', { token: 'USDT' });
  expect(transfers).toMatchObject([{ signature: signed.signature, units: '5' }]);
  expect(await control('transaction', { signature: signed.signature })).toMatchObject({
    error: null,
  });
  await control('reorg', { depth: 1, transactions: 'drop' });
  expect(await control('transfers', { token: 'USDT' })).toEqual([]);
  expect(await control('transfers', { token: 'USDT', everywhere: true })).toHaveLength(1);
  const { address: mint } = (await control('createMint', { program: 'token-2022' })) as {
    address: string;
  };
  await control('openTokenAccount', { mint, owner: RECIPIENT });
  await control('setFinality', { finalizedAfter: 2 });
  await control('produceBlock');
  expect(await control('head')).toMatchObject({ slot: world.chain.slot() });
  for (const [what, body] of [
    ['fund', { owner: 'nobody', lamports: '1' }],
    ['fund', { owner: RECIPIENT, lamports: '1.5' }],
    ['freeze', { tokenAccount: RECIPIENT }],
    ['reorg', { depth: 1, transactions: 'shuffle' }],
    ['nothing', {}],
  ] as const) {
    expect((await post(`${url}/control/${what}`, body)).status, what).toBe(400);
  }
});

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

async function start(...flags: readonly string[]): Promise<{ child: ChildProcess; ready: Ready }> {
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return { child, ready: JSON.parse(line) as Ready };
}

interface Ready {
  readonly rpcUrl: string;
  readonly tokens: { readonly USDT: { readonly address: string } };
}

test('the process makes blocks, has the mints that it is told of, and ends with its parent', async () => {
  const mint = 'Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB';
  const { child, ready } = await start(
    '--slot-ms',
    '20',
    '--finalized-after',
    '3',
    '--mint-usdt',
    mint,
  );
  try {
    expect(ready.tokens.USDT).toEqual({ address: mint, decimals: 6 });
    const rpc = createSolanaRpc(ready.rpcUrl);
    const { value } = await rpc.getTokenSupply(address(mint)).send();
    expect(value).toMatchObject({ amount: '0', decimals: 6 });
    await post(`${ready.rpcUrl}/control/mintTo`, { token: 'USDT', owner: RECIPIENT, units: 9 });
    let amount = '0';
    for (let tries = 0; tries < 200 && amount === '0'; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      amount = (await rpc.getTokenSupply(address(mint)).send()).value.amount;
    }
    expect(amount).toBe('9');
    expect(await rpc.getSlot().send()).toBeGreaterThan(0n);
  } finally {
    child.stdin?.end();
  }
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
});

test('the process ends when it is told to, and not on a flag that makes no sense', async () => {
  const { child } = await start('--slot-ms', '0');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  const wrong = spawn(process.execPath, [MAIN, '--slot-ms', 'fast'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let message = '';
  wrong.stderr.on('data', (chunk: Buffer) => {
    message += chunk.toString();
  });
  expect(await once(wrong, 'close')).toEqual([2, null]);
  expect(message).toBe('--slot-ms takes a whole number, not "fast".\n');
});
