import { describe, expect, it } from 'vitest';
import { createSolanaWorld, wallet } from '../../../test/harness/solana-world.ts';
import { NetworkUnreachable } from '../account-reader.ts';
import { createSolanaAccountReader } from './account-reader.ts';
import { MAINNET_GENESIS } from './solana-network.ts';

describe('what an account holds', () => {
  it('is its coins and its units of each asset', async () => {
    const world = createSolanaWorld();
    const { endpoints } = world;
    const reader = createSolanaAccountReader({
      network: 'SOL_MAINNET',
      expectedGenesis: world.chain.genesisHash,
      endpoints,
    });
    expect(await reader.holdings(world.treasury, [world.usdc, world.usdt])).toEqual({
      coin: 'SOL',
      coinDecimals: 9,
      coinUnits: world.chain.lamportsOf(world.treasury),
      tokens: [
        { asset: world.usdc, units: 1_000_000_000n },
        { asset: world.usdt, units: 1_000_000_000n },
      ],
    });
    expect(await reader.holdings(wallet('nobody'), [world.usdt])).toMatchObject({
      coinUnits: 0n,
      tokens: [{ units: 0n }],
    });
    await expect(reader.sequence(world.treasury)).rejects.toThrow(
      'no transaction of Solana has a place',
    );
  });

  it('is not known where no node answers, or one of another chain', async () => {
    const world = createSolanaWorld();
    const { endpoints } = world;
    const options = { network: 'SOL_MAINNET', endpoints } as const;
    world.nodes[0]?.failNext('getMultipleAccounts', 'timeout');
    const reader = createSolanaAccountReader({ ...options, expectedGenesis: null });
    await expect(reader.holdings(world.treasury, [])).rejects.toThrow(NetworkUnreachable);
    const mainnet = createSolanaAccountReader({ ...options, expectedGenesis: MAINNET_GENESIS });
    await expect(mainnet.holdings(world.treasury, [])).rejects.toThrow(NetworkUnreachable);
  });
});
