import type { Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterEach, expect, test } from 'vitest';
import { callData, readArtifact } from '../../src/sandbox/deploy-tokens.ts';
import { startTestChain, type TestChain, type TestChainOptions } from './chain.ts';

const payer = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const RECIPIENT = '0x00000000000000000000000000000000000b0b00';

const chains: TestChain[] = [];
afterEach(async () => {
  for (const chain of chains.splice(0)) await chain.stop();
});

async function start(options?: TestChainOptions): Promise<TestChain> {
  const chain = await startTestChain(options);
  chains.push(chain);
  return chain;
}

/** A signed transfer of USDC. */
async function transfer(chain: TestChain, nonce: number): Promise<Hex> {
  const usdc = await readArtifact('TestUSDC');
  return await payer.signTransaction({
    chainId: chain.chainId,
    to: chain.tokens.USDC.address as Hex,
    data: callData(usdc, 'transfer(address,uint256)', RECIPIENT, 9n) as Hex,
    gas: 100_000n,
    nonce,
    type: 'eip1559',
    maxFeePerGas: 10_000_000_000n,
    maxPriorityFeePerGas: 1_000_000_000n,
  });
}

async function height(chain: TestChain, tag = 'latest'): Promise<number> {
  return Number(((await chain.rpc('eth_getBlockByNumber', tag, false)) as { number: Hex }).number);
}

test('the tokens have the same addresses on every new chain, and 18 decimals on BSC', async () => {
  const [one, two] = [await start(), await start({ network: 'BSC_MAINNET' })];
  expect(one.tokens.USDT).toEqual({ address: two.tokens.USDT.address, decimals: 6 });
  expect(one.tokens.USDC).toEqual({ address: two.tokens.USDC.address, decimals: 6 });
  expect(two.tokens.USDT.decimals).toBe(18);
  for (const chain of [one, two]) {
    const data = callData(await readArtifact('TestUSDC'), 'decimals()');
    const answer = await chain.rpc('eth_call', { to: chain.tokens.USDC.address, data }, 'latest');
    expect(Number(answer)).toBe(chain.tokens.USDC.decimals);
  }
});

test('funds arrive: coins are set, tokens are added', async () => {
  const chain = await start();
  await chain.fund(payer.address, { units: 5n, wei: 6n });
  await chain.fund(payer.address, { units: 2n, wei: 4n });
  expect(await chain.balanceOf('USDT', payer.address)).toBe(7n);
  expect(await chain.balanceOf('USDC', payer.address)).toBe(7n);
  expect(await chain.rpc('eth_getBalance', payer.address, 'latest')).toBe('0x4');
});

test('nothing is mined unless it is asked for, or an interval is set', async () => {
  const chain = await start({ finalizedBehind: 6, chainId: 31_337 });
  expect(chain.chainId).toBe(31_337);
  await chain.fund(payer.address);
  const [before, counted] = [await height(chain), await chain.balanceOf('USDC', RECIPIENT)];
  await chain.rpc('eth_sendRawTransaction', await transfer(chain, 0));
  expect([await height(chain), await chain.balanceOf('USDC', RECIPIENT)]).toEqual([
    before,
    counted,
  ]);
  await chain.mine();
  expect(await chain.balanceOf('USDC', RECIPIENT)).toBe(counted + 9n);
  await chain.mine(9);
  expect(await height(chain)).toBe(before + 10);
  expect(await height(chain, 'finalized')).toBe(before + 4);
  await chain.setIntervalMining(1);
  await expect.poll(async () => await height(chain), { timeout: 5_000 }).toBe(before + 11);
  await chain.setIntervalMining(null);
});

test('a reorganisation takes transactions back, except for those that are kept', async () => {
  const chain = await start();
  await chain.fund(payer.address);
  const [first, second] = [await transfer(chain, 0), await transfer(chain, 1)];
  for (const raw of [first, second]) {
    await chain.rpc('eth_sendRawTransaction', raw);
    await chain.mine();
  }
  expect(await chain.balanceOf('USDC', RECIPIENT)).toBe(18n);
  const top = await height(chain);
  await chain.reorg(2, [{ raw: first, atBlock: 1 }]);
  expect(await height(chain)).toBe(top);
  expect(await chain.balanceOf('USDC', RECIPIENT)).toBe(9n);
  await chain.reorg(1);
  expect(await chain.balanceOf('USDC', RECIPIENT)).toBe(0n);
  expect((await chain.transferLogs('USDC')).filter(({ to }) => to === RECIPIENT)).toEqual([]);
});
