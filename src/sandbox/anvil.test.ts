import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../base/log.ts';
import { createRpcEndpoints } from '../networks/nodes/json-rpc.ts';
import { startAnvil, type Anvil, type AnvilOptions } from './anvil.ts';
import { createGuard, type Guard } from './guard.ts';

let guard: Guard;
beforeAll(() => {
  guard = createGuard();
});
afterAll(async () => await guard.dispose());

const chains: Anvil[] = [];
afterEach(async () => {
  for (const chain of chains.splice(0)) await chain.stop();
});

async function start(options: Partial<AnvilOptions> = {}): Promise<Anvil> {
  const chain = await startAnvil({ guard, log: silentLog, network: 'MATIC_MAINNET', ...options });
  chains.push(chain);
  return chain;
}

async function ask<T>(chain: Anvil, method: string, ...params: (string | boolean)[]): Promise<T> {
  const [endpoint] = createRpcEndpoints([chain.rpcUrl], 5_000);
  return (await endpoint?.request(method, params)) as T;
}

async function heightOf(chain: Anvil, tag: string): Promise<number> {
  const block = await ask<{ number: string }>(chain, 'eth_getBlockByNumber', tag, false);
  return Number(block.number);
}

test.each([
  { network: 'ETHEREUM_MAINNET', chainId: 1, behind: 16 },
  { network: 'MATIC_MAINNET', chainId: 137, behind: 4 },
  { network: 'BSC_MAINNET', chainId: 56, behind: 2 },
] as const)('$network finalizes $behind blocks behind', async ({ network, chainId, behind }) => {
  const chain = await start({ network, profile: { blockTimeSeconds: null } });
  expect(Number(await ask(chain, 'eth_chainId'))).toBe(chainId);
  expect(chain.chainId).toBe(chainId);
  await ask(chain, 'anvil_mine', '0x40');
  expect(await heightOf(chain, 'latest')).toBe(64);
  expect(await heightOf(chain, 'finalized')).toBe(64 - behind);
  // A count is known at the finalized block, and well before it.
  const sender = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
  for (const height of [64 - behind, 64 - behind - 30]) {
    const count = await ask(chain, 'eth_getTransactionCount', sender, `0x${height.toString(16)}`);
    expect(count).toBe('0x0');
  }
});

test('blocks come by themselves and finality follows them', async () => {
  const chain = await start({ network: 'BSC_MAINNET', profile: { blockTimeSeconds: 0.1 } });
  await expect.poll(async () => await heightOf(chain, 'finalized')).toBeGreaterThan(3);
});

test('many start at once, each with its own port; stopping leaves no process', async () => {
  const started = await Promise.all([start(), start(), start(), start()]);
  expect(new Set(started.map(({ rpcUrl }) => rpcUrl)).size).toBe(4);
  for (const chain of started) {
    await chain.stop();
    expect(existsSync(`/proc/${chain.pid}`)).toBe(false);
  }
});

test('a port that is taken is one clear line', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  await expect(start({ port })).rejects.toThrow(/^anvil could not start: .*already in use.*$/);
  other.close();
});
