import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeSwitches } from '../../../local-chains/tron/node-switches.ts';
import {
  followed,
  openTronWorld,
  SOLID_BLOCKS,
  tronKey,
  UNIT,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import type { TronLie } from '../../../test/harness/tron-endpoint.ts';
import type { AttemptToFollow, SignedAttempt, Sighting, TransferOrder } from '../network.ts';
import { createTronReader } from './reader.ts';

// One transfer, seen by three nodes of which some lie, lag or fail.

let world: TronWorld;
let order: TransferOrder;
let signed: SignedAttempt;
let attempt: AttemptToFollow;
beforeEach(async () => {
  world = await openTronWorld({ nodes: 3 });
  order = world.order('payout', {});
  signed = await world.sign(order, 1n);
  attempt = followed(signed, order);
});

const status = async (): Promise<Sighting> => await world.driver.status(attempt);
const set = (number: number, changes: Partial<NodeSwitches>): void => {
  world.chain.openNode(`node ${number}`).set(changes);
};
const lie = (number: number, lies: Readonly<Record<string, TronLie>>): void => {
  const node = world.nodes[number - 1];
  if (node !== undefined) node.lies = lies;
};
const expire = async (): Promise<void> => await world.blocks(31 + SOLID_BLOCKS);
const land = async (): Promise<void> => {
  await world.driver.broadcast(signed.transaction.rawTransaction);
  await world.blocks(SOLID_BLOCKS + 2);
};

describe('what ends an attempt is said by a quorum', () => {
  it.each([
    ['paid', land, 'final'],
    ['expired', expire, 'dead'],
  ] as const)('%s', async (_, arrange, kind) => {
    await arrange();
    expect((await status()).kind).toBe(kind);
    set(1, { manners: 'silent' });
    expect((await status()).kind).toBe(kind);
    set(2, { manners: 'overloaded' });
    const alone = await status();
    expect(alone.kind).toBe('unknown');
    expect(alone).not.toHaveProperty('needsPerson');
  });

  it('a node that denies what a quorum has seen is put in quarantine', async () => {
    await land();
    await expire();
    set(1, { denies: [signed.fence] });
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
    expect(world.alarms).toEqual([
      expect.stringMatching(/^node 1 is in quarantine.*dead at block/),
    ]);
  });

  it('a node that denies it alone proves nothing', async () => {
    await land();
    await expire();
    set(1, { denies: [signed.fence] });
    set(2, { manners: 'unavailable' });
    expect(await status()).toMatchObject({ kind: 'unknown', needsPerson: true });
    set(2, { manners: 'silent' });
    set(3, { manners: 'silent' });
    expect((await status()).kind).toBe('unknown');
  });

  it('of two nodes both have to say it', async () => {
    await land();
    await expire();
    const driver = world.driverWith({ endpoints: world.nodes.slice(0, 2) });
    expect((await driver.status(attempt)).kind).toBe('final');
    set(2, { deniesSolid: [signed.fence] });
    expect((await driver.status(attempt)).kind).toBe('unknown');
    set(2, { deniesSolid: [], denies: [signed.fence] });
    expect(await driver.status(attempt)).toMatchObject({ kind: 'unknown', needsPerson: true });
  });
});

describe('a node that is late', () => {
  it('counts for nothing, and contradicts nothing', async () => {
    await land();
    set(1, { lagBlocks: 10 });
    set(2, { solidityLagBlocks: 3 });
    expect(await status()).toMatchObject({ kind: 'included' });
    set(2, { solidityLagBlocks: 0 });
    expect(await status()).toMatchObject({ kind: 'final' });
    expect(world.alarms).toEqual([]);
  });

  it('does not hasten a death', async () => {
    await expire();
    set(1, { lagBlocks: 20 });
    set(2, { solidityLagBlocks: 5 });
    expect(await status()).toEqual({ kind: 'unseen' });
    set(2, { solidityLagBlocks: 0 });
    expect((await status()).kind).toBe('dead');
  });

  it('that stands still on a branch that was left proves nothing with it', async () => {
    await world.driver.broadcast(signed.transaction.rawTransaction);
    await world.blocks(2);
    set(1, { frozen: true });
    await world.chain.controls.reorganise({ blocks: 2, transactions: 'drop', replace: true });
    await world.blocks(1);
    expect((await status()).kind).toMatch(/included|unseen/);
    await world.driver.broadcast(signed.transaction.rawTransaction);
    await world.blocks(SOLID_BLOCKS + 2);
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
  });
});

it('judges by what moved: a node that sees another payment is not of the quorum', async () => {
  await land();
  const info = 'walletsolidity/gettransactioninfobyid';
  lie(1, {
    [info]: (truth) => {
      const { log = [] } = truth as { log?: { topics: string[] }[] };
      const topics = (of: string[]): string[] => [
        ...of.slice(0, 2),
        '22'.repeat(20).padStart(64, '0'),
      ];
      return { ...(truth as object), log: log.map((it) => ({ ...it, topics: topics(it.topics) })) };
    },
  });
  expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
  expect(world.alarms).toHaveLength(1);
});

describe('an attempt whose row is not of its transaction is never told a fate', () => {
  const other = () => world.order('payout', { units: 6n * UNIT });
  it.each([
    ['another fence', () => ({ fence: 'ab'.repeat(32) })],
    ['another hash', () => ({ authorityHash: 'ab'.repeat(32) })],
    ['another transaction', () => ({ transactionHashes: ['ab'.repeat(32)] })],
    [
      'another expiration',
      () => ({ validUntil: new Date((signed.validUntil?.getTime() ?? 0) + 1_000) }),
    ],
    ['no expiration', () => ({ validUntil: null })],
    ['another payer', () => ({ payer: tronKey(2).address })],
    ['another amount', () => ({ orders: [other()] })],
    [
      'another recipient',
      () => ({ orders: [world.order('payout', { toAddress: tronKey(8).address })] }),
    ],
    ['another token', () => ({ orders: [world.order('payout', { asset: world.usdc })] })],
    ['two orders', () => ({ orders: [order, order] })],
    ['no order', () => ({ orders: [] })],
    ['other bytes', () => ({ authority: signed.authority.subarray(1) })],
    [
      'a broken signature',
      () => ({ authority: Uint8Array.of(...signed.authority.subarray(0, -2), 7, 27) }),
    ],
    ['a block below zero', () => ({ sinceBlock: -1n })],
  ])('%s', async (_, changes) => {
    await land();
    const sighting = await world.driver.status({ ...attempt, ...changes() });
    expect(sighting.kind).toBe('unknown');
  });
});

it('is read without a key', async () => {
  await land();
  const { nodes, clock, chain } = world;
  const expectedGenesis = chain.truth.block(0)?.blockId ?? '';
  const reader = createTronReader({ expectedGenesis, endpoints: nodes, clock });
  expect(reader).toMatchObject({ network: 'TRON_MAINNET', lanes: 'independent' });
  expect((await reader.status(attempt)).kind).toBe('final');
  const elsewhere = createTronReader({
    expectedGenesis: `${'0'.repeat(16)}${'11'.repeat(24)}`,
    endpoints: nodes,
    clock,
  });
  expect((await elsewhere.status(attempt)).kind).toBe('unknown');
});
