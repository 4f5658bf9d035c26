import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serveChain } from '../../../local-chains/tron/serve.ts';
import {
  followed,
  openTronWorld,
  SOLID_BLOCKS,
  tronKey,
  UNIT,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import { present } from '../../base/assert.ts';
import { NetworkUnreachable } from '../account-reader.ts';
import { ChainMismatch, type NetworkDriver } from '../network.ts';
import { createTronAccountReader } from './account-reader.ts';
import { createTronDriver } from './driver.ts';

let world: TronWorld;
const genesis = (): string => present(world.chain.truth.block(0), 'there is a first block').blockId;
const node = (number: number) => world.chain.openNode(`node ${number}`);

describe('over HTTP', () => {
  let served: Awaited<ReturnType<typeof serveChain>>;
  let driver: NetworkDriver;
  beforeAll(async () => {
    world = await openTronWorld();
    served = await serveChain(world.chain, 0);
    const { clock, usdt, usdc } = world;
    const { signer } = tronKey(1);
    driver = createTronDriver({
      rpcUrls: [served.rpcUrl, `${served.rpcUrl}/`],
      expectedGenesis: genesis(),
      signer,
      clock,
      assets: [usdt, usdc],
    });
  });
  afterAll(async () => await served.close());

  it('a payout goes its whole road', async () => {
    await driver.verifyAssets();
    const order = world.order('payout', {});
    const { plan } = await driver.inspect([order], { unitsOnTheWay: 0n, taken: [] });
    const lane = { sender: driver.treasury, sequence: 1n };
    const signed = await driver.sign({ orders: [order], number: 1n, plan: plan ?? {}, lane });
    expect(await driver.broadcast(signed.transaction.rawTransaction)).toEqual({ kind: 'accepted' });
    await world.blocks(SOLID_BLOCKS + 1);
    expect(await driver.status(followed(signed, order))).toMatchObject({
      kind: 'final',
      fates: [{ kind: 'paid', payoutId: 'payout' }],
    });
    const { number } = (await driver.head()).final;
    expect(await driver.movements(world.usdt, { from: 2n, to: number })).toHaveLength(1);
    expect(await driver.unitsAt(world.usdt, number)).toBe(995n * UNIT);
    expect(await driver.upkeep({ taken: [] })).toEqual({ chores: [], alarms: [] });
  });
});

describe('in this process', () => {
  beforeEach(async () => {
    world = await openTronWorld({ nodes: 3 });
  });

  it('is what settlement needs to know of Tron', () => {
    const { network, lanes, replaces, limits, gasAccounts, treasury } = world.driver;
    expect({ network, lanes, replaces, limits, gasAccounts, treasury }).toEqual({
      network: 'TRON_MAINNET',
      lanes: 'independent',
      replaces: false,
      limits: { ordersPerAttempt: 1, waitingTransactions: 16, validForMs: 150_000 },
      gasAccounts: [],
      treasury: tronKey(1).address,
    });
  });

  it('is never asked for what there is not', async () => {
    const { driver, treasury } = world;
    const lane = { sender: treasury, sequence: 1n };
    const transaction = { ...lane, transactionHash: 'ab', rawTransaction: new Uint8Array() };
    const order = world.order('a', {});
    const attempt = followed(await world.sign(order, 1n), order);
    const chore = { purpose: 'TOP_UP', what: '', takes: 1n, fills: null, details: {} } as const;
    for (const question of [
      driver.carry(attempt, lane),
      driver.replace(transaction, 'itself', { taken: [] }),
      driver.track(transaction),
      driver.sequences(treasury),
      driver.signChore(chore, lane),
    ]) {
      await expect(question).rejects.toThrow(/^on Tron /);
    }
  });

  describe('verifies', () => {
    it('what is as configured', async () => {
      await world.driver.verifyAssets();
    });

    it.each([
      [
        'other decimals',
        () => ({ assets: [{ ...world.usdt, decimals: 18 }] }),
        'USDT on TRON_MAINNET has 6 decimals on chain, 18 configured',
      ],
      [
        'no contract',
        () => ({ assets: [{ ...world.usdc, contract: tronKey(5).address }] }),
        /^USDC on TRON_MAINNET: there is no contract at T/,
      ],
      [
        'another chain',
        () => ({ expectedGenesis: `${'0'.repeat(16)}${'11'.repeat(24)}` }),
        /^node 1 is of the chain that began with 0000/,
      ],
    ])('and names %s', async (_, options, words) => {
      const question = world.driverWith(options()).verifyAssets();
      await expect(question).rejects.toThrow(words);
      await expect(world.driverWith(options()).verifyAssets()).rejects.toThrow(ChainMismatch);
    });

    it('that the solidified view is not the newest', async () => {
      const [first] = world.nodes;
      const newest = async () => await node(1).post('/wallet/getblock', { detail: false });
      const show = (block: unknown): void => {
        if (first !== undefined) first.lies = { 'walletsolidity/getblock': () => block };
      };
      show(await newest());
      await world.driver.verifyAssets();
      await world.blocks(80);
      show(await newest());
      const question = world.driver.verifyAssets();
      await expect(question).rejects.toThrow(/^node 1 shows its newest block as solidified/);
      await expect(world.driver.verifyAssets()).rejects.toThrow(ChainMismatch);
      if (first !== undefined) first.lies = {};
      await world.driver.verifyAssets();
    });

    it('nothing where too few nodes answer, or they do not agree', async () => {
      const lie = (word: string) => ({
        'wallet/triggerconstantcontract': (truth: unknown) => ({
          ...(truth as object),
          constant_result: [word.padStart(64, '0')],
        }),
      });
      present(world.nodes[0], 'node 1').lies = lie('7');
      await world.driver.verifyAssets();
      present(world.nodes[1], 'node 2').lies = lie('8');
      await expect(world.driver.verifyAssets()).rejects.toThrow(
        'node 1 against node 2 against node 3',
      );
      node(3).set({ manners: 'overloaded' });
      node(2).set({ manners: 'silent' });
      const question = world.driver.verifyAssets();
      await expect(question).rejects.toThrow(/lack of computing resources|silent/);
      await expect(question).rejects.not.toThrow(ChainMismatch);
    });
  });

  describe('upkeep', () => {
    const alarms = async (): Promise<readonly string[]> =>
      (await world.driver.upkeep({ taken: [] })).alarms;
    const lie = (balance: number | null): void => {
      for (const endpoint of world.nodes) {
        endpoint.lies = {
          'wallet/getaccount': (truth) =>
            balance === null ? {} : { ...(truth as object), balance },
        };
      }
    };

    it('tells when coins for fees run out', async () => {
      expect(await alarms()).toEqual([]);
      lie(668_675_000);
      expect(await alarms()).toEqual([]);
      lie(668_330_000 - 1);
      expect(await alarms()).toEqual([
        `the treasury account ${world.treasury} holds 668.329999 TRX and 0 energy, enough for about 49 payouts`,
      ]);
      lie(0);
      world.chain.controls.setResources(world.treasury, {
        energyLimit: 6_514_250,
        bandwidthLimit: 50 * 345,
      });
      await world.blocks(1);
      expect(await alarms()).toEqual([]);
    });

    it('tells of an account that is not active, and of fees above the ceiling', async () => {
      world.chain.controls.setParameter('getEnergyFee', 420);
      world.chain.controls.setResources(world.treasury, { energyLimit: 100_000_000 });
      await world.blocks(1);
      expect(await alarms()).toEqual([
        'fees on TRON_MAINNET: The transfer may cost up to 68.39994 TRX; the ceiling is 50 TRX.',
      ]);
      lie(null);
      expect(await alarms()).toEqual([
        `the treasury account ${world.treasury} is not active: it has never been sent TRX`,
      ]);
    });

    it('throws where no node answers', async () => {
      for (const number of [1, 2, 3]) node(number).set({ manners: 'unavailable' });
      await expect(alarms()).rejects.toThrow('HTTP 503');
    });
  });

  describe('an account', () => {
    const reader = () =>
      createTronAccountReader({
        expectedGenesis: genesis(),
        endpoints: world.nodes,
        clock: world.clock,
      });

    it('is shown with its coins and tokens', async () => {
      expect(await reader().holdings(world.treasury, [world.usdt, world.usdc])).toEqual({
        coin: 'TRX',
        coinDecimals: 6,
        coinUnits: 10_000_000_000n,
        tokens: [
          { asset: world.usdt, units: 1_000n * UNIT },
          { asset: world.usdc, units: 1_000n * UNIT },
        ],
      });
      const nobody = await reader().holdings(tronKey(5).address, [world.usdt]);
      expect(nobody).toMatchObject({ coinUnits: 0n, tokens: [{ units: 0n }] });
    });

    it('is not shown where no node answers', async () => {
      for (const number of [1, 2, 3]) node(number).set({ manners: 'broken' });
      await expect(reader().holdings(world.treasury, [])).rejects.toThrow(NetworkUnreachable);
      await expect(reader().sequence(world.treasury)).rejects.toThrow('counts no transactions');
    });
  });
});
