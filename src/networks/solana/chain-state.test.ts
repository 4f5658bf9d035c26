import { describe, expect, it } from 'vitest';
import type { SolanaBlock } from '../../../local-chains/solana/chain-interface.ts';
import { createSolanaWorld, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import type { BlockReference } from '../network.ts';
import { RpcErrorAnswer } from '../nodes/json-rpc.ts';
import type { SolanaAnswerLie } from '../../../test/harness/solana-endpoint.ts';

const referenceOf = ({ slot, blockhash }: SolanaBlock): BlockReference => ({
  number: BigInt(slot),
  hash: blockhash,
});
const finalSlot = (world: SolanaWorld): bigint => BigInt(world.chain.head('finalized').slot);

function lie(world: SolanaWorld, at: number, lies: Record<string, SolanaAnswerLie>): void {
  const endpoint = world.endpoints[at];
  if (endpoint !== undefined) endpoint.lies = lies;
}

describe('the head', () => {
  it('is the newest confirmed and the newest final block, by slot and blockhash', async () => {
    const world = createSolanaWorld();
    const final = world.chain.head('finalized');
    expect(await world.driver.head()).toEqual({
      latest: referenceOf(world.chain.head('confirmed')),
      final: referenceOf(final),
      finalTime: new Date(final.time * 1_000),
    });
  });

  it('is what a quorum has reached', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const first = await world.driver.head();
    world.produce(12);
    world.nodes[0]?.set({ lagBlocks: 12 });
    world.nodes[1]?.set({ lagBlocks: 12 });
    expect(await world.driver.head()).toEqual(first);
    world.nodes[1]?.heal();
    expect((await world.driver.head()).final).toEqual(referenceOf(world.chain.head('finalized')));
  });

  it('is that of a block which the node shows, where its newest is not there yet', async () => {
    const world = createSolanaWorld();
    const newest = world.chain.head('confirmed').slot;
    lie(world, 0, {
      getBlock: (truth, [slot]) => {
        if (slot === newest) throw new RpcErrorAnswer('node', 'getBlock', NOT_YET);
        return truth;
      },
    });
    const { latest } = await world.driver.head();
    expect(latest.number).toBeLessThan(BigInt(newest));
    expect(await world.driver.holds(latest)).toBe('yes');
  });

  it('is unknown where fewer than a quorum answer', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    for (const node of world.nodes.slice(1)) {
      node.set({ history: 'refuses' });
    }
    await expect(world.driver.head()).rejects.toThrow('fewer nodes than a quorum');
  });
});

const NOT_YET = { code: -32_004, message: 'Block not available for slot 1', data: null };

describe('a block', () => {
  it('is held while it is on the chain', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const block = referenceOf(world.chain.head('confirmed'));
    expect(await world.driver.holds(block)).toBe('yes');
    world.finalize();
    expect(await world.driver.holds(block)).toBe('yes');
    expect(await world.driver.holds({ ...block, hash: world.chain.genesisHash })).toBe('no');
  });

  it('is gone when a final block after it skips its slot', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    world.produce(4);
    const block = referenceOf(world.chain.head('confirmed'));
    world.chain.reorg({ depth: 8, transactions: 'drop' });
    // Nobody shows yet what took its place for good.
    expect(await world.driver.holds(block)).toBe('unknown');
    world.finalize();
    expect(await world.driver.holds(block)).toBe('no');
  });

  it('is gone though it was final, where the chain has broken its word', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const block = referenceOf(world.chain.head('finalized'));
    world.chain.reorg({ depth: 50, transactions: 'drop', pastFinal: true });
    world.finalize();
    expect(await world.driver.holds(block)).toBe('no');
  });

  it('is not denied by a node that has lost it, or is not there yet, or is silent', async () => {
    const world = createSolanaWorld();
    world.finalize();
    const old: BlockReference = referenceOf(world.chain.head('finalized'));
    world.produce(300);
    for (const history of [20, 'refuses'] as const) {
      world.nodes[0]?.set({ history });
      expect(await world.driver.holds(old)).toBe('unknown');
    }
    world.nodes[0]?.heal();
    world.nodes[0]?.failNext('getBlock', 'absent');
    expect(await world.driver.holds(old)).toBe('unknown');
    world.nodes[0]?.failNext('getBlock', 'timeout');
    expect(await world.driver.holds(old)).toBe('unknown');
    const coming = { number: BigInt(world.chain.slot()) + 5n, hash: old.hash };
    expect(await world.driver.holds(coming)).toBe('unknown');
    expect(await world.driver.holds(old)).toBe('yes');
  });

  it('is not denied by one node of three', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const block = referenceOf(world.chain.head('finalized'));
    world.nodes[0]?.set({ lies: ['other-blockhashes'] });
    expect(await world.driver.holds(block)).toBe('yes');
  });
});

describe('the units at a slot', () => {
  it('are those of its end, whatever has moved since', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const slots: [bigint, bigint][] = [];
    for (let round = 0; round < 4; round += 1) {
      const signed = await world.sign(world.order(), world.order());
      await world.driver.broadcast(signed.transaction.rawTransaction);
      world.chain.control.mintTo(world.chain.tokens.USDT.address, world.treasury, 13n);
      world.produce(8);
      slots.push([
        BigInt(world.chain.head().slot),
        world.chain.unitsOf(world.chain.tokens.USDT.address, world.treasury),
      ]);
    }
    world.finalize();
    for (const [slot, units] of slots) {
      expect(await world.driver.unitsAt(world.usdt, slot)).toBe(units);
    }
    expect(await world.driver.unitsAt(world.usdt, 0n)).toBe(0n);
  });

  it('are none before the account is there', async () => {
    const world = createSolanaWorld({ bare: true });
    expect(await world.driver.unitsAt(world.usdt, finalSlot(world))).toBe(0n);
  });

  it('are not told of a slot that is not final', async () => {
    const world = createSolanaWorld();
    const slot = finalSlot(world) + 1n;
    await expect(world.driver.unitsAt(world.usdt, slot)).rejects.toThrow('not final');
  });

  it('are not told by a node whose list of transactions is behind its state', async () => {
    const world = createSolanaWorld();
    const before = finalSlot(world);
    const signed = await world.sign(world.order());
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.finalize();
    lie(world, 0, {
      getSignaturesForAddress: (truth) => (truth as unknown[]).slice(1),
    });
    for (const slot of [before, finalSlot(world)]) {
      await expect(world.driver.unitsAt(world.usdt, slot)).rejects.toThrow('differ');
    }
  });

  it('are not told where the nodes do not agree', async () => {
    const world = createSolanaWorld({ nodes: 2 });
    lie(world, 1, { getMultipleAccounts: (truth) => oneUnitLess(truth) });
    const slot = finalSlot(world);
    await expect(world.driver.unitsAt(world.usdt, slot)).rejects.toThrow(/no quorum/);
    const three = createSolanaWorld({ nodes: 3 });
    lie(three, 1, { getMultipleAccounts: (truth) => oneUnitLess(truth) });
    expect(await three.driver.unitsAt(three.usdt, finalSlot(three))).toBe(1_000_000_000n);
  });
});

function oneUnitLess(truth: unknown): unknown {
  const answer = structuredClone(truth) as { value: { data: [string, string] }[] };
  for (const account of answer.value) {
    const data = Buffer.from(account.data[0], 'base64');
    data.writeBigUInt64LE(data.readBigUInt64LE(64) - 1n, 64);
    account.data[0] = data.toString('base64');
  }
  return answer;
}
