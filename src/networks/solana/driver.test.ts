import { describe, expect, it } from 'vitest';
import { createSolanaWorld, wallet } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import type { SignedTransaction } from '../network.ts';
import { createSolanaReader } from './reader.ts';

describe('the driver of Solana', () => {
  it('pays, and what it says is what the chain has done', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const { driver, chain } = world;
    const orders = [world.order(), world.order(), world.order({ toAddress: wallet('same') })];
    const opening = (await driver.head()).final.number;
    const signed = await world.sign(...orders);
    expect(await driver.broadcast(signed.transaction.rawTransaction)).toEqual({ kind: 'accepted' });
    world.finalize();
    const sighting = await driver.status(world.follow(signed, orders));
    expect(sighting.kind === 'final' && sighting.fates.map(({ kind }) => kind)).toEqual([
      'paid',
      'paid',
      'paid',
    ]);
    const paid = chain.transfersOf(present(world.usdt.contract, 'a mint'), {
      slot: Number(opening),
    });
    expect(paid.map(({ units, to }) => [to.owner, units])).toEqual(
      orders.map(({ toAddress, units }) => [toAddress, units]),
    );
    expect(paid[0]?.memos).toEqual(orders.map(({ payoutId }) => payoutId));
    const { final } = await driver.head();
    const moved = await driver.movements(world.usdt, { from: opening + 1n, to: final.number });
    expect(moved.reduce((sum, { units }) => sum + units, 0n)).toBe(
      (await driver.unitsAt(world.usdt, opening)) -
        (await driver.unitsAt(world.usdt, final.number)),
    );
  });

  it('tells settlement what it is', () => {
    const { driver, treasury } = createSolanaWorld();
    expect(driver).toMatchObject({
      network: 'SOL_MAINNET',
      lanes: 'independent',
      replaces: false,
      treasury,
      gasAccounts: [],
      limits: { ordersPerAttempt: 10, validForMs: 240_000 },
    });
  });

  it('is never asked about sequences, carriers and replacements', async () => {
    const world = createSolanaWorld();
    const orders = [world.order()];
    const signed = await world.sign(...orders);
    const transaction: SignedTransaction = signed.transaction;
    const lane = { sender: world.treasury, sequence: 1n };
    await expect(world.driver.sequences(world.treasury)).rejects.toThrow('no sender has a count');
    await expect(world.driver.carry(world.follow(signed, orders), lane)).rejects.toThrow('carries');
    await expect(world.driver.replace(transaction, 'itself', { taken: [] })).rejects.toThrow(
      'expires',
    );
  });

  it('answers about assets of its own network alone', async () => {
    const world = createSolanaWorld();
    const asset = { ...world.usdt, network: 'TRON_MAINNET' as const };
    await expect(world.driver.unitsAt(asset, 1n)).rejects.toThrow('not of SOL_MAINNET');
    await expect(world.driver.movements(asset, { from: 0n, to: 1n })).rejects.toThrow('not of');
  });

  it('is read without a key in the same words', async () => {
    const world = createSolanaWorld();
    const orders = [world.order()];
    const signed = await world.sign(...orders);
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.finalize();
    const { genesisHash: expectedGenesis } = world.chain;
    const { endpoints } = world;
    const reader = createSolanaReader({ network: 'SOL_MAINNET', expectedGenesis, endpoints });
    const attempt = world.follow(signed, orders);
    expect(await reader.status(attempt)).toEqual(await world.driver.status(attempt));
  });
});
