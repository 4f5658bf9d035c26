import { describe, expect, it } from 'vitest';
import { BTC, endpointOf, startBitcoinWorld } from '../../../test/harness/bitcoin-world.ts';
import { NetworkUnreachable } from '../account-reader.ts';
import { createBitcoinAccountReader } from './account-reader.ts';

const NOTHING = { unitsOnTheWay: 0n, taken: [] };

describe('the wallet of a node', () => {
  it('knows what the treasury was paid long before it was made', async () => {
    const { chain, script, mine, another, order } = await startBitcoinWorld();
    chain.fund(script, 30_000_000n);
    mine(200);
    const fresh = chain.openNode('a node that comes later');
    const driver = another({ endpoints: [endpointOf(fresh)] });
    await driver.verifyAssets();
    expect((await driver.inspect([order(1, 1_000_000n)], NOTHING)).payable).toHaveLength(1);
    const { final } = await driver.head();
    expect(await driver.unitsAt(BTC, final.number)).toBe(30_000_000n);
  });

  it('is made once, whoever asks for it and however often', async () => {
    const { chain, another } = await startBitcoinWorld();
    const fresh = chain.openNode('another node');
    const drivers = [1, 2, 3].map(() => another({ endpoints: [endpointOf(fresh)] }));
    await Promise.all(
      drivers.map(async (driver) => {
        await driver.verifyAssets();
      }),
    );
    await another({ endpoints: [endpointOf(fresh)] }).verifyAssets();
    expect(await fresh.request('listwallets', [])).toHaveLength(1);
    expect(fresh.asked()['createwallet']).toBeLessThanOrEqual(3);
  });

  const steps = [
    'createwallet',
    'scantxoutset',
    'importdescriptors',
    'listlabels',
    'getdescriptorinfo',
  ];
  it.each(steps)(
    'is finished by the next call where %s failed or its answer was lost',
    async (step) => {
      for (const fault of ['silence', 'lost-answer', 'error'] as const) {
        const { chain, another, script, mine, order } = await startBitcoinWorld();
        chain.fund(script, 30_000_000n);
        mine(20);
        const fresh = chain.openNode('another node');
        fresh.failNext(step, fault);
        const driver = another({ endpoints: [endpointOf(fresh)] });
        await driver.verifyAssets().catch(() => undefined);
        // Another process starts afresh.
        const next = another({ endpoints: [endpointOf(fresh)] });
        await next.verifyAssets();
        expect((await next.inspect([order(1, 1_000_000n)], NOTHING)).payable).toHaveLength(1);
      }
    },
  );

  it('is loaded again after the node has put it away', async () => {
    const { nodes, another, fund, order } = await startBitcoinWorld();
    fund(30_000_000n);
    for (const node of nodes) {
      const names = (await node.request('listwallets', [])) as string[];
      for (const name of names) await node.request('unloadwallet', [name]);
      expect(await node.request('listwallets', [])).toEqual([]);
    }
    const driver = another();
    await driver.verifyAssets();
    expect((await driver.inspect([order(1, 1_000_000n)], NOTHING)).payable).toHaveLength(1);
  });

  it('is looked for again by a worker that runs on when the node has put it away', async () => {
    const { nodes, driver, fund, order } = await startBitcoinWorld();
    fund(30_000_000n);
    expect((await driver.inspect([order(1, 1_000_000n)], NOTHING)).payable).toHaveLength(1);
    for (const node of nodes) {
      const names = (await node.request('listwallets', [])) as string[];
      for (const name of names) await node.request('unloadwallet', [name]);
    }
    expect((await driver.inspect([order(1, 1_000_000n)], NOTHING)).payable).toEqual([]);
    expect((await driver.inspect([order(1, 1_000_000n)], NOTHING)).payable).toHaveLength(1);
  });

  it('keeps payouts waiting where the node has pruned what it would have to read', async () => {
    const { chain, script, mine, another, order } = await startBitcoinWorld();
    chain.fund(script, 30_000_000n);
    mine(50);
    const fresh = chain.openNode('a pruned node', { prunedBelowDepth: 10 });
    const driver = another({ endpoints: [endpointOf(fresh)] });
    const outcome = await driver.verifyAssets().then(
      () => 'ready',
      (error: unknown) => String(error),
    );
    if (outcome !== 'ready') expect(outcome).toMatch(/pruned|prune/i);
    const { payable } = await driver.inspect([order(1, 1_000_000n)], NOTHING);
    expect(payable.length === 1).toBe(outcome === 'ready');
  });
});

describe('verifying the assets', () => {
  it('takes bitcoin with eight decimals alone', async () => {
    const { another } = await startBitcoinWorld();
    await expect(another({ assets: [{ ...BTC, decimals: 6 }] }).verifyAssets()).rejects.toThrow(
      'BTC has 8 decimals, 6 configured',
    );
    const token = { ...BTC, token: 'USDT' as const };
    await expect(another({ assets: [token] }).verifyAssets()).rejects.toThrow('does not live on');
  });

  it('takes the chain that begins as configured', async () => {
    const { another, chain, nodes } = await startBitcoinWorld({ nodeCount: 3 });
    const driver = another({ expectedGenesis: chain.truth.blockAt(0)?.hash ?? null });
    await driver.verifyAssets();
    nodes[1]?.set({ wrongChain: true });
    const again = another({ expectedGenesis: chain.truth.blockAt(0)?.hash ?? null });
    await expect(again.verifyAssets()).rejects.toThrow('node 2 is of the chain');
  });
});

describe('the account reader', () => {
  it('shows what the treasury holds, with and without a wallet', async () => {
    const { chain, nodes, fund, driver } = await startBitcoinWorld();
    fund(30_000_000n, 5n ** 9n);
    const wanted = { coin: 'BTC', coinDecimals: 8, coinUnits: 31_953_125n };
    for (const node of [nodes[0], chain.openNode('without a wallet')]) {
      if (node === undefined) throw new Error('there is a node');
      const reader = createBitcoinAccountReader({
        expectedGenesis: null,
        endpoints: [endpointOf(node)],
      });
      expect(await reader.holdings(driver.treasury, [BTC])).toEqual({
        ...wanted,
        tokens: [{ asset: BTC, units: wanted.coinUnits }],
      });
    }
  });

  it('says that no node answers', async () => {
    const { nodes, driver } = await startBitcoinWorld();
    const endpoints = nodes.map((node) => endpointOf(node));
    const reader = createBitcoinAccountReader({ expectedGenesis: null, endpoints });
    nodes[0]?.set({ always: 'silence' });
    await expect(reader.holdings(driver.treasury, [BTC])).rejects.toThrow(NetworkUnreachable);
  });
});
