import { beforeEach, describe, expect, it } from 'vitest';
import type { BroadcastRefusal, NodeSwitches } from '../../../local-chains/tron/node-switches.ts';
import {
  followed,
  openTronWorld,
  SOLID_BLOCKS,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import { present } from '../../base/assert.ts';
import type { BroadcastAnswer, SignedAttempt, TransferOrder } from '../network.ts';

let world: TronWorld;
let order: TransferOrder;
let signed: SignedAttempt;
beforeEach(async () => {
  world = await openTronWorld({ nodes: 2 });
  order = world.order('payout', {});
  signed = await world.sign(order, 1n);
});

const send = async (): Promise<BroadcastAnswer> =>
  await world.driver.broadcast(signed.transaction.rawTransaction);
const setAll = (changes: Partial<NodeSwitches>): void => {
  for (const { label } of world.nodes) world.chain.openNode(label).set(changes);
};

const REFUSALS: readonly BroadcastRefusal[] = [
  'SIGERROR',
  'CONTRACT_VALIDATE_ERROR',
  'CONTRACT_EXE_ERROR',
  'BANDWITH_ERROR',
  'DUP_TRANSACTION_ERROR',
  'TAPOS_ERROR',
  'TOO_BIG_TRANSACTION_ERROR',
  'TRANSACTION_EXPIRATION_ERROR',
  'SERVER_BUSY',
  'NO_CONNECTION',
  'NOT_ENOUGH_EFFECTIVE_CONNECTION',
  'BLOCK_UNSOLIDIFIED',
  'OTHER_ERROR',
];

describe('means look, whatever was done', () => {
  it.each([...REFUSALS, 'silent' as const])('%s, after accepting', async (afterAccept) => {
    setAll({ afterAccept });
    const answer = await send();
    expect(answer.kind).toBe('look');
    if (afterAccept !== 'silent') {
      expect(answer).toMatchObject({
        reason: expect.stringMatching(
          new RegExp(`^node 1: refused: ${afterAccept}.*; node 2: `),
        ) as string,
      });
    }
    await world.blocks(SOLID_BLOCKS + 1);
    setAll({ afterAccept: 'says so' });
    expect(await world.driver.status(followed(signed, order))).toMatchObject({
      kind: 'final',
      fates: [{ kind: 'paid' }],
    });
    expect((await send()).kind).toBe('look');
  });

  it.each(REFUSALS)('%s, and nothing was kept', async (refuses) => {
    setAll({ refuses });
    expect((await send()).kind).toBe('look');
    setAll({ refuses: null });
    expect(await world.driver.status(followed(signed, order))).toEqual({ kind: 'unseen' });
    expect(await send()).toEqual({ kind: 'accepted' });
  });

  it('a node that never takes again what it has refused once', async () => {
    setAll({ remembersRefused: true, clockAheadMs: 600_000 });
    expect((await send()).kind).toBe('look');
    setAll({ clockAheadMs: 0 });
    expect(await send()).toMatchObject({
      kind: 'look',
      reason: expect.stringContaining('DUP_TRANSACTION_ERROR') as string,
    });
    await world.blocks(31 + SOLID_BLOCKS);
    expect((await world.driver.status(followed(signed, order))).kind).toBe('dead');
  });
});

describe('one node is enough', () => {
  it.each([
    ['refuses', { refuses: 'TRANSACTION_EXPIRATION_ERROR' }],
    ['is silent', { manners: 'silent' }],
    ['is broken', { manners: 'broken' }],
    ['has a clock of its own', { clockAheadMs: 600_000 }],
  ] as const)('where the other %s', async (_, changes) => {
    world.chain.openNode('node 1').set(changes);
    expect(await send()).toEqual({ kind: 'accepted' });
    await world.blocks(1);
    expect(world.chain.truth.transaction(signed.fence)?.result).toBe('SUCCESS');
  });
});

it('is no acceptance with another id', async () => {
  for (const node of world.nodes) {
    node.lies = { 'wallet/broadcasthex': () => ({ result: true, txid: 'ab'.repeat(32) }) };
  }
  expect(await send()).toEqual({
    kind: 'look',
    reason: 'node 1 answered with another id; node 2 answered with another id',
  });
});

it('lies: says that it has accepted, and keeps nothing; the attempt is dead in its time', async () => {
  setAll({ losesBroadcasts: true });
  expect(await send()).toEqual({ kind: 'accepted' });
  expect(await world.driver.status(followed(signed, order))).toEqual({ kind: 'unseen' });
  await world.blocks(31 + SOLID_BLOCKS);
  expect((await world.driver.status(followed(signed, order))).kind).toBe('dead');
});

it('sends nothing but a signed transfer', async () => {
  const { rawTransaction } = signed.transaction;
  for (const bytes of [
    new Uint8Array(),
    rawTransaction.subarray(1),
    Uint8Array.of(...rawTransaction, 0),
  ]) {
    await expect(world.driver.broadcast(bytes)).rejects.toThrow('no signed transaction');
  }
  const asked = present(world.nodes[0], 'there is a node').asked;
  expect(asked).not.toContain('wallet/broadcasthex');
});
