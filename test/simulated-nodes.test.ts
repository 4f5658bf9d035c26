import { toHex, type Hex } from 'viem';
import { beforeEach, describe, expect, test } from 'vitest';
import { RpcErrorAnswer, RpcFailure } from '../src/networks/nodes/json-rpc.ts';
import { spentSlotOf } from '../src/networks/evm/spent-slot.ts';
import {
  createSimulatedPayer,
  PROXY,
  RECIPIENT,
  type LaneOrder,
  type SimulatedPayer,
} from './harness/simulated-payer.ts';
import type { FaultKind, SimulatedNode } from './harness/simulated-chain/simulated-chain.ts';
import { testKey } from './harness/treasury-contract.ts';

// What the chain of the simulation has that no local chain has: faults, pools, branches, history.

let payer: SimulatedPayer;
beforeEach(async () => {
  payer = await createSimulatedPayer();
});

const GWEI = 10n ** 9n;

/** The node's words, or "accepted". */
async function saidOf(raw: Hex, node?: SimulatedNode): Promise<string> {
  try {
    await payer.send(raw, node);
    return 'accepted';
  } catch (error) {
    if (error instanceof RpcErrorAnswer) return error.nodeMessage;
    throw error;
  }
}

async function receiptOf(hash: Hex, node = payer.node): Promise<{ status: Hex } | null> {
  return (await node.request('eth_getTransactionReceipt', [hash])) as { status: Hex } | null;
}

async function heightOf(node: SimulatedNode, tag = 'latest'): Promise<number> {
  const block = (await node.request('eth_getBlockByNumber', [tag, false])) as { number: Hex };
  return Number(block.number);
}

function mine(blocks: number): void {
  for (let made = 0; made < blocks; made += 1) payer.chain.mine();
}

describe('the pool', () => {
  test.each<[string, Partial<LaneOrder>, RegExp]>([
    ['calldata dearer than the gas', { data: `0x${'ff'.repeat(100)}`, gas: 22_700n }, /floor data/],
    ['too little for the bytes', { gas: 20_000n }, /intrinsic gas too low/],
    ['more than a transaction may use', { gas: 16_777_217n }, /gas limit too high/],
    ['no tip', { maxPriorityFeePerGas: 0n }, /transaction underpriced/],
    ['a used nonce', { nonce: 0 }, /^nonce too low: next nonce 2, tx nonce 0$/],
    ['more coins than there are', { value: 10n ** 18n }, /insufficient funds/],
  ])('refuses %s', async (_, changes, words) => {
    expect(await saidOf(await payer.coins(changes))).toMatch(words);
  });

  test('keeps what waits behind a gap until the gap is filled', async () => {
    const late = await payer.send(await payer.coins({ nonce: 3 }));
    payer.chain.mine();
    expect(await receiptOf(late)).toBeNull();
    const count = ['eth_getTransactionCount', [payer.lane.address, 'pending']] as const;
    expect(await payer.node.request(...count)).toBe('0x2');
    await payer.send(await payer.coins({ nonce: 2 }));
    expect(await payer.node.request(...count)).toBe('0x4');
    payer.chain.mine();
    expect(await receiptOf(late)).toMatchObject({ status: '0x1' });
  });

  test.each([
    [109n, 110n, false],
    [110n, 109n, false],
    [110n, 110n, true],
  ])('a replacement at %s and %s percent of fee and tip', async (fee, tip, isTaken) => {
    const first = await payer.send(
      await payer.coins({ nonce: 2, maxFeePerGas: 10n * GWEI, maxPriorityFeePerGas: GWEI }),
    );
    const said = await saidOf(
      await payer.coins({
        nonce: 2,
        maxFeePerGas: (10n * GWEI * fee) / 100n,
        maxPriorityFeePerGas: (GWEI * tip) / 100n,
      }),
    );
    expect(said).toBe(isTaken ? 'accepted' : 'replacement transaction underpriced');
    payer.chain.mine();
    expect((await receiptOf(first)) === null).toBe(isTaken);
  });

  test('takes sixteen of an account that can run, and one of a delegated account', async () => {
    for (let sent = 0; sent < 16; sent += 1) {
      expect(await saidOf(await payer.coins({ gas: 30_000n }))).toBe('accepted');
    }
    expect(await saidOf(await payer.coins({ gas: 30_000n }))).toBe('account limit exceeded');
    const own = { by: payer.treasury, gas: 30_000n };
    expect(await saidOf(await payer.coins({ ...own, nonce: 2 }))).toMatch(/gapped-nonce/);
    expect(await saidOf(await payer.coins(own))).toBe('accepted');
    expect(await saidOf(await payer.coins(own))).toMatch(/in-flight transaction limit/);
  });

  test('counts the cost of all that waits', async () => {
    const dear = { gas: 16_000_000n, maxFeePerGas: 30n * GWEI };
    expect(await saidOf(await payer.coins(dear))).toBe('accepted');
    expect(await saidOf(await payer.coins(dear))).toBe('accepted');
    expect(await saidOf(await payer.coins(dear))).toMatch(/overshot/);
  });

  test('waits for a base fee that it can pay', async () => {
    const cheap = await payer.send(await payer.coins({ maxFeePerGas: 2n * GWEI }));
    payer.chain.setBaseFee(3n * GWEI);
    payer.chain.mine();
    expect(await receiptOf(cheap)).toBeNull();
    payer.chain.setBaseFee(GWEI);
    payer.chain.mine();
    expect(await receiptOf(cheap)).not.toBeNull();
  });
});

describe('a reorganisation', () => {
  test.each(['pool', 'dropped', 'remined'] as const)('with transactions %s', async (fate) => {
    const before = payer.chain.head();
    const hash = await payer.send(await payer.batch(7n));
    mine(2);
    expect(payer.chain.isSpent(7n)).toBe(true);
    const { depth, added } = payer.chain.reorg({ depth: 2, transactions: fate });
    expect(depth).toBe(2);
    expect(added[0]?.parentHash).toBe(before.hash);
    expect(added).toHaveLength(3);
    if (fate === 'dropped') {
      mine(3);
      expect(payer.chain.truth()).toEqual([]);
      expect(payer.chain.unitsOf('USDT', RECIPIENT)).toBe(0n);
      expect(await payer.node.request('eth_getTransactionByHash', [hash])).toBeNull();
    } else {
      if (fate === 'pool') expect(payer.chain.pool().map((each) => each.hash)).toEqual([hash]);
      mine(1);
      expect(payer.chain.truth()).toMatchObject([{ batchId: 7n, item: 0, units: 5n }]);
      expect(payer.chain.unitsOf('USDT', RECIPIENT)).toBe(5n);
    }
    expect(payer.chain.everPaid().filter(({ canonical }) => !canonical)).toHaveLength(1);
  });

  test('goes past what is final only where it is told to', () => {
    mine(10);
    const final = payer.chain.finalized();
    expect(payer.chain.reorg({ depth: 9, transactions: 'pool' }).depth).toBe(4);
    expect(payer.chain.finalized().number).toBeGreaterThanOrEqual(final.number);
    const order = { depth: 9, transactions: 'pool', pastFinal: true } as const;
    expect(payer.chain.reorg(order).depth).toBe(9);
    const { abandoned } = payer.chain.reorg({ depth: 1, transactions: 'pool' });
    expect(abandoned).toHaveLength(1);
  });

  test('keeps what the owner of a token did, at the same place in the order', () => {
    payer.chain.setBlacklisted('USDT', payer.treasury.address, true);
    payer.chain.fund(RECIPIENT, { USDT: 9n, USDC: 3n, wei: 2n });
    mine(1);
    payer.chain.reorg({ depth: 1, transactions: 'dropped' });
    expect(payer.chain.unitsOf('USDT', RECIPIENT)).toBe(9n);
    expect(payer.chain.weiOf(RECIPIENT)).toBe(2n);
  });

  test('leaves a branch behind which a node can still be on', async () => {
    const hash = await payer.send(await payer.batch(7n));
    mine(1);
    const left = payer.chain.head();
    payer.chain.reorg({ depth: 1, transactions: 'dropped' });
    const node = payer.another('behind', { onAbandonedBranch: true });
    expect(await receiptOf(hash, node)).toMatchObject({ status: '0x1', blockHash: left.hash });
    const question = [payer.treasury.address, spentSlotOf(7n).slot, 'latest'];
    expect(await node.request('eth_getStorageAt', question)).not.toMatch(/^0x0*$/);
    expect(await payer.node.request('eth_getStorageAt', question)).toMatch(/^0x0*$/);
    expect(await heightOf(node)).toBe(Number(left.number));
  });
});

test('an estimate is enough, and not much more than that', async () => {
  const items = Array.from({ length: 20 }, (_, index) => ({
    to: `0x${(index + 0xcafe).toString(16).padStart(40, '0')}` as const,
    units: 1n,
  }));
  const order = { from: payer.lane.address, to: payer.treasury.address };
  const { input } = (await payer.node.request('eth_getTransactionByHash', [
    await payer.send(await payer.batch(3n, { items })),
  ])) as { input: Hex };
  const gas = BigInt(
    (await payer.node.request('eth_estimateGas', [{ ...order, data: input }])) as Hex,
  );
  payer.chain.forget();
  for (const [share, status] of [
    [96n, '0x0'],
    [100n, '0x1'],
  ] as const) {
    const raw = await payer.batch(share, { items, gas: (gas * share) / 100n });
    const hash = await payer.send(raw);
    mine(1);
    expect(await receiptOf(hash)).toMatchObject({ status });
  }
  const coins = { from: payer.lane.address, to: RECIPIENT };
  expect(await payer.node.request('eth_estimateGas', [coins])).toBe(toHex(21_000));
});

test('states of the past are there, until they are too old', async () => {
  payer = await createSimulatedPayer({ keptStates: 8 });
  const counts: string[] = [];
  for (let sent = 0; sent < 12; sent += 1) {
    await payer.send(await payer.coins());
    mine(1);
  }
  const newest = Number(payer.chain.head().number);
  for (let number = newest - 10; number <= newest + 1; number += 1) {
    const asked = payer.node.request('eth_getTransactionCount', [
      payer.lane.address,
      toHex(number),
    ]);
    counts.push(await asked.then(String, (error: unknown) => String(error).slice(0, 75)));
  }
  const missing = counts.filter((each) => /missing trie node/.test(each));
  expect(missing).toHaveLength(3);
  expect(counts.at(-1)).toMatch(/header not found/);
  expect(counts.slice(3, -1).map(Number)).toEqual([7, 8, 9, 10, 11, 12, 13, 14]);
});

describe('a node', () => {
  test('that lags is behind in all, what is final too', async () => {
    mine(10);
    const node = payer.another('lagging', { lagBlocks: 3 });
    expect((await heightOf(payer.node)) - (await heightOf(node))).toBe(3);
    expect((await heightOf(payer.node, 'finalized')) - (await heightOf(node, 'finalized'))).toBe(3);
    const hash = await payer.send(await payer.coins());
    mine(1);
    expect(await receiptOf(hash, node)).toBeNull();
    const waiting = await node.request('eth_getTransactionByHash', [hash]);
    expect(waiting).toMatchObject({ hash, blockNumber: null });
    // It takes for new what the others have in a block.
    const stale = await payer.coins({ nonce: 2, value: 9n });
    expect(await saidOf(stale, node)).toBe('accepted');
    expect(payer.chain.pool()).toEqual([]);
  });

  test('that stands still stands still, until it is healed', async () => {
    payer.node.stall();
    const at = await heightOf(payer.node);
    mine(3);
    expect(await heightOf(payer.node)).toBe(at);
    payer.node.heal();
    expect(await heightOf(payer.node)).toBe(at + 3);
  });

  test.each<[FaultKind, unknown]>([
    ['timeout', RpcFailure],
    ['lost-answer', RpcFailure],
    ['error', RpcErrorAnswer],
  ])('fails once by %s', async (kind, type) => {
    const raw = await payer.coins();
    payer.node.failNext('eth_sendRawTransaction', kind);
    await expect(payer.send(raw)).rejects.toBeInstanceOf(type);
    expect(payer.chain.pool()).toHaveLength(kind === 'lost-answer' ? 1 : 0);
    await payer.node.request('eth_blockNumber', []);
    expect(payer.chain.faultCounts()).toEqual({ [kind]: 1 });
  });

  test('that has not indexed knows no receipt, and no logs', async () => {
    const hash = await payer.send(await payer.batch(1n));
    mine(1);
    const node = payer.another('unindexed', { indexLagBlocks: 2 });
    const { hash: blockHash } = payer.chain.head();
    expect(await receiptOf(hash, node)).toBeNull();
    expect(await node.request('eth_getLogs', [{ blockHash }])).toEqual([]);
    mine(2);
    expect(await receiptOf(hash, node)).not.toBeNull();
    expect(await node.request('eth_getLogs', [{ blockHash }])).toHaveLength(2);
  });

  test.each([
    ['forwards', true],
    ['forgets', false],
  ] as const)('with a pool of its own %s what it holds', async (afterwards, isMined) => {
    const node = payer.another('private', { pool: { forBlocks: 2, afterwards } });
    const hash = await payer.send(await payer.coins(), node);
    expect(payer.chain.pool()).toEqual([]);
    expect(await node.request('eth_getTransactionByHash', [hash])).toMatchObject({ hash });
    expect(await payer.node.request('eth_getTransactionByHash', [hash])).toBeNull();
    mine(3);
    expect((await receiptOf(hash)) !== null).toBe(isMined);
  });

  test('that lies denies and invents', async () => {
    const hash = await payer.send(await payer.batch(1n));
    mine(1);
    const node = payer.another('liar', { lies: ['denies-receipts', 'denies-spent'] });
    const [address, at] = [payer.treasury.address, 'latest'];
    const storage = async (batchId: bigint): Promise<unknown> =>
      await node.request('eth_getStorageAt', [address, spentSlotOf(batchId).slot, at]);
    expect(await receiptOf(hash, node)).toBeNull();
    expect(await storage(1n)).toBe(`0x${'0'.repeat(64)}`);
    node.set({ lies: ['claims-spent', 'other-hashes', 'ahead-in-time'] });
    expect(await storage(999n)).toBe(`0x${'f'.repeat(64)}`);
    const block = await node.request('eth_getBlockByNumber', ['latest', false]);
    const { hash: trueHash, timestamp } = payer.chain.head();
    expect(block).toMatchObject({ timestamp: toHex(timestamp + 3_600n) });
    expect(block).not.toMatchObject({ hash: trueHash });
    const blockHash = (block as { hash: Hex }).hash;
    expect(await node.request('eth_getLogs', [{ blockHash }])).toHaveLength(2);
    expect(await receiptOf(hash, node)).toMatchObject({ blockHash });
    await expect(payer.node.request('eth_getLogs', [{ blockHash }])).rejects.toThrow(
      /unknown block/,
    );
  });
});

test('the same seed is the same chain, faults and all; another is another', async () => {
  const history = async (seed: string): Promise<string> => {
    payer = await createSimulatedPayer({ seed });
    const node = payer.another('faulty', {
      perMille: { timeout: 200, malformed: 300, error: 100 },
    });
    const said: unknown[] = [];
    for (let step = 0; step < 60; step += 1) {
      const by = testKey(0x30 + (step % 5));
      if (step < 5) payer.chain.fund(by.address, { wei: 10n ** 18n });
      else await payer.send(await payer.coins({ by }));
      if (step % 4 === 0) payer.chain.mine({ shuffled: true });
      if (step % 13 === 12) payer.chain.reorg({ depth: 3, transactions: 'remined' });
      const asked = node.request('eth_getBlockByNumber', ['latest', true]);
      said.push(await asked.catch((error: unknown) => String(error)));
    }
    return JSON.stringify([said, payer.chain.head().hash, payer.chain.faultCounts()], (_, value) =>
      typeof value === 'bigint' ? value.toString() : (value as unknown),
    );
  };
  const first = await history('1');
  expect(await history('1')).toBe(first);
  expect(await history('2')).not.toBe(first);
});

test('what the model does not know stops the test instead of misleading it', async () => {
  const raw = await payer.coins({ to: PROXY, data: `0x${'00'.repeat(40)}`, value: 0n });
  await payer.send(raw);
  expect(() => payer.chain.mine()).toThrow(/init code/);
});
