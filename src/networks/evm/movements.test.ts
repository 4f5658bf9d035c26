import { encodeFunctionData, parseAbi, type Hex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startFollowedWorld, type FollowedWorld } from '../../../test/harness/followed-world.ts';
import { callEachData, deployCaller } from '../../../test/harness/hostile-token.ts';
import {
  createLyingNode,
  silence,
  withFields,
  type Lie,
} from '../../../test/harness/lying-node.ts';
import {
  digestOf,
  post,
  send,
  testKey,
  type Batch,
} from '../../../test/harness/treasury-contract.ts';
import type { Movement } from '../network.ts';
import { createMovements } from './movements.ts';
import { connectNodes, type EvmPool } from './nodes.ts';

type Lies = Readonly<Record<string, Lie>>;
const stranger = testKey(0x33);
const erc20 = parseAbi([
  'function transfer(address to, uint256 value)',
  'function transferFrom(address from, address to, uint256 value)',
]);

let world: FollowedWorld;
let goBack: () => Promise<void>;
let from: bigint;
beforeAll(async () => {
  world = await startFollowedWorld();
  await world.chain.fund(stranger.address);
});
afterAll(async () => await world.chain.stop());
beforeEach(async () => {
  goBack = await world.keep();
  from = (await height('latest')) + 1n;
});
afterEach(async () => {
  await goBack();
});

async function height(tag: 'latest' | 'finalized'): Promise<bigint> {
  const block = await world.chain.rpc('eth_getBlockByNumber', tag, false);
  return BigInt((block as { number: string }).number);
}

function poolOf(nodes: readonly Lies[]): EvmPool {
  const endpoints = nodes.map((lies, index) => {
    const node = createLyingNode(world.chain.rpcUrl, `node ${index + 1}`);
    node.lies = lies;
    return node;
  });
  return connectNodes({ chainId: world.chain.chainId, endpoints });
}

/** Since the test began, up to what is final. */
async function movements(pool = poolOf([{}])): Promise<readonly Movement[]> {
  const { chain, payer } = world;
  const treasury = payer.treasury.toLowerCase() as Hex;
  const place = { chainId: chain.chainId, treasury };
  const read = createMovements({ network: chain.network, pool, place });
  return await read(world.assetAt(chain.tokens.USDT.address), {
    from,
    to: await height('finalized'),
  });
}

const told = (all: readonly Movement[]): unknown[] =>
  all.map(({ direction, units, counterparty, carried }) => [
    direction,
    units,
    counterparty,
    carried?.authorityHash ?? null,
  ]);

function transferData(units: bigint, to: Hex = world.payer.treasury): Hex {
  return encodeFunctionData({ abi: erc20, functionName: 'transfer', args: [to, units] });
}

function nothingOut(): Hex {
  const args = [world.payer.treasury, recipient(9), 0n] as const;
  return encodeFunctionData({ abi: erc20, functionName: 'transferFrom', args });
}

const digest = (batch: Batch): Hex => digestOf(batch, world.payer);

describe('what moved', () => {
  it('is told with its block, its place and the batch that carried it', async () => {
    const batch = world.batchOf([20_000n, 30_000n]);
    const attempt = await world.carryOut(batch);
    const all = await movements();
    const fence = `${world.payer.treasury.toLowerCase()}:batch:${batch.batchId}`;
    expect(all).toMatchObject(
      [0, 1].map((index) => ({
        direction: 'out',
        counterparty: recipient(index),
        transactionHash: attempt.transactionHashes[0],
        logIndex: BigInt(index),
        block: { number: from },
        carried: { fence, authorityHash: digest(batch) },
      })),
    );
    expect(all.map(({ units }) => units)).toEqual([20_000n, 30_000n]);
  });

  it('is nothing before it is final', async () => {
    await world.submit(world.batchOf([20_000n]));
    await world.chain.mine(2);
    expect(await movements()).toEqual([]);
  });

  it('into the treasury is told with who paid, and carried by nothing', async () => {
    const to = world.chain.tokens.USDT.address as Hex;
    await send(world.chain, stranger, { to, data: transferData(7n) });
    await world.finalize();
    expect(told(await movements())).toEqual([['in', 7n, stranger.address.toLowerCase(), null]]);
  });

  it('out of the treasury by its key alone is carried by nothing', async () => {
    const to = world.chain.tokens.USDT.address as Hex;
    const data = transferData(8n, recipient(4));
    await send(world.chain, world.payer.key, { to, data });
    await world.finalize();
    expect(told(await movements())).toEqual([['out', 8n, recipient(4), null]]);
  });

  it('of another token is not told', async () => {
    const token = world.chain.tokens.USDC.address as Hex;
    await world.carryOut(world.batchOf([1n], { token }));
    expect(await movements()).toEqual([]);
  });

  it('of nothing is not told, though anyone can have the token announce it', async () => {
    const to = world.chain.tokens.USDT.address as Hex;
    const { succeeded, logs } = await send(world.chain, stranger, { to, data: nothingOut() });
    expect([succeeded, logs.length]).toEqual([true, 1]);
    await world.finalize();
    expect(await movements()).toEqual([]);
  });

  it('to the treasury itself goes out and comes in', async () => {
    const to = world.payer.treasury.toLowerCase() as Hex;
    const batch = world.batchOf([], { items: [{ to, units: 5n }] });
    await world.carryOut(batch);
    expect(told(await movements())).toEqual([
      ['out', 5n, to, digest(batch)],
      ['in', 5n, to, null],
    ]);
  });
});

describe('several batches in one transaction', () => {
  it('have each their own transfers, and what else moves there has none', async () => {
    const caller = await deployCaller(world.payer);
    from = (await height('latest')) + 1n;
    const batches = [[1n, 2n], [2n, 1n], [3n]].map((units) => world.batchOf(units));
    const data = await Promise.all(batches.map(async (batch) => await world.payer.dataOf(batch)));
    const token = world.chain.tokens.USDT.address as Hex;
    const treasury = world.payer.treasury;
    const execute = (index: number): Hex => callEachData(treasury, [data[index] as Hex]);
    const calls = [execute(0), callEachData(token, [nothingOut()]), execute(1), execute(2)];
    const payload = callEachData(caller.address, calls);
    await post(world.chain, stranger, { to: caller.address, data: payload });
    await world.chain.mine();
    await world.finalize();
    const [first, second, third] = batches.map(digest);
    expect(told(await movements())).toEqual([
      ['out', 1n, recipient(0), first],
      ['out', 2n, recipient(1), first],
      ['out', 2n, recipient(0), second],
      ['out', 1n, recipient(1), second],
      ['out', 3n, recipient(0), third],
    ]);
  });
});

describe('nodes that do not agree', () => {
  beforeEach(async () => {
    await world.carryOut(world.batchOf([20_000n, 30_000n]));
  });
  const forgetful: Lies = { eth_getLogs: () => [] };
  const late: Lies = {
    eth_getBlockByNumber: async (truth, [tag]) =>
      tag === 'finalized' ? await world.chain.rpc('eth_getBlockByNumber', '0x1', false) : truth,
  };

  it.each<[string, readonly Lies[]]>([
    ['one of two lost the events', [{}, forgetful]],
    ['one of two is silent', [{}, { eth_chainId: silence }]],
    ['one of two is late', [{}, late]],
    ['the only one is late', [late]],
    ['there is no receipt', [{ eth_getTransactionReceipt: () => null }]],
    [
      'the receipt does not hold the event',
      [{ eth_getTransactionReceipt: withFields({ logs: [] }) }],
    ],
    [
      'the event is of another contract',
      [
        {
          eth_getLogs: (truth) =>
            (truth as object[]).map((it) => ({ ...it, address: recipient(0) })),
        },
      ],
    ],
  ])('tell nothing: %s', async (_, nodes) => {
    await expect(movements(poolOf(nodes))).rejects.toThrow();
  });

  it.each<[string, readonly Lies[], readonly boolean[]]>([
    ['loses the events', [{}, forgetful, {}], [true, false, true]],
    ['is late', [late, {}, {}], [true, true, true]],
  ])('leave one of three aside that %s', async (_, nodes, counts) => {
    const pool = poolOf(nodes);
    expect((await movements(pool)).length).toBe(2);
    expect(pool.all.map((node) => pool.counts(node))).toEqual(counts);
  });
});
