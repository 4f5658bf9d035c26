import { beforeEach, describe, expect, it } from 'vitest';
import { present } from '../../base/assert.ts';
import {
  openTronWorld,
  SOLID_BLOCKS,
  tronKey,
  UNIT,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import type { TronLie } from '../../../test/harness/tron-endpoint.ts';
import type { Inspection, TransferOrder } from '../network.ts';

const FRESH_ENERGY = 28_713n;

let world: TronWorld;
beforeEach(async () => {
  world = await openTronWorld();
});

const inspect = async (orders: readonly TransferOrder[], unitsOnTheWay = 0n): Promise<Inspection> =>
  await world.driver.inspect(orders, { unitsOnTheWay, taken: [] });
const order = (payoutId: string, changes: Partial<TransferOrder> = {}): TransferOrder =>
  world.order(payoutId, changes);
const lie = (lies: Readonly<Record<string, TronLie>>): void => {
  present(world.nodes[0], 'there is a node').lies = lies;
};
const controls = () => world.chain.controls;
const usdt = () => world.usdt.contract ?? '';
const usdc = () => world.usdc.contract ?? '';
const ids = (orders: readonly TransferOrder[]): string[] => orders.map(({ payoutId }) => payoutId);
const reasons = ({ waiting }: Inspection): string[] => waiting.map(({ reason }) => reason);

describe('what can be paid', () => {
  it('is the first, and the others are left', async () => {
    const orders = ['a', 'b', 'c'].map((payoutId) => order(payoutId));
    expect(await inspect(orders)).toEqual({
      payable: [orders[0]],
      refused: [],
      waiting: [],
      left: ['b', 'c'],
      freeUnits: 1_000n * UNIT,
      plan: { feeLimitSun: ((FRESH_ENERGY * 5n + 3n) / 4n) * 100n },
    });
  });

  it('is limited by what a recipient without the token takes, also where he has some now', async () => {
    controls().mint(usdt(), tronKey(9).address, UNIT);
    await world.blocks(1);
    const { plan } = await inspect([order('a')]);
    expect(plan).toEqual({ feeLimitSun: ((FRESH_ENERGY * 5n + 3n) / 4n) * 100n });
  });

  it('is limited by the penalty of the contract too', async () => {
    controls().setEnergyFactor(usdt(), 34_000);
    await world.blocks(1);
    const { plan } = await inspect([order('a')]);
    const limit = plan?.['feeLimitSun'];
    expect(limit).toBeGreaterThan(4n * FRESH_ENERGY * 125n);
    expect(limit).toBeLessThan(5n * FRESH_ENERGY * 125n);
  });

  it('is limited at the price of the chain, whatever pays for it', async () => {
    controls().setParameter('getEnergyFee', 210);
    controls().setResources(world.treasury, { energyLimit: 10_000_000 });
    await world.blocks(1);
    const { plan } = await inspect([order('a')]);
    expect(plan).toEqual({ feeLimitSun: ((FRESH_ENERGY * 5n + 3n) / 4n) * 210n });
  });

  it('is a contract too, where it takes the token', async () => {
    const { payable } = await inspect([order('a', { toAddress: usdc() })]);
    expect(ids(payable)).toEqual(['a']);
  });

  it('is found behind what cannot be paid', async () => {
    controls().setBlacklisted(usdc(), tronKey(8).address, true);
    await world.blocks(SOLID_BLOCKS + 1);
    const asset = world.usdc;
    const orders = [
      order('own', { asset, toAddress: world.treasury }),
      order('large', { asset, units: 2_000n * UNIT }),
      order('listed', { asset, toAddress: tronKey(8).address }),
      order('good', { asset }),
      order('next', { asset }),
    ];
    const found = await inspect(orders);
    expect(ids(found.payable)).toEqual(['good']);
    expect(found.refused.map(({ payoutId }) => payoutId)).toEqual(['own', 'listed']);
    expect(found.waiting.map(({ payoutId }) => payoutId)).toEqual(['large']);
    expect(found.left).toEqual(['next']);
  });
});

describe('the treasury', () => {
  it('is short beyond what is on the way', async () => {
    const all = order('all', { units: 1_000n * UNIT });
    expect(ids((await inspect([all])).payable)).toEqual(['all']);
    const short = await inspect([all, order('small', { units: 1n })], 1n);
    expect(short).toMatchObject({ freeUnits: 1_000n * UNIT - 1n, left: [] });
    expect(ids(short.payable)).toEqual(['small']);
    expect(reasons(short)).toEqual([
      'The treasury is short of USDT on TRON_MAINNET: has 999.999999 free, less than is to be paid.',
    ]);
  });

  it('does not count what came in and is not solidified', async () => {
    controls().mint(usdt(), world.treasury, 500n * UNIT);
    await world.blocks(1);
    expect((await inspect([order('a')])).freeUnits).toBe(1_000n * UNIT);
    await world.blocks(SOLID_BLOCKS);
    expect((await inspect([order('a')])).freeUnits).toBe(1_500n * UNIT);
  });

  it('does not count what has gone out and is not solidified', async () => {
    const { transaction } = await world.sign(order('a', { units: 400n * UNIT }), 1n);
    await world.driver.broadcast(transaction.rawTransaction);
    await world.blocks(1);
    expect((await inspect([order('b')])).freeUnits).toBe(600n * UNIT);
  });

  it('waits without coins for fees, and needs more of them while others are on the way', async () => {
    const limit = ((FRESH_ENERGY * 5n + 3n) / 4n) * 100n;
    lie({ 'wallet/getaccount': (truth) => ({ ...(truth as object), balance: Number(limit) }) });
    expect(ids((await inspect([order('a')])).payable)).toEqual(['a']);
    const more = await inspect([order('a')], 1n);
    expect(more.payable).toEqual([]);
    expect(reasons(more)[0]).toMatch(
      /^The treasury is short of coins for fees: has 3\.5892 TRX, needs 6\d\.\d+ TRX\.$/,
    );
    lie({ 'wallet/getaccount': (truth) => ({ ...(truth as object), balance: Number(limit) - 1 }) });
    const short = await inspect([order('a'), order('b')]);
    expect(short).toMatchObject({ payable: [], plan: null, left: [] });
    expect(reasons(short)).toEqual(
      Array(2).fill('The treasury is short of coins for fees: has 3.589199 TRX, needs 3.5892 TRX.'),
    );
  });

  it('needs no coins where energy and bandwidth are its own', async () => {
    controls().setResources(world.treasury, { energyLimit: 1_000_000, bandwidthLimit: 100_000 });
    await world.blocks(1);
    lie({ 'wallet/getaccount': (truth) => ({ ...(truth as object), balance: 0 }) });
    expect(ids((await inspect([order('a')], 1n)).payable)).toEqual(['a']);
  });

  it.each([
    [
      'is not active',
      () => lie({ 'wallet/getaccount': () => ({}) }),
      /^The treasury account T\w{33} is not active/,
    ],
    [
      'is blacklisted',
      () => controls().setBlacklisted(usdt(), world.treasury, true),
      /^The treasury is blacklisted by the issuer of USDT on TRON_MAINNET\.$/,
    ],
    [
      'waits while the token is paused',
      () => controls().setPaused(usdt(), true),
      /^USDT on TRON_MAINNET is paused by its issuer\.$/,
    ],
    [
      'waits while fees are too high',
      () => controls().setParameter('getEnergyFee', 1_500),
      /^The transfer may cost up to 53\.838 TRX; the ceiling is 50 TRX\.$/,
    ],
  ] as const)('%s: everything waits', async (_, arrange, words) => {
    arrange();
    await world.blocks(1);
    const found = await inspect([order('a'), order('b')]);
    expect(found).toMatchObject({ payable: [], refused: [], left: [], plan: null });
    expect(reasons(found)).toEqual([expect.stringMatching(words), expect.stringMatching(words)]);
  });

  it('waits while the token takes a fee', async () => {
    lie({
      'wallet/triggerconstantcontract': (truth, body) =>
        JSON.stringify(body).includes('basisPointsRate')
          ? { ...(truth as object), constant_result: ['1'.padStart(64, '0')] }
          : truth,
    });
    expect(reasons(await inspect([order('a')]))).toEqual([
      'USDT on TRON_MAINNET takes a fee; an exact transfer is not possible.',
    ]);
  });
});

describe('a recipient', () => {
  it('is never the treasury, nor the token', async () => {
    const found = await inspect([
      order('own', { toAddress: world.treasury }),
      order('token', { toAddress: usdt() }),
    ]);
    expect(found).toMatchObject({ payable: [], waiting: [], plan: null });
    expect(found.refused).toEqual([
      {
        payoutId: 'own',
        reason: 'The recipient address is the account that payouts are made from.',
        proof: { ownAccount: world.treasury },
      },
      {
        payoutId: 'token',
        reason: "The recipient address is the token's own contract: what it is paid is lost.",
        proof: { contract: usdt() },
      },
    ]);
  });

  it.each(['USDT', 'USDC'] as const)(
    'that is blacklisted by %s waits, and is refused when that is solidified',
    async (token) => {
      const asset = token === 'USDT' ? world.usdt : world.usdc;
      controls().setBlacklisted(asset.contract ?? '', tronKey(9).address, true);
      await world.blocks(1);
      const before = await inspect([order('a', { asset })]);
      expect(before).toMatchObject({ payable: [], refused: [] });
      expect(reasons(before)).toEqual([
        `The issuer of ${token} has blacklisted the recipient; that is not final yet.`,
      ]);
      await world.blocks(SOLID_BLOCKS);
      const after = await inspect([order('a', { asset })]);
      expect(after).toMatchObject({ payable: [], waiting: [] });
      const { number, blockId } = world.chain.truth.solidified();
      expect(after.refused).toEqual([
        {
          payoutId: 'a',
          reason: `The recipient address is blacklisted by the issuer of ${token}.`,
          proof: {
            sinceBlock: { number: number.toString(), hash: blockId },
            call: {
              contract: asset.contract,
              method: token === 'USDT' ? 'isBlackListed(address)' : 'isBlacklisted(address)',
              account: tronKey(9).address,
            },
            result: true,
          },
        },
      ]);
    },
  );

  const revertFor = (hex: string, views: readonly string[]): Record<string, TronLie> =>
    Object.fromEntries(
      views.map((view) => [
        `${view}/triggerconstantcontract`,
        (truth, body) => {
          const text = JSON.stringify(body);
          const isTransfer = text.includes('transfer(address') && text.includes(hex);
          return isTransfer
            ? {
                result: {
                  result: true,
                  message: Buffer.from('REVERT opcode executed').toString('hex'),
                },
                constant_result: [''],
                energy_used: 500,
                transaction: { ret: [{ ret: 'FAILED' }] },
              }
            : truth;
        },
      ]),
    );
  const CONTROL = '20c6688bc518b068c9499825755105a5b2b2735f';
  const both = ['wallet', 'walletsolidity'];
  it('whose transfers alone revert, at the newest and the solidified state, is refused', async () => {
    lie(revertFor(RECIPIENT, both));
    const found = await inspect([order('a')]);
    expect(found.refused).toEqual([
      {
        payoutId: 'a',
        reason: 'The token contract refused the transfer: it gives no reason.',
        proof: expect.objectContaining({ result: { reverted: '' } }) as unknown,
      },
    ]);
  });

  it.each([
    ['at the newest state alone', () => revertFor(RECIPIENT, ['wallet'])],
    ['as those to anybody do', () => merge(revertFor(RECIPIENT, both), revertFor(CONTROL, both))],
    [
      'as those to anybody do at the newest state',
      () => merge(revertFor(RECIPIENT, both), revertFor(CONTROL, ['wallet'])),
    ],
    [
      'as those to anybody do at the solidified state',
      () => merge(revertFor(RECIPIENT, both), revertFor(CONTROL, ['walletsolidity'])),
    ],
  ])('whose transfers revert %s waits', async (_, lies) => {
    lie(lies());
    const found = await inspect([order('a')]);
    expect(found).toMatchObject({ payable: [], refused: [], plan: null });
    expect(reasons(found)).toEqual([
      'USDT on TRON_MAINNET would refuse the transfer: it gives no reason.',
    ]);
  });
});

/** The 20 bytes of the recipient of the tests. */
const RECIPIENT = '58da990a8f4a3a6ca7cb6315d68a140105917352';

function merge(a: Record<string, TronLie>, b: Record<string, TronLie>): Record<string, TronLie> {
  const paths = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(
    [...paths].map((path) => [
      path,
      (truth, body) => (b[path] ?? same)((a[path] ?? same)(truth, body), body),
    ]),
  );
}

const same: TronLie = (truth) => truth;

describe('of several nodes', () => {
  beforeEach(async () => {
    world = await openTronWorld({ nodes: 3 });
    controls().setBlacklisted(usdt(), tronKey(9).address, true);
    await world.blocks(SOLID_BLOCKS + 1);
  });
  const notListed: TronLie = (truth, body) =>
    JSON.stringify(body).includes('isBlackListed')
      ? { ...(truth as object), constant_result: ['0'.repeat(64)] }
      : truth;
  const lieOn = (numbers: readonly number[]): void => {
    for (const number of numbers) {
      present(world.nodes[number - 1], 'there is a node').lies = {
        'wallet/triggerconstantcontract': notListed,
        'walletsolidity/triggerconstantcontract': notListed,
      };
    }
  };

  it('a quorum refuses', async () => {
    lieOn([3]);
    expect((await inspect([order('a')])).refused).toHaveLength(1);
  });

  it('one alone does not', async () => {
    lieOn([2, 3]);
    const found = await inspect([order('a')]);
    expect(found).toMatchObject({ refused: [], payable: [] });
    expect(reasons(found)).toEqual(['The nodes do not agree about the transfer.']);
  });

  it('one that answers alone does not', async () => {
    world.chain.openNode('node 2').set({ manners: 'unavailable' });
    world.chain.openNode('node 3').set({ manners: 'overloaded' });
    expect(reasons(await inspect([order('a')]))).toEqual([
      'Too few nodes answer to judge the transfer.',
    ]);
  });

  it('the next is asked where one fails, and everything waits where all do', async () => {
    world.chain.openNode('node 1').set({ manners: 'broken' });
    const good = order('b', { toAddress: tronKey(8).address });
    expect(ids((await inspect([good])).payable)).toEqual(['b']);
    for (const name of ['node 2', 'node 3']) world.chain.openNode(name).set({ manners: 'broken' });
    const found = await inspect([good, order('a')]);
    expect(found).toMatchObject({ payable: [], refused: [], left: [], plan: null, freeUnits: 0n });
    expect(reasons(found)).toHaveLength(2);
  });
});

it.each([
  ['no orders', () => []],
  ['orders of two assets', () => [order('a'), order('b', { asset: world.usdc })]],
  [
    'orders of another network',
    () => [order('a', { asset: { ...world.usdt, network: 'BSC_MAINNET' as const } })],
  ],
])('asserts that there are not %s', async (_, orders) => {
  await expect(inspect(orders())).rejects.toThrow(/orders/);
});
