import { expect, test } from 'vitest';
import type { NodeManners, NodeSwitches } from './node-switches.ts';
import type { TronNode } from './node.ts';
import {
  ALICE,
  BOB,
  broadcast,
  createWorld,
  infoOf,
  tokenTransfer,
  type World,
} from './testing/world.ts';

async function heightAt(node: TronNode, view: 'wallet' | 'walletsolidity'): Promise<number> {
  const block = (await node.post(`/${view}/getnowblock`)) as {
    block_header: { raw_data: { number: number } };
  };
  return block.block_header.raw_data.number;
}

async function opened(world: World, switches: Partial<NodeSwitches>): Promise<TronNode> {
  const node = world.chain.openNode('other');
  node.set(switches);
  return await Promise.resolve(node);
}

async function transactionAt(node: TronNode, txid: string): Promise<unknown> {
  return await node.post('/wallet/gettransactionbyid', { value: txid });
}

test('a node that lags is behind in everything, and its solidity view further', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(world.node, transaction);
  await world.produce(30);
  const node = await opened(world, { lagBlocks: 5, solidityLagBlocks: 4 });
  expect(await heightAt(world.node, 'wallet')).toBe(31);
  expect(await heightAt(world.node, 'walletsolidity')).toBe(13);
  expect(await heightAt(node, 'wallet')).toBe(26);
  expect(await heightAt(node, 'walletsolidity')).toBe(4);
  node.set({ lagBlocks: 30 });
  expect(await infoOf(node, transaction.txID)).toEqual({});
  expect(await infoOf(world.node, transaction.txID)).toMatchObject({ blockNumber: 2 });
  expect(await node.post('/wallet/getblockbynum', { num: 2 })).toEqual({});
});

test('a frozen node stays on the branch that was abandoned', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(world.node, transaction);
  await world.produce();
  const node = await opened(world, { frozen: true });
  const abandoned = world.chain.truth.head();
  await world.chain.controls.reorganise({ blocks: 1, transactions: 'drop' });
  await world.produce(3);
  expect(await heightAt(node, 'wallet')).toBe(abandoned.number);
  expect(await infoOf(node, transaction.txID)).toMatchObject({ blockNumber: abandoned.number });
  expect(await node.post('/wallet/getblock', { id_or_num: abandoned.blockId })).toMatchObject({
    blockID: abandoned.blockId,
  });
  expect(await infoOf(world.node, transaction.txID)).toEqual({});
  expect(await world.node.post('/wallet/getblock', { id_or_num: abandoned.blockId })).toEqual({});
  node.set({ frozen: false });
  expect(await infoOf(node, transaction.txID)).toEqual({});
});

test.each(['SERVER_BUSY', 'OTHER_ERROR', 'TRANSACTION_EXPIRATION_ERROR'] as const)(
  'a node may answer %s to what it has accepted',
  async (afterAccept) => {
    const world = await createWorld();
    const node = await opened(world, { afterAccept });
    const transaction = await tokenTransfer(world, world.usdt);
    expect((await broadcast(node, transaction))['code']).toBe(afterAccept);
    await world.produce();
    expect(world.chain.truth.transaction(transaction.txID)?.result).toBe('SUCCESS');
  },
);

test('a node may fall silent after it has accepted', async () => {
  const world = await createWorld();
  const node = await opened(world, { afterAccept: 'silent' });
  const transaction = await tokenTransfer(world, world.usdt);
  await expect(broadcast(node, transaction)).rejects.toMatchObject({ kind: 'silent' });
  await world.produce();
  expect(world.chain.truth.transaction(transaction.txID)?.result).toBe('SUCCESS');
});

test('one node refuses what another takes: busy, or its clock ahead', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt, { livesMs: 60_000 });
  const node = await opened(world, { refuses: 'SERVER_BUSY' });
  expect((await broadcast(node, transaction))['code']).toBe('SERVER_BUSY');
  node.set({ refuses: null, clockAheadMs: 60_000 });
  expect((await broadcast(node, transaction))['code']).toBe('TRANSACTION_EXPIRATION_ERROR');
  expect(world.chain.truth.pooled()).toEqual([]);
  expect(await broadcast(world.node, transaction)).toMatchObject({ result: true });
});

test('a node that remembers what it refused calls it a duplicate, and knows nothing of it', async () => {
  const world = await createWorld();
  const node = await opened(world, { remembersRefused: true, clockAheadMs: 60_000 });
  const transaction = await tokenTransfer(world, world.usdt, { livesMs: 60_000 });
  expect((await broadcast(node, transaction))['code']).toBe('TRANSACTION_EXPIRATION_ERROR');
  node.set({ clockAheadMs: 0 });
  expect((await broadcast(node, transaction))['code']).toBe('DUP_TRANSACTION_ERROR');
  expect(await transactionAt(node, transaction.txID)).toEqual({});
  node.set({ remembersRefused: false });
  expect(await broadcast(node, transaction)).toMatchObject({ result: true });
});

test('a node may lose what it says it has taken', async () => {
  const world = await createWorld();
  const node = await opened(world, { losesBroadcasts: true });
  const transaction = await tokenTransfer(world, world.usdt);
  expect(await broadcast(node, transaction)).toMatchObject({ result: true });
  await world.produce(2);
  expect(world.chain.truth.transaction(transaction.txID)).toBeNull();
  expect(await transactionAt(node, transaction.txID)).toEqual({});
});

test('what a node keeps to itself is in no block until it passes it on', async () => {
  const world = await createWorld();
  const node = await opened(world, { keepsToItself: true });
  const transaction = await tokenTransfer(world, world.usdt);
  expect(await broadcast(node, transaction)).toMatchObject({ result: true });
  await world.produce(3);
  expect(await transactionAt(node, transaction.txID)).toMatchObject({ txID: transaction.txID });
  expect(await transactionAt(world.node, transaction.txID)).toEqual({});
  node.set({ keepsToItself: false });
  expect(await transactionAt(world.node, transaction.txID)).toMatchObject({
    txID: transaction.txID,
  });
  await world.produce();
  expect(world.chain.truth.transaction(transaction.txID)?.result).toBe('SUCCESS');
});

test('what one node keeps, another can be given', async () => {
  const world = await createWorld();
  const node = await opened(world, { keepsToItself: true });
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(node, transaction);
  expect(await broadcast(world.node, transaction)).toMatchObject({ result: true });
  await world.produce();
  expect(world.chain.truth.transfersOf(world.usdt)).toHaveLength(2);
});

test('a pooled transaction shows a result before it is in any block, to nodes that listen', async () => {
  const world = await createWorld();
  const deaf = await opened(world, { deafToGossip: true });
  const transaction = await tokenTransfer(world, world.usdt, { units: 200_000_000n });
  await broadcast(world.node, transaction);
  expect(await transactionAt(world.node, transaction.txID)).toMatchObject({
    ret: [{ contractRet: 'REVERT' }],
  });
  expect(await world.node.post('/wallet/getpendingsize')).toEqual({ pendingSize: 1 });
  expect(await world.node.post('/wallet/gettransactionlistfrompending')).toEqual({
    txId: [transaction.txID],
  });
  expect(await transactionAt(deaf, transaction.txID)).toEqual({});
  expect(await deaf.post('/wallet/getpendingsize')).toEqual({ pendingSize: 0 });
  expect(
    await world.node.post('/walletsolidity/gettransactionbyid', { value: transaction.txID }),
  ).toEqual({});
});

test('a node may deny a transaction that is there, at one view or both', async () => {
  const world = await createWorld({ solidifiedAfterBlocks: 1 });
  const transaction = await tokenTransfer(world, world.usdt);
  const { txID } = transaction;
  const node = await opened(world, { denies: [txID] });
  await broadcast(world.node, transaction);
  expect(await transactionAt(node, txID)).toEqual({});
  await world.produce(3);
  expect(await infoOf(node, txID)).toEqual({});
  expect(await infoOf(node, txID, 'walletsolidity')).toEqual({});
  expect(await node.post('/wallet/gettransactioninfobyblocknum', { num: 2 })).toEqual([]);
  const block = await world.node.post('/wallet/getblockbynum', { num: 2 });
  expect(block).toHaveProperty('transactions');
  expect(await node.post('/wallet/getblockbynum', { num: 2 })).not.toHaveProperty('transactions');
  node.set({ denies: [], deniesSolid: [txID] });
  expect(await infoOf(node, txID)).toMatchObject({ blockNumber: 2 });
  expect(await infoOf(node, txID, 'walletsolidity')).toEqual({});
  node.set({ deniesSolid: [] });
  expect(await infoOf(node, txID, 'walletsolidity')).toMatchObject({ blockNumber: 2 });
  node.set({ deniesAll: true });
  expect(await infoOf(node, txID)).toEqual({});
  expect(await transactionAt(node, txID)).toEqual({});
});

test('a node may have no history, or no infos', async () => {
  const world = await createWorld();
  const transaction = await tokenTransfer(world, world.usdt);
  await broadcast(world.node, transaction);
  await world.produce(2);
  const node = await opened(world, { forgetsBelow: 3 });
  expect(await infoOf(node, transaction.txID)).toEqual({});
  expect(await node.post('/wallet/getblockbynum', { num: 2 })).toEqual({});
  node.set({ forgetsBelow: 0, withoutInfo: true });
  expect(await infoOf(node, transaction.txID)).toEqual({});
  expect(await transactionAt(node, transaction.txID)).toMatchObject({
    ret: [{ contractRet: 'SUCCESS' }],
  });
});

test('accounts show what is pooled, unless the state is stale', async () => {
  const world = await createWorld();
  const stale = await opened(world, { stateLagBlocks: 1 });
  const balanceAt = async (node: TronNode): Promise<bigint> => {
    const answer = (await node.post('/wallet/triggerconstantcontract', {
      owner_address: ALICE.address,
      contract_address: world.usdt,
      function_selector: 'balanceOf(address)',
      parameter: '00'.repeat(12) + hexOfBob,
      visible: true,
    })) as { constant_result: string[] };
    return BigInt(`0x${answer.constant_result[0]}`);
  };
  await broadcast(world.node, await tokenTransfer(world, world.usdt));
  expect(await balanceAt(world.node)).toBe(1_000_000n);
  expect(await balanceAt(stale)).toBe(0n);
  await world.produce();
  expect(await balanceAt(stale)).toBe(0n);
  await world.produce();
  expect(await balanceAt(stale)).toBe(1_000_000n);
});

const hexOfBob = '1563915e194d8cfba1943570603f7606a3115508';

test.each<[NodeManners, string]>([
  ['silent', 'silent'],
  ['refused', 'refused'],
  ['unavailable', 'unavailable'],
  ['broken', 'broken'],
])('a node that is %s gives no answer', async (manners, kind) => {
  const world = await createWorld();
  const node = await opened(world, { manners });
  await expect(node.post('/wallet/getnowblock')).rejects.toMatchObject({ kind });
  node.set({ manners: 'well' });
  expect(await heightAt(node, 'wallet')).toBe(1);
});

test('a node may be overloaded, empty or garbled', async () => {
  const world = await createWorld();
  const node = await opened(world, { manners: 'overloaded' });
  expect(await node.post('/wallet/getnowblock')).toEqual({
    Error: 'class java.lang.IllegalAccessException : lack of computing resources',
  });
  node.set({ manners: 'empty' });
  expect(await node.post('/wallet/getnowblock')).toEqual({});
  node.set({ manners: 'garbled' });
  const honest = await world.node.post('/wallet/getnowblock');
  const answers = [];
  for (let asked = 0; asked < 8; asked += 1) answers.push(await node.post('/wallet/getnowblock'));
  for (const answer of answers) expect(answer).not.toEqual(honest);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBeGreaterThan(3);
});

test('what is not asked rightly is answered as java-tron does', async () => {
  const world = await createWorld();
  const ask = async (path: string, body: unknown): Promise<unknown> =>
    await world.node.post(path, body);
  expect(await ask('wallet/getpendingsize', {})).toEqual({ pendingSize: 0 });
  await expect(ask('/wallet/nothing', {})).rejects.toMatchObject({ kind: 'no such path' });
  await expect(ask('/walletsolidity/broadcasttransaction', {})).rejects.toMatchObject({
    kind: 'no such path',
  });
  expect(await ask('/wallet/getaccount', { address: 'T123' })).toHaveProperty('Error');
  expect(await ask('/wallet/getaccount', { address: BOB.address })).toHaveProperty('Error');
  expect(await ask('/wallet/getaccount', { address: BOB.address, visible: true })).toEqual({});
  expect(await ask('/wallet/broadcasttransaction', { signature: ['00'] })).toHaveProperty('Error');
  expect(await ask('/wallet/broadcasthex', { transaction: '0a' })).toHaveProperty('Error');
  expect(await ask('/wallet/getblockbynum', { num: 'x' })).toHaveProperty('Error');
});

test('a block can be had by number, id, range and from the end, with or without what it holds', async () => {
  const world = await createWorld();
  await broadcast(world.node, await tokenTransfer(world, world.usdt));
  await world.produce(3);
  const second = world.chain.truth.block(2);
  const ask = async (path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> =>
    (await world.node.post(path, body)) as Readonly<Record<string, unknown>>;
  expect(await ask('/wallet/getblock', { id_or_num: '2' })).not.toHaveProperty('transactions');
  const whole = await ask('/wallet/getblock', { id_or_num: '2', detail: true });
  expect(whole).toMatchObject({
    blockID: second?.blockId,
    transactions: [{ txID: second?.txids[0] }],
  });
  expect(await ask('/wallet/getblockbyid', { value: second?.blockId })).toEqual(whole);
  expect(await ask('/wallet/getblockbynum', { num: 2 })).toEqual(whole);
  const range = await ask('/wallet/getblockbylimitnext', { startNum: 2, endNum: 4 });
  expect(range['block']).toMatchObject([{ blockID: second?.blockId }, {}]);
  const latest = await ask('/wallet/getblockbylatestnum', { num: 3 });
  expect(latest['block']).toHaveLength(3);
  const infos = await world.node.post('/wallet/gettransactioninfobyblocknum', { num: 2 });
  expect(infos).toMatchObject([{ id: second?.txids[0], blockNumber: 2 }]);
});
