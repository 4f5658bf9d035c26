import { expect, test } from 'vitest';
import {
  ALICE,
  BOB,
  broadcast,
  createWorld,
  infoOf,
  sunTransfer,
  tokenTransfer,
  TRX,
  type World,
} from './testing/world.ts';

/** Bob's units on chain, from the chain's own storage. */
async function unitsOfBob(world: World): Promise<bigint> {
  return await world.chain.truth.unitsOf(world.usdt, BOB.address);
}

test('a dropped block takes back what it did, and its transactions return', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(world.node, transaction);
  await world.produce();
  const before = world.chain.truth.head();
  expect(await unitsOfBob(world)).toBe(1_000_000n);
  await world.chain.controls.reorganise({ blocks: 1, transactions: 'return' });
  expect(world.chain.truth.head().number).toBe(before.number - 1);
  expect(await unitsOfBob(world)).toBe(0n);
  expect(world.chain.truth.sunOf(ALICE.address)).toBe(1_000n * TRX);
  expect(await infoOf(world.node, transaction.txID)).toEqual({});
  expect(world.chain.truth.pooled()).toEqual([transaction.txID]);
  await world.produce();
  const after = world.chain.truth.head();
  expect(after.txids).toEqual([transaction.txID]);
  expect(after.blockId).not.toBe(before.blockId);
  expect(await unitsOfBob(world)).toBe(1_000_000n);
  expect(world.chain.truth.blocksDropped()).toBe(1);
});

test('the same transactions at the same times on another branch are other blocks', async () => {
  const world = await createWorld();
  await broadcast(world.node, await tokenTransfer(world, world.usdt));
  await world.produce(2);
  const before = world.chain.truth.head();
  await world.chain.controls.reorganise({ blocks: 2, transactions: 'return', replace: true });
  const after = world.chain.truth.head();
  expect(after.number).toBe(before.number + 1);
  expect(world.chain.truth.block(before.number)).toMatchObject({ timestampMs: before.timestampMs });
  expect(world.chain.truth.block(before.number)?.blockId).not.toBe(before.blockId);
  expect(world.chain.truth.block(2)?.txids).toHaveLength(1);
});

test('dropped transactions are gone, and can be sent again while they live', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(world.node, transaction);
  await world.produce();
  await world.chain.controls.reorganise({ blocks: 1, transactions: 'drop' });
  await world.produce(3);
  expect(await unitsOfBob(world)).toBe(0n);
  expect(await broadcast(world.node, transaction)).toMatchObject({ result: true });
  await world.produce();
  expect(await unitsOfBob(world)).toBe(1_000_000n);
});

test('a transaction that refers to a dropped block can be in no other branch', async () => {
  const world = await createWorld();
  await world.produce();
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(world.node, transaction);
  await world.produce();
  await world.chain.controls.reorganise({ blocks: 2, transactions: 'return' });
  await world.produce(3);
  expect(world.chain.truth.transaction(transaction.txID)).toBeNull();
  expect((await broadcast(world.node, transaction))['code']).toBe('TAPOS_ERROR');
});

test('no solidified block can be dropped', async () => {
  const world = await createWorld({ solidifiedAfterBlocks: 2 });
  await world.produce(5);
  expect(world.chain.truth.solidified().number).toBe(4);
  const drop = async (blocks: number): Promise<void> => {
    await world.chain.controls.reorganise({ blocks, transactions: 'return' });
  };
  await expect(drop(3)).rejects.toThrow('4 is solidified');
  await drop(2);
  expect(world.chain.truth.head().number).toBe(4);
  expect(world.chain.truth.solidified().number).toBe(4);
  await expect(drop(1)).rejects.toThrow('4 is solidified');
  await world.produce();
  expect(world.chain.truth.solidified().number).toBe(4);
});

test('what the controls did is done again on the other branch', async () => {
  const world = await createWorld();
  world.chain.controls.mint(world.usdc, BOB.address, 5n);
  world.chain.controls.giveSun(BOB.address, 9n);
  world.chain.controls.setResources(BOB.address, { energyLimit: 77 });
  await world.produce();
  await world.chain.controls.reorganise({ blocks: 1, transactions: 'drop' });
  expect(world.chain.truth.sunOf(BOB.address)).toBe(0n);
  await world.produce();
  expect(world.chain.truth.sunOf(BOB.address)).toBe(9n);
  expect(await world.chain.truth.unitsOf(world.usdc, BOB.address)).toBe(5n);
  expect(
    await world.node.post('/wallet/getaccountresource', { address: BOB.address, visible: true }),
  ).toMatchObject({ EnergyLimit: 77 });
});

test('an expired transaction is in no block, held back or dropped and returned', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt, { livesMs: 6_000 });
  await broadcast(world.node, transaction);
  world.chain.controls.holdBackAll(true);
  await world.produce(2);
  expect(world.chain.truth.pooled()).toEqual([transaction.txID]);
  await world.produce();
  expect(world.chain.truth.pooled()).toEqual([]);
  world.chain.controls.holdBackAll(false);
  await world.produce();
  expect(world.chain.truth.transaction(transaction.txID)).toBeNull();
  expect((await broadcast(world.node, transaction))['code']).toBe('TRANSACTION_EXPIRATION_ERROR');
});

test('as in java-tron it is the block before that must be older than the expiration', async () => {
  const world = await createWorld();
  const head = world.chain.truth.head();
  const transaction = await tokenTransfer(world, world.usdt, { livesMs: 4_000 });
  await broadcast(world.node, transaction);
  world.passMs(60_000);
  await world.produce();
  const home = world.chain.truth.transaction(transaction.txID);
  expect(home?.blockNumber).toBe(head.number + 1);
  expect(world.chain.truth.head().timestampMs).toBeGreaterThan(head.timestampMs + 4_000);
});

test('one held back lands when it is released, a dropped one never', async () => {
  const world = await createWorld();
  const late = await tokenTransfer(world, world.usdt);
  const lost = await tokenTransfer(world, world.usdc);
  await broadcast(world.node, late);
  await broadcast(world.node, lost);
  world.chain.controls.holdBack(late.txID, true);
  expect(world.chain.controls.dropFromPool(lost.txID)).toBe(true);
  expect(world.chain.controls.dropFromPool(lost.txID)).toBe(false);
  await world.produce(4);
  expect(world.chain.truth.transaction(late.txID)).toBeNull();
  world.chain.controls.holdBack(late.txID, false);
  await world.produce();
  expect(world.chain.truth.transaction(late.txID)?.result).toBe('SUCCESS');
  expect(world.chain.truth.transaction(lost.txID)).toBeNull();
});

test('a pooled transaction that can no longer be paid for is left out', async () => {
  const world = await createWorld();
  // Both are judged on what is there before either.
  const first = await sunTransfer(world, 900n * TRX);
  const second = await sunTransfer(world, 800n * TRX);
  const stale = world.chain.openNode('stale');
  await broadcast(world.node, first);
  expect((await broadcast(world.node, second))['code']).toBe('CONTRACT_VALIDATE_ERROR');
  await world.produce();
  stale.set({ lagBlocks: 1 });
  expect(await broadcast(stale, second)).toMatchObject({ result: true });
  await world.produce();
  expect(world.chain.truth.transaction(second.txID)).toBeNull();
  expect(world.chain.truth.pooled()).toEqual([]);
  expect(world.chain.truth.sunOf(BOB.address)).toBe(900n * TRX);
});

test('the same calls at the same times give the same blocks', async () => {
  const run = async (): Promise<readonly string[]> => {
    const world = await createWorld();
    await broadcast(world.node, await tokenTransfer(world, world.usdt));
    await world.produce(3);
    await world.chain.controls.reorganise({ blocks: 2, transactions: 'return' });
    await broadcast(world.node, await sunTransfer(world, 3n));
    await world.produce(20);
    return Array.from(
      { length: 23 },
      (_, number) => world.chain.truth.block(number)?.blockId ?? '',
    );
  };
  const blocks = await run();
  expect(new Set(blocks).size).toBe(23);
  expect(blocks[20]?.slice(0, 16)).toBe('0000000000000014');
  expect(await run()).toEqual(blocks);
});

test('what a control asks for while a block is made is in that block or in the next', async () => {
  const world = await createWorld();
  await broadcast(world.node, await tokenTransfer(world, world.usdt));
  const making = world.chain.produceBlock();
  const given = 100n;
  for (let count = 0n; count < given; count += 1n) {
    world.chain.controls.giveSun(BOB.address, 1n);
    // A few steps of the machine: the block is ready long before the last is asked for.
    for (let step = 0; step < 20; step += 1) await Promise.resolve();
  }
  await making;
  await world.produce();
  expect(world.chain.truth.sunOf(BOB.address)).toBe(given);
});
