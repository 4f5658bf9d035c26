import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  fateOf,
  fatesOf,
  RECIPIENT,
  STRANGER,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import { startScriptedRpc } from '../../../test/harness/scripted-rpc.ts';
import { ChainMismatch, type NetworkDriver } from '../network.ts';
import type { EvmDriverOptions } from './driver.ts';
import { createEvmReader } from './reader.ts';

let chain: TestChain;
let treasury: TestTreasury;
let driver: NetworkDriver;
beforeAll(async () => {
  chain = await startTestChain();
  treasury = await createTestTreasury(chain);
  driver = treasury.driver;
});
afterAll(async () => {
  await chain.stop();
});

describe('a batch', () => {
  it('goes from unseen by waiting and included to paid', async () => {
    const orders = [RECIPIENT, STRANGER].map((toAddress) =>
      treasury.orderOf({ toAddress, units: 123_456n }),
    );
    const before = await chain.balanceOf('USDT', STRANGER);
    const attempt = await treasury.sign(orders);
    expect(attempt.fence).toMatch(new RegExp(`^${driver.treasury.toLowerCase()}:batch:\\d+$`));
    expect(await driver.status(attempt)).toEqual({ kind: 'unseen' });
    await treasury.send(attempt.transaction);
    expect(await driver.status(attempt)).toEqual({ kind: 'waiting' });
    expect(await driver.track(attempt.transaction)).toEqual({ kind: 'waiting' });
    await chain.mine(1);
    expect((await driver.status(attempt)).kind).toBe('included');
    expect((await driver.track(attempt.transaction)).kind).toBe('included');
    await chain.mine(2);
    const sighting = await driver.status(attempt);
    const { transactionHash } = attempt.transaction;
    expect(sighting).toMatchObject({ kind: 'final', transactionHash });
    expect(fatesOf(sighting)).toMatchObject(
      orders.map(({ payoutId }) => ({ kind: 'paid', payoutId })),
    );
    expect(await chain.balanceOf('USDT', STRANGER)).toBe(before + 123_456n);
    expect((await driver.track(attempt.transaction)).kind).toBe('final');
  });

  it('costs what the gas account lost in coins', async () => {
    const wei = async (): Promise<bigint> =>
      BigInt((await chain.rpc('eth_getBalance', driver.gasAccounts[0] ?? '', 'latest')) as string);
    const before = await wei();
    const order = treasury.orderOf({ asset: treasury.assetOf('USDC') });
    const sighting = await treasury.settle(await treasury.sign([order]));
    expect(sighting).toMatchObject({ kind: 'final', feeUnits: before - (await wei()) });
  });

  it('is told the same by a reader without keys', async () => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    const told = await treasury.settle(attempt);
    const { network, chainId, rpcUrl } = chain;
    const reader = createEvmReader({ network, chainId, rpcUrls: [rpcUrl] });
    expect(await reader.status(attempt)).toEqual(told);
  });

  it('is not accepted twice, and is looked for instead', async () => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    await treasury.settle(attempt);
    expect((await driver.broadcast(attempt.transaction.rawTransaction)).kind).toBe('look');
    expect((await driver.status(attempt)).kind).toBe('final');
  });

  it('pays each item by itself: one that fails after signing spoils no other', async () => {
    const asset = treasury.assetOf('USDC');
    const orders = [RECIPIENT, STRANGER, RECIPIENT].map((toAddress) =>
      treasury.orderOf({ asset, toAddress }),
    );
    const attempt = await treasury.sign(orders);
    await chain.setBlacklisted('USDC', STRANGER, true);
    const sighting = await treasury.settle(attempt);
    expect(fatesOf(sighting).map(({ kind }) => kind)).toEqual(['paid', 'refused', 'paid']);
    await chain.setBlacklisted('USDC', STRANGER, false);
  });
});

describe('what a quorum of nodes tells', () => {
  it('counts up the lane of a gas account, and not the treasury', async () => {
    const sender = driver.gasAccounts[0] ?? '';
    const [before, treasuryBefore] = [
      await driver.sequences(sender),
      await driver.sequences(driver.treasury),
    ];
    const attempt = await treasury.sign([treasury.orderOf()]);
    await treasury.send(attempt.transaction);
    await chain.mine(1);
    const included = await driver.sequences(sender);
    expect(included).toEqual({ latest: before.latest + 1n, final: before.final });
    await chain.mine(4);
    const { latest } = included;
    expect(await driver.sequences(sender)).toEqual({ latest, final: latest });
    expect(await driver.sequences(driver.treasury)).toEqual(treasuryBefore);
  });

  it('is the head, and the blocks below it', async () => {
    const { latest, final, finalTime } = await driver.head();
    expect(latest.number - final.number).toBe(2n);
    const block = (await chain.rpc(
      'eth_getBlockByNumber',
      `0x${final.number.toString(16)}`,
      false,
    )) as { hash: string; timestamp: string };
    expect(final.hash).toBe(block.hash);
    expect(finalTime.getTime()).toBe(Number(block.timestamp) * 1000);
    expect(await driver.holds(final)).toBe('yes');
    expect(await driver.holds({ ...final, hash: `0x${'12'.repeat(32)}` })).toBe('no');
    expect(await driver.holds({ ...final, number: latest.number + 9n })).toBe('unknown');
  });

  it('is the balance at a block that is past', async () => {
    const asset = treasury.assetOf('USDT');
    const { final } = await driver.head();
    const before = await driver.unitsAt(asset, final.number);
    await treasury.settle(await treasury.sign([treasury.orderOf({ units: 77n })]));
    const after = (await driver.head()).final;
    expect(await driver.unitsAt(asset, after.number)).toBe(before - 77n);
    expect(await driver.unitsAt(asset, final.number)).toBe(before);
  });

  it('is nothing where too few of them answer', async () => {
    const rpcUrls = [chain.rpcUrl, 'http://127.0.0.1:9'];
    const lonely = treasury.driverWith({ rpcUrls, timeoutMs: 2_000 });
    const { final } = await driver.head();
    await expect(lonely.head()).rejects.toThrow('quorum');
    await expect(lonely.sequences(driver.treasury)).rejects.toThrow('quorum');
    await expect(lonely.unitsAt(treasury.assetOf('USDT'), final.number)).rejects.toThrow('quorum');
    expect(await lonely.holds(final)).toBe('unknown');
  });

  it('is what two of three say, be the third ahead or behind', async () => {
    const ahead = await startTestChain();
    try {
      await ahead.mine(500);
      const sender = driver.gasAccounts[0] ?? '';
      // The same node twice stands for two that agree.
      const url = new URL(chain.rpcUrl);
      url.hostname = 'localhost';
      const torn = treasury.driverWith({ rpcUrls: [ahead.rpcUrl, chain.rpcUrl, url.href] });
      expect(await torn.sequences(sender)).toEqual(await driver.sequences(sender));
      expect((await torn.head()).final).toEqual((await driver.head()).final);
      expect(await torn.holds((await driver.head()).final)).toBe('yes');
    } finally {
      await ahead.stop();
    }
  });
});

describe('broadcast', () => {
  it('is accepted where one node of several takes it', async () => {
    const attempt = await treasury.sign([treasury.orderOf()]);
    const several = treasury.driverWith({
      rpcUrls: ['http://127.0.0.1:9', chain.rpcUrl],
      timeoutMs: 2_000,
    });
    const { rawTransaction } = attempt.transaction;
    expect(await several.broadcast(rawTransaction)).toEqual({ kind: 'accepted' });
    await chain.mine(5);
    expect(fateOf(await driver.status(attempt)).kind).toBe('paid');
  });

  it.each([
    ['another hash', { result: `0x${'12'.repeat(32)}` }],
    ['null', { result: null }],
    ['already known', { error: { code: -32000, message: 'already known' } }],
    ['nonce too low', { error: { code: -32000, message: 'nonce too low' } }],
    ['underpriced', { error: { code: -32000, message: 'replacement transaction underpriced' } }],
    ['HTML', { body: '<html>', status: 502 }],
    ['nothing', 'hang'],
  ] as const)('means look where the node says %s', async (_, answer) => {
    const node = await startScriptedRpc({
      eth_chainId: () => ({ result: `0x${chain.chainId.toString(16)}` }),
      eth_sendRawTransaction: () => answer,
    });
    const lying = treasury.driverWith({ rpcUrls: [node.url], timeoutMs: 400 });
    const { transaction } = await treasury.sign([treasury.orderOf()]);
    const { kind } = await lying.broadcast(transaction.rawTransaction);
    expect(kind).toBe('look');
    expect(node.asked.filter((method) => method === 'eth_sendRawTransaction')).toHaveLength(1);
    await node.close();
  });
});

describe('verifyAssets', () => {
  it('takes the chain that the configuration describes', async () => {
    await driver.verifyAssets();
  });

  it.each<[string, () => Partial<EvmDriverOptions>]>([
    ['another chain id', () => ({ chainId: 1 })],
    ['other decimals', () => ({ assets: [{ ...treasury.assetOf('USDT'), decimals: 18 }] })],
    ['no contract', () => ({ assets: [treasury.assetAt(STRANGER)] })],
    ['a coin', () => ({ assets: [{ ...treasury.assetOf('USDT'), contract: null }] })],
  ])('throws ChainMismatch for %s', async (_, changes) => {
    const verified = treasury.driverWith(changes()).verifyAssets();
    await expect(verified).rejects.toThrow(ChainMismatch);
    await expect(verified).rejects.toMatchObject({ network: 'MATIC_MAINNET' });
  });

  it('throws ChainMismatch where any node is of another chain', async () => {
    const other = await startScriptedRpc({ eth_chainId: () => ({ result: '0x1' }) });
    const rpcUrls = [chain.rpcUrl, other.url];
    await expect(treasury.driverWith({ rpcUrls }).verifyAssets()).rejects.toThrow(ChainMismatch);
    await other.close();
  });

  it('throws something else where no node answers', async () => {
    const lost = treasury.driverWith({ rpcUrls: ['http://127.0.0.1:9'] }).verifyAssets();
    await expect(lost).rejects.not.toBeInstanceOf(ChainMismatch);
  });
});

describe('BSC', () => {
  it('pays 18 decimals exactly', async () => {
    const bsc = await startTestChain({ network: 'BSC_MAINNET' });
    try {
      const onBsc = await createTestTreasury(bsc);
      await onBsc.driver.verifyAssets();
      const units = 1_000_000_000_000_000_001n;
      const attempt = await onBsc.sign([onBsc.orderOf({ units })]);
      expect(fateOf(await onBsc.settle(attempt)).kind).toBe('paid');
      expect(await bsc.balanceOf('USDT', RECIPIENT)).toBe(units);
      // The same bytes are nothing to another chain, whose reader does not even ask.
      expect((await driver.status(attempt)).kind).toBe('unknown');
    } finally {
      await bsc.stop();
    }
  });
});
