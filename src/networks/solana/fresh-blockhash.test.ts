import { describe, expect, it } from 'vitest';
import { createSolanaWorld, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import type { SolanaAnswerLie } from '../../../test/harness/solana-endpoint.ts';
import { SigningPostponed } from '../network.ts';
import { readFreshBlockhash } from './fresh-blockhash.ts';

function lie(world: SolanaWorld, at: number, lies: Record<string, SolanaAnswerLie>): void {
  const endpoint = world.endpoints[at];
  if (endpoint !== undefined) endpoint.lies = lies;
}

const withLastHeight =
  (change: (height: number) => number): SolanaAnswerLie =>
  (truth) => {
    const answer = structuredClone(truth) as { value: { lastValidBlockHeight: number } };
    answer.value.lastValidBlockHeight = change(answer.value.lastValidBlockHeight);
    return answer;
  };

describe('the blockhash of a transaction', () => {
  it('is of the newest final block, and not of a newer one that a fork can take away', async () => {
    const world = createSolanaWorld();
    const { block } = await readFreshBlockhash(world.pool);
    const final = world.chain.head('finalized');
    expect(block).toMatchObject({ number: BigInt(final.slot), hash: final.blockhash });
    expect(world.chain.head('confirmed').blockhash).not.toBe(final.blockhash);
  });

  it('can be used for 151 blocks, one more than nodes name', async () => {
    const world = createSolanaWorld();
    const { block, validUntilBlock } = await readFreshBlockhash(world.pool);
    expect(validUntilBlock).toBe(block.height + 151n);
    // A height, which is not a slot: slots are skipped.
    expect(block.height).toBeLessThan(block.number);
  });

  it('can be used for longer where a node says so', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    lie(world, 2, { getLatestBlockhash: withLastHeight((height) => height + 90) });
    const { block, validUntilBlock } = await readFreshBlockhash(world.pool);
    expect(validUntilBlock).toBe(block.height + 240n);
  });

  it('is never said to expire sooner than it does', async () => {
    const world = createSolanaWorld();
    lie(world, 0, { getLatestBlockhash: withLastHeight((height) => height - 100) });
    const { block, validUntilBlock } = await readFreshBlockhash(world.pool);
    expect(validUntilBlock).toBe(block.height + 151n);
  });

  it.each<[string, (height: number) => number]>([
    ['for ever', (height) => height + 1_000],
    ['not at all', () => 1],
  ])('is not taken from a node that calls it valid %s', async (_, change) => {
    const world = createSolanaWorld();
    lie(world, 0, { getLatestBlockhash: withLastHeight(change) });
    await expect(readFreshBlockhash(world.pool)).rejects.toThrow(SigningPostponed);
    const three = createSolanaWorld({ nodes: 3 });
    lie(three, 0, { getLatestBlockhash: withLastHeight(change) });
    const { block, validUntilBlock } = await readFreshBlockhash(three.pool);
    expect(validUntilBlock).toBe(block.height + 151n);
  });

  it('is the newest that a quorum has reached', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    world.nodes[0]?.set({ lagBlocks: 20 });
    const { block } = await readFreshBlockhash(world.pool);
    expect(block.hash).toBe(world.chain.head('finalized').blockhash);
    world.nodes[1]?.set({ lagBlocks: 10 });
    const later = await readFreshBlockhash(world.pool);
    expect(later.block.number).toBeLessThan(block.number);
  });

  it.each([1, 2])('is not one that is nobody’s, of %i nodes of two', async (liars) => {
    const world = createSolanaWorld({ nodes: 2 });
    for (const node of world.nodes.slice(0, liars)) node.set({ lies: ['other-blockhashes'] });
    const real = world.chain.head('finalized').blockhash;
    const taken = await readFreshBlockhash(world.pool).catch((error: unknown) => error);
    if (liars === 1) expect(taken).toBeInstanceOf(SigningPostponed);
    // Two that tell the same lie are a quorum: nothing of it lands, and the attempt dies.
    else expect(taken).not.toMatchObject({ block: { hash: real } });
  });

  it('is none where the nodes have different heights for its block', async () => {
    const world = createSolanaWorld({ nodes: 2 });
    lie(world, 1, {
      getBlock: (truth) => ({ ...(truth as object), blockHeight: 9 }),
      getLatestBlockhash: withLastHeight(() => 159),
    });
    await expect(readFreshBlockhash(world.pool)).rejects.toThrow(SigningPostponed);
  });

  it('is none where too few nodes answer', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    for (const node of world.nodes.slice(1)) node.failNext('getLatestBlockhash', 'timeout');
    await expect(readFreshBlockhash(world.pool)).rejects.toThrow(/Too few nodes/);
  });
});
