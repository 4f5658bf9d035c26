import { beforeEach, describe, expect, it } from 'vitest';
import type { TronLie } from '../../../test/harness/tron-endpoint.ts';
import {
  openTronWorld,
  SOLID_BLOCKS,
  tronKey,
  UNIT,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import { present } from '../../base/assert.ts';
import type { Movement, NetworkDriver, SignedAttempt } from '../network.ts';
import { createTronDriver } from './driver.ts';
import { NodeBusy } from './endpoint.ts';

let world: TronWorld;
let first: SignedAttempt;
let second: SignedAttempt;

const usdt = () => world.usdt.contract ?? '';
const movements = async (from: bigint, to: bigint): Promise<readonly Movement[]> =>
  await world.driver.movements(world.usdt, { from, to });
const lie = (number: number, lies: Readonly<Record<string, TronLie>>): void => {
  present(world.nodes[number - 1], 'there is a node').lies = lies;
};
const INFOS = 'walletsolidity/gettransactioninfobyblocknum';

/** In block 22: two payouts, a payment to the treasury by a stranger, and one between strangers. */
async function fill(nodes: number): Promise<void> {
  world = await openTronWorld({ nodes });
  first = await world.sign(world.order('a', { units: 5n * UNIT }), 1n);
  second = await world.sign(
    world.order('b', { units: 7n * UNIT, toAddress: tronKey(8).address }),
    2n,
  );
  const { signer } = tronKey(2);
  const stranger = createTronDriver({
    signer,
    endpoints: world.nodes,
    expectedGenesis: null,
    clock: world.clock,
    assets: [],
  });
  const gifts = [world.treasury, tronKey(8).address].map((toAddress) =>
    world.order('gift', { toAddress, units: 3n * UNIT }),
  );
  const sent = [first, second];
  for (const [index, gift] of gifts.entries()) {
    const { plan } = await stranger.inspect([gift], { unitsOnTheWay: 0n, taken: [] });
    const lane = { sender: tronKey(2).address, sequence: BigInt(index) };
    const number = BigInt(index);
    sent.push(await stranger.sign({ orders: [gift], number, plan: plan ?? {}, lane }));
  }
  for (const { transaction } of sent) await world.driver.broadcast(transaction.rawTransaction);
  await world.blocks(1);
  await world.blocks(SOLID_BLOCKS);
}

describe('of one node', () => {
  beforeEach(async () => await fill(1));

  it('are what the token has logged of the treasury, in the order of the chain', async () => {
    const hash = world.chain.truth.block(22)?.blockId;
    const block = { number: 22n, hash };
    const own = ({ fence }: SignedAttempt) => ({
      kind: 'transfer',
      direction: 'out',
      transactionHash: fence,
      logIndex: 0n,
      block,
      carried: { fence, authorityHash: fence },
    });
    const found = await movements(20n, 22n);
    expect(found).toEqual([
      { ...own(first), units: 5n * UNIT, counterparty: tronKey(9).address },
      { ...own(second), units: 7n * UNIT, counterparty: tronKey(8).address },
      expect.objectContaining({
        direction: 'in',
        units: 3n * UNIT,
        counterparty: tronKey(2).address,
        carried: null,
        block,
      }),
    ]);
    expect(await movements(0n, 22n)).toEqual([
      expect.objectContaining({ direction: 'in', units: 1_000n * UNIT }),
      ...found,
    ]);
    expect(await world.driver.movements(world.usdc, { from: 2n, to: 22n })).toEqual([]);
  });

  it('agree with the truth of the chain, whatever the range', async () => {
    const truth = world.chain.truth
      .transfersOf(usdt())
      .filter(({ from, to }) => [from, to].includes(world.treasury));
    for (const [from, to] of [
      [0n, 22n],
      [1n, 1n],
      [2n, 21n],
      [22n, 22n],
      [21n, 22n],
      [0n, 8n],
    ] as const) {
      const expected = truth.filter(
        ({ blockNumber }) => BigInt(blockNumber) >= from && BigInt(blockNumber) <= to,
      );
      const found = await movements(from, to);
      expect(found.map(({ transactionHash, units }) => [transactionHash, units])).toEqual(
        expected.map(({ txid, units }) => [txid, units]),
      );
    }
  });

  it('are none of an empty range, and no range is half below zero', async () => {
    expect(await movements(5n, 4n)).toEqual([]);
    await expect(movements(-1n, 4n)).rejects.toThrow('below zero');
    const asset = { ...world.usdt, network: 'BSC_MAINNET' } as const;
    await expect(world.driver.movements(asset, { from: 1n, to: 2n })).rejects.toThrow(
      'TRON_MAINNET',
    );
  });

  it('are not told of blocks that are not solidified', async () => {
    await expect(movements(22n, 23n)).rejects.toThrow('block 23 is not final');
  });

  it('leave out what moves nothing, and have both sides of a transfer to oneself', async () => {
    interface Info {
      readonly log?: readonly { readonly topics: readonly string[]; readonly data: string }[];
    }
    const word = (units: bigint): string => units.toString(16).padStart(64, '0');
    lie(1, {
      [INFOS]: (truth) =>
        (truth as readonly Info[]).slice(0, 1).map((info) => ({
          ...info,
          log: (info.log ?? []).flatMap((log) => [
            { ...log, data: word(0n) },
            { ...log, topics: [log.topics[0] ?? '', log.topics[1] ?? '', log.topics[1] ?? ''] },
          ]),
        })),
    });
    const found = await movements(22n, 22n);
    expect(
      found.map(({ direction, logIndex, counterparty }) => [direction, logIndex, counterparty]),
    ).toEqual([
      ['out', 1n, world.treasury],
      ['in', 1n, world.treasury],
    ]);
  });

  it('were carried by nothing of ours where another key has signed', async () => {
    lie(1, {
      'walletsolidity/gettransactionbyid': (truth) => ({
        ...(truth as object),
        signature: [`${'11'.repeat(64)}1b`],
      }),
    });
    const found = await movements(22n, 22n);
    expect(found.map(({ carried }) => carried)).toEqual([null, null, null]);
  });

  it.each([
    ['an empty list where the block holds transactions', { [INFOS]: () => [] }],
    ['nothing', { [INFOS]: () => ({}) }],
    ['no transaction', { 'walletsolidity/gettransactionbyid': () => ({}) }],
    [
      'infos of another block',
      {
        [INFOS]: (truth: unknown) =>
          (truth as object[]).map((info) => ({ ...info, blockNumber: 21 })),
      },
    ],
    [
      'a malformed event',
      {
        [INFOS]: (truth: unknown) =>
          (truth as { log?: object[] }[]).map((info) => ({
            ...info,
            log: info.log?.map((log) => ({ ...log, data: '' })),
          })),
      },
    ],
  ] as const)('are not told by a node that answers with %s', async (_, lies) => {
    lie(1, lies);
    await expect(movements(20n, 22n)).rejects.toThrow();
  });

  describe('are asked for again', () => {
    const busyFor = (times: number): { driver: NetworkDriver; slept: number[] } => {
      const slept: number[] = [];
      const sleep = async (ms: number): Promise<void> => {
        slept.push(ms);
        await Promise.resolve();
      };
      let asked = 0;
      lie(1, {
        [INFOS]: (truth, body) => {
          if (JSON.stringify(body).includes('22') && (asked += 1) <= times) {
            throw new NodeBusy('HTTP 429');
          }
          return truth;
        },
      });
      return { driver: world.driverWith({ clock: { ...world.clock, sleep } }), slept };
    };

    it('where the node is busy, after longer and longer waits', async () => {
      const { driver, slept } = busyFor(4);
      expect(await driver.movements(world.usdt, { from: 20n, to: 22n })).toHaveLength(3);
      expect(slept).toEqual([1_000, 2_000, 4_000, 8_000]);
    });

    it('and are not told where it stays busy', async () => {
      const { driver } = busyFor(5);
      await expect(driver.movements(world.usdt, { from: 20n, to: 22n })).rejects.toThrow('429');
    });

    it('at once only, where it fails otherwise', async () => {
      const { driver, slept } = busyFor(0);
      lie(1, { [INFOS]: () => null });
      await expect(driver.movements(world.usdt, { from: 22n, to: 22n })).rejects.toThrow();
      expect(slept).toEqual([]);
    });
  });

  it('are not told by a node that keeps no infos, nor by one that has forgotten', async () => {
    world.chain.openNode('node 1').set({ withoutInfo: true });
    await expect(movements(20n, 22n)).rejects.toThrow('keeps no infos of block 22');
    world.chain.openNode('node 1').set({ withoutInfo: false, forgetsBelow: 10 });
    await expect(movements(2n, 22n)).rejects.toThrow();
    expect(await movements(20n, 22n)).toHaveLength(3);
  });
});

describe('of three nodes', () => {
  beforeEach(async () => await fill(3));

  it('are what a quorum says; the other is put in quarantine', async () => {
    lie(3, { [INFOS]: (truth) => (truth as readonly unknown[]).slice(1) });
    expect(await movements(20n, 22n)).toHaveLength(3);
    expect(world.alarms).toEqual([
      'node 3 is in quarantine, its word counts for nothing: other transfers in blocks 20 to 22 than node 1 and node 2',
    ]);
  });

  it('are nobody alone to tell', async () => {
    lie(3, { [INFOS]: (truth) => (truth as readonly unknown[]).slice(1) });
    world.chain.openNode('node 2').set({ solidityLagBlocks: 1 });
    await expect(movements(20n, 22n)).rejects.toThrow('different transfers');
    world.chain.openNode('node 1').set({ manners: 'overloaded' });
    await expect(movements(20n, 22n)).rejects.toThrow('is not final');
  });
});

describe('the units at a block', () => {
  beforeEach(async () => await fill(1));
  const unitsAt = async (block: bigint): Promise<bigint> =>
    await world.driver.unitsAt(world.usdt, block);

  it('are those of the newest solidified block, or of one before it', async () => {
    expect(world.chain.truth.solidified().number).toBe(22);
    expect(await unitsAt(22n)).toBe(991n * UNIT);
    expect(await unitsAt(21n)).toBe(1_000n * UNIT);
    expect(await unitsAt(1n)).toBe(1_000n * UNIT);
    expect(await unitsAt(0n)).toBe(0n);
  });

  it('add up with the movements at every block', async () => {
    const [held, moved] = [await unitsAt(21n), await movements(22n, 22n)];
    const sum = moved.reduce(
      (total, { direction, units }) => (direction === 'in' ? total + units : total - units),
      held,
    );
    expect(await unitsAt(22n)).toBe(sum);
  });

  it('are not told of a block that is not solidified', async () => {
    await expect(unitsAt(23n)).rejects.toThrow('block 23 is not final');
  });

  it('are of one block, though another is solidified while they are read', async () => {
    const later = await world.sign(world.order('c', { units: 100n * UNIT }), 3n);
    await world.driver.broadcast(later.transaction.rawTransaction);
    await world.blocks(SOLID_BLOCKS);
    // The block with the payout is solidified after the balance was read, and before the head is read again.
    let isFirst = true;
    const node = present(world.nodes[0], 'there is a node');
    const truthful = node.request.bind(node);
    node.request = async (path, body) => {
      const answer = await truthful(path, body);
      if (path === 'walletsolidity/triggerconstantcontract' && isFirst) {
        isFirst = false;
        await world.blocks(1);
      }
      return answer;
    };
    const { number } = world.chain.truth.solidified();
    expect(await unitsAt(BigInt(number))).toBe(991n * UNIT);
    expect(isFirst).toBe(false);
    expect(await unitsAt(BigInt(number) + 1n)).toBe(891n * UNIT);
  });

  it('are not told where no reading is of one block', async () => {
    const node = present(world.nodes[0], 'there is a node');
    const truthful = node.request.bind(node);
    node.request = async (path, body) => {
      const answer = await truthful(path, body);
      if (path === 'walletsolidity/triggerconstantcontract') await world.blocks(1);
      return answer;
    };
    await expect(unitsAt(22n)).rejects.toThrow('no balance is of one solidified block');
  });

  it('need a quorum', async () => {
    await fill(3);
    const balance = '0'.padStart(64, '1');
    lie(1, {
      'walletsolidity/triggerconstantcontract': (truth) => ({
        ...(truth as object),
        constant_result: [balance],
      }),
    });
    expect(await unitsAt(22n)).toBe(991n * UNIT);
    world.chain.openNode('node 2').set({ manners: 'overloaded' });
    await expect(unitsAt(22n)).rejects.toThrow('no quorum for the balance at block 22');
  });
});
