import { beforeEach, describe, expect, it } from 'vitest';
import { openTronWorld, SOLID_BLOCKS, type TronWorld } from '../../../test/harness/tron-world.ts';
import type { BlockReference } from '../network.ts';

let world: TronWorld;
beforeEach(async () => {
  world = await openTronWorld({ nodes: 3 });
});

const node = (number: number) => world.chain.openNode(`node ${number}`);
const block = (number: number): BlockReference => ({
  number: BigInt(number),
  hash: world.chain.truth.block(number)?.blockId ?? 'none',
});

describe('the head', () => {
  it('is the newest block and the newest solidified one, with its time', async () => {
    const [head, solidified] = [world.chain.truth.head(), world.chain.truth.solidified()];
    expect(head.number - solidified.number).toBe(SOLID_BLOCKS);
    expect(await world.driver.head()).toEqual({
      latest: block(head.number),
      final: block(solidified.number),
      finalTime: new Date(solidified.timestampMs),
    });
  });

  it('is as far as a quorum has come', async () => {
    node(1).set({ lagBlocks: 2 });
    expect((await world.driver.head()).final).toEqual(block(3));
    node(2).set({ lagBlocks: 1 });
    expect((await world.driver.head()).final).toEqual(block(2));
    node(3).set({ manners: 'silent' });
    expect((await world.driver.head()).final).toEqual(block(1));
    node(2).set({ manners: 'broken' });
    await expect(world.driver.head()).rejects.toThrow('fewer nodes than a quorum');
  });

  it('is not told by a node whose solidified block is not on its chain', async () => {
    for (const endpoint of world.nodes.slice(0, 2)) {
      endpoint.lies = {
        'walletsolidity/getblock': (truth) => {
          const { blockID = '' } = truth as { blockID?: string };
          return { ...(truth as object), blockID: `${blockID.slice(0, 16)}${'11'.repeat(24)}` };
        },
      };
    }
    await expect(world.driver.head()).rejects.toThrow("is not on the node's chain");
  });

  it('names a node that stands still', async () => {
    node(2).set({ frozen: true });
    for (let round = 0; round < 30; round += 1) {
      await world.driver.head();
      await world.blocks(2);
    }
    expect(world.alarms).toEqual([expect.stringMatching(/^node 2 (stands still|lags behind)/)]);
  });
});

describe('a block is held', () => {
  it('where a quorum has it, and denied where it has another', async () => {
    const left = block(20);
    expect(await world.driver.holds(left)).toBe('yes');
    await world.chain.controls.reorganise({ blocks: 3, transactions: 'return', replace: true });
    expect(await world.driver.holds(left)).toBe('no');
    expect(await world.driver.holds(block(20))).toBe('yes');
  });

  it('or not, where it is still to come, or too few answer', async () => {
    expect(await world.driver.holds({ number: 50n, hash: 'ab'.repeat(32) })).toBe('unknown');
    node(1).set({ manners: 'silent' });
    expect(await world.driver.holds(block(20))).toBe('yes');
    node(2).set({ lagBlocks: 5 });
    expect(await world.driver.holds(block(20))).toBe('unknown');
  });

  it('never by one node against two that do not agree', async () => {
    const [first, second] = world.nodes;
    const lie = (hash: string) => ({
      'wallet/getblock': (truth: unknown) => {
        const { blockID = '' } = truth as { blockID?: string };
        return { ...(truth as object), blockID: `${blockID.slice(0, 16)}${hash.repeat(24)}` };
      },
    });
    const held = block(20);
    await world.driver.head();
    if (first !== undefined) first.lies = lie('11');
    if (second !== undefined) second.lies = lie('22');
    expect(await world.driver.holds(held)).toBe('unknown');
  });
});
