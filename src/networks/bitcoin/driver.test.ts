import { describe, expect, it } from 'vitest';
import { startBitcoinWorld, toFollow } from '../../../test/harness/bitcoin-world.ts';

describe('a payout on Bitcoin', () => {
  it('goes from coins to a final transaction', async () => {
    const world = await startBitcoinWorld({ nodeCount: 3 });
    const { driver, chain } = world;
    world.fund(50_000_000n, 70_000_000n);
    const orders = [world.order(1, 1_000_000n), world.order(2, 2_000_000n)];
    const attempt = await world.sign(orders);
    const follow = toFollow(attempt, orders);
    expect(await driver.status(follow)).toEqual({ kind: 'unseen' });
    expect(await driver.broadcast(attempt.transaction.rawTransaction)).toEqual({
      kind: 'accepted',
    });
    expect(await driver.status(follow)).toEqual({ kind: 'waiting' });
    world.mine();
    expect(await driver.status(follow)).toMatchObject({ kind: 'included' });
    world.mine(4);
    expect(await driver.status(follow)).toMatchObject({ kind: 'included' });
    world.mine();
    expect(await driver.status(follow)).toMatchObject({
      kind: 'final',
      transactionHash: attempt.transaction.transactionHash,
      fates: [{ kind: 'paid' }, { kind: 'paid' }],
    });
    expect(chain.truth.placeOf(attempt.transaction.transactionHash)).toMatchObject({ depth: 6 });
  });
});
