import { base58 } from '@scure/base';
import { describe, expect, it } from 'vitest';
import { createSolanaWorld, wallet, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import type { SolanaAnswerLie } from '../../../test/harness/solana-endpoint.ts';
import { present } from '../../base/assert.ts';
import { AGREEMENTS_TO_RETURN } from '../nodes/node-standing.ts';
import type { Movement, TransferOrder } from '../network.ts';
import { transferChecked } from './instructions.ts';
import { encodeMessage, encodeTransaction } from './message.ts';

const finalSlot = (world: SolanaWorld): bigint => BigInt(world.chain.head('finalized').slot);

async function movements(world: SolanaWorld, from = 0n): Promise<readonly Movement[]> {
  return await world.driver.movements(world.usdt, { from, to: finalSlot(world) });
}

async function pay(world: SolanaWorld, ...orders: TransferOrder[]): Promise<string> {
  const signed = await world.sign(...orders);
  await world.driver.broadcast(signed.transaction.rawTransaction);
  world.finalize();
  return signed.fence;
}

/** A transfer that the treasury's key signs without Knit. */
async function steal(world: SolanaWorld, to: string, units: bigint): Promise<string> {
  const mint = world.chain.tokens.USDT.address;
  world.chain.control.openTokenAccount(mint, to);
  world.produce(3);
  const message = encodeMessage({
    feePayer: world.treasury,
    blockhash: world.chain.head('confirmed').blockhash,
    instructions: [
      transferChecked({
        source: world.tokenAccount(world.treasury),
        mint,
        destination: world.tokenAccount(to),
        authority: world.treasury,
        units,
        decimals: 6,
      }),
    ],
  });
  const signature = await world.signer.sign(message);
  await world.driver.broadcast(encodeTransaction(signature, message));
  world.finalize();
  return base58.encode(signature);
}

describe('the movements of the treasury', () => {
  it('are its deposits and its payouts, each with the address that was ordered', async () => {
    const world = createSolanaWorld();
    const from = finalSlot(world) + 1n;
    const there = world.order();
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, there.toAddress);
    world.chain.control.mintTo(world.chain.tokens.USDT.address, world.treasury, 7n);
    world.finalize();
    const direct = world.order({ toAddress: world.tokenAccount(there.toAddress) });
    const orders = [there, world.order(), direct];
    const fence = await pay(world, ...orders);
    const [deposit, ...outgoing] = await movements(world, from);
    expect(deposit).toMatchObject({ direction: 'in', units: 7n, carried: null, kind: 'transfer' });
    expect(outgoing.map(({ counterparty }) => counterparty)).toEqual(
      orders.map((it) => it.toAddress),
    );
    expect(outgoing.map(({ units }) => units)).toEqual(orders.map((it) => it.units));
    expect(outgoing.map((it) => it.payoutId)).toEqual(orders.map((it) => it.payoutId));
    const landed = present(world.chain.transaction(fence), 'it has landed');
    for (const it of outgoing) {
      expect(it).toMatchObject({
        direction: 'out',
        carried: { fence, authorityHash: fence },
        transactionHash: fence,
        block: { number: BigInt(landed.slot) },
      });
    }
    expect(new Set(outgoing.map(({ logIndex }) => logIndex)).size).toBe(3);
  });

  it('name the account where the recipient has given it to somebody else', async () => {
    const world = createSolanaWorld();
    const order = world.order();
    const account = world.tokenAccount(order.toAddress);
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, order.toAddress);
    world.finalize();
    const signed = await world.sign(order);
    const held = present(world.chain.account(account), 'it is open');
    const data = Uint8Array.from(held.data);
    data.set(base58.decode(wallet('another')), 32);
    world.chain.control.setAccount(account, { ...held, data });
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.finalize();
    const found = (await movements(world)).filter(({ direction }) => direction === 'out');
    // By the payout that the transaction names, it is explained nevertheless.
    expect(found).toMatchObject([{ counterparty: account, payoutId: order.payoutId }]);
  });

  it('are of the slots asked, both ends included', async () => {
    const world = createSolanaWorld();
    const fence = await pay(world, world.order());
    const slot = BigInt(present(world.chain.transaction(fence), 'it has landed').slot);
    const between = async (from: bigint, to: bigint): Promise<number> =>
      (await world.driver.movements(world.usdt, { from, to })).length;
    expect(await between(slot, slot)).toBe(1);
    expect(await between(slot + 1n, slot + 3n)).toBe(0);
    expect(await between(slot - 1n, slot - 1n)).toBe(0);
    expect(await between(slot, slot - 1n)).toBe(0);
  });

  it('are of the asset asked', async () => {
    const world = createSolanaWorld();
    await pay(world, world.order({ asset: world.usdc }));
    const range = { from: 5n, to: finalSlot(world) };
    expect(await world.driver.movements(world.usdc, range)).toHaveLength(1);
    expect(await world.driver.movements(world.usdt, range)).toHaveLength(0);
  });

  it('that the key has signed elsewhere are told as such', async () => {
    const world = createSolanaWorld();
    const from = finalSlot(world) + 1n;
    const thief = wallet('thief');
    const signature = await steal(world, thief, 5_000n);
    expect(await movements(world, from)).toEqual([
      {
        kind: 'transfer',
        direction: 'out',
        units: 5_000n,
        counterparty: thief,
        transactionHash: signature,
        logIndex: 0n,
        block: expect.anything() as object,
        carried: { fence: signature, authorityHash: signature },
      },
    ]);
  });

  it('are none of a transaction that failed, or that only names the account', async () => {
    const world = createSolanaWorld();
    const from = finalSlot(world) + 1n;
    const order = world.order();
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, order.toAddress);
    world.finalize();
    const signed = await world.sign(order);
    world.chain.control.freeze(world.tokenAccount(order.toAddress));
    world.produce();
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.finalize();
    expect(world.chain.transaction(signed.fence)?.error).not.toBeNull();
    expect(await movements(world, from)).toEqual([]);
  });

  it('add up to what the treasury holds', async () => {
    const world = createSolanaWorld();
    for (let round = 0; round < 4; round += 1) {
      const orders = [world.order(), world.order()];
      const signed = await world.sign(...orders);
      await world.driver.broadcast(signed.transaction.rawTransaction);
      world.chain.control.mintTo(world.chain.tokens.USDT.address, world.treasury, 11n);
      world.produce(2);
    }
    world.finalize();
    const sum = (await movements(world)).reduce(
      (total, { direction, units }) => total + (direction === 'in' ? units : -units),
      0n,
    );
    expect(sum).toBe(world.chain.unitsOf(world.chain.tokens.USDT.address, world.treasury));
    expect(await world.driver.unitsAt(world.usdt, finalSlot(world))).toBe(sum);
  });

  it('are read a page of signatures at a time', async () => {
    const world = createSolanaWorld();
    for (let round = 0; round < 5; round += 1) await pay(world, world.order());
    const all = await movements(world);
    const [endpoint] = world.endpoints;
    const pages: number[] = [];
    if (endpoint !== undefined) {
      endpoint.lies = {
        // As a node that has 1,000 more between them: the page is full, and goes on.
        getSignaturesForAddress: async (_, [address, options]) => {
          const node = world.chain.openNode('paging');
          const given = options as Record<string, string | number>;
          const page = (await node.request('getSignaturesForAddress', [
            address ?? null,
            { ...given, limit: 2 },
          ])) as { slot: number }[];
          pages.push(page.length);
          return page;
        },
      };
    }
    // A short page ends the list: two are found.
    const short = await movements(world).catch((error: unknown) => error);
    expect(pages).toEqual([2]);
    expect(short).not.toEqual(all);
  });
});

describe('movements that are not sure are not told', () => {
  async function paidWorld(nodes: number): Promise<SolanaWorld> {
    const world = createSolanaWorld({ nodes });
    for (let round = 0; round < 3; round += 1) await pay(world, world.order());
    return world;
  }

  const without =
    (index: number): SolanaAnswerLie =>
    (truth) =>
      (truth as unknown[]).toSpliced(index, 1);

  function lie(world: SolanaWorld, lies: Record<string, SolanaAnswerLie>): void {
    const [endpoint] = world.endpoints;
    if (endpoint !== undefined) endpoint.lies = lies;
  }

  it('where a node leaves out one of them: the others do not follow from each other', async () => {
    const world = await paidWorld(1);
    lie(world, { getSignaturesForAddress: without(1) });
    await expect(movements(world)).rejects.toThrow('missing');
  });

  it('where a node lists one and does not show it', async () => {
    const world = await paidWorld(1);
    lie(world, { getTransaction: () => null });
    await expect(movements(world)).rejects.toThrow('not there');
  });

  it.each<[string, SolanaAnswerLie]>([
    ['in another order', (truth) => (truth as unknown[]).toReversed()],
    ['twice', (truth) => [...(truth as unknown[]), (truth as unknown[])[0]]],
    ['without slots', (truth) => (truth as object[]).map((it) => ({ ...it, slot: null }))],
    ['as no list', () => null],
  ])('where a node lists them %s', async (_, change) => {
    const world = await paidWorld(1);
    lie(world, { getSignaturesForAddress: change });
    await expect(movements(world)).rejects.toThrow();
  });

  it('where the slots are not final', async () => {
    const world = await paidWorld(1);
    const range = { from: 0n, to: finalSlot(world) + 1n };
    await expect(world.driver.movements(world.usdt, range)).rejects.toThrow('is not final');
  });

  it('where the history does not reach back', async () => {
    const world = await paidWorld(1);
    world.nodes[0]?.set({ history: 60 });
    await expect(movements(world)).rejects.toThrow('does not reach back');
  });

  it('where no quorum agrees', async () => {
    const world = await paidWorld(2);
    lie(world, { getSignaturesForAddress: without(0) });
    await expect(movements(world)).rejects.toThrow('different transfers');
  });

  it('and one node against two is put in quarantine', async () => {
    const world = await paidWorld(3);
    lie(world, { getSignaturesForAddress: without(0) });
    expect(await movements(world)).toHaveLength(4);
    lie(world, {});
    // Its word counts for nothing now, so two are left of which both are needed.
    world.nodes[1]?.failNext('getSignaturesForAddress', 'error');
    await expect(movements(world)).rejects.toThrow();
    expect(AGREEMENTS_TO_RETURN).toBeGreaterThan(1);
  });
});
