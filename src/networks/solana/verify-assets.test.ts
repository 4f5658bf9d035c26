import { describe, expect, it } from 'vitest';
import { createSolanaWorld, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import type { Asset } from '../../money/asset.ts';
import { ChainMismatch } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { connectNodes } from './nodes.ts';
import { MAINNET_GENESIS } from './solana-network.ts';
import { verifyAssets } from './verify-assets.ts';

async function verify(world: SolanaWorld, assets: readonly Asset[]): Promise<unknown> {
  return await verifyAssets(world.pool, { network: 'SOL_MAINNET', assets }).catch(
    (error: unknown) => error,
  );
}

describe('the assets of Solana', () => {
  it('are as configured', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    expect(await verify(world, [world.usdt, world.usdc])).toBeUndefined();
    await world.driver.verifyAssets();
  });

  it.each<[string, (world: SolanaWorld) => Partial<Asset>, RegExp]>([
    ['with other decimals', () => ({ decimals: 9 }), /has 6 decimals on chain, 9 configured/],
    ['without a mint', () => ({ contract: null }), /has no mint/],
    [
      'that nothing is at',
      (world) => ({ contract: world.tokenAccount('So11111111111111111111111111111111111111112') }),
      /does not exist/,
    ],
    [
      'that are a wallet',
      (world) => ({ contract: world.treasury }),
      /no mint of the token program/,
    ],
    [
      'that are a token account',
      (world) => ({ contract: world.tokenAccount(world.treasury) }),
      /no mint/,
    ],
    [
      'of Token-2022, whose transfers may cost a fee',
      (world) => ({
        contract: world.chain.control.createMint({ program: 'token-2022', decimals: 6 }),
      }),
      /Token-2022/,
    ],
  ])('%s stop the start', async (_, change, words) => {
    const world = createSolanaWorld();
    const fields = change(world);
    world.finalize();
    const error = await verify(world, [{ ...world.usdt, ...fields }]);
    expect(error).toBeInstanceOf(ChainMismatch);
    expect(error).toMatchObject({
      network: 'SOL_MAINNET',
      message: expect.stringMatching(words) as string,
    });
  });

  it('are not compared while no quorum answers, or agrees', async () => {
    const world = createSolanaWorld({ nodes: 2 });
    world.nodes[1]?.failNext('getMultipleAccounts', 'timeout');
    expect(await verify(world, [world.usdt])).toBeInstanceOf(RpcFailure);
    const twins = createSolanaWorld({ nodes: 2 });
    twins.nodes[1]?.failNext('getMultipleAccounts', 'absent');
    expect(await verify(twins, [twins.usdt])).toBeInstanceOf(RpcFailure);
  });
});

describe('a node of another chain', () => {
  it('stops the start, and is heard about nothing', async () => {
    const world = createSolanaWorld();
    const [endpoint] = world.endpoints;
    const pool = connectNodes({
      expectedGenesis: MAINNET_GENESIS,
      endpoints: endpoint === undefined ? [] : [endpoint],
    });
    const verifying = verifyAssets(pool, { network: 'SOL_MAINNET', assets: [] });
    await expect(verifying).rejects.toThrow(ChainMismatch);
    await expect(pool.all[0]?.latestBlock()).rejects.toThrow(/is of the chain/);
  });

  it('stops the start where any chain would do, but for one of their own', async () => {
    const world = createSolanaWorld();
    const other = createSolanaWorld({ chain: { seed: 'other' } });
    const mixed = (worlds: readonly SolanaWorld[]) =>
      connectNodes({ expectedGenesis: null, endpoints: worlds.flatMap((it) => it.endpoints) });
    const asked = { network: 'SOL_MAINNET', assets: [] } as const;
    await expect(verifyAssets(mixed([world, world, other]), asked)).rejects.toThrow(ChainMismatch);
    await expect(verifyAssets(mixed([world, other]), asked)).rejects.toThrow(RpcFailure);
    await verifyAssets(mixed([world, world]), asked);
  });
});
