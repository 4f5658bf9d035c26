import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeManners } from '../../../local-chains/tron/node-switches.ts';
import { present } from '../../base/assert.ts';
import {
  followed,
  openTronWorld,
  SOLID_BLOCKS,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import type { TronLie } from '../../../test/harness/tron-endpoint.ts';
import type { AttemptToFollow, SignedAttempt, Sighting, TransferOrder } from '../network.ts';

// The end of a transfer that is not there, and answers that are none, by one node.

const TO_EXPIRE = 31;

let world: TronWorld;
let order: TransferOrder;
let signed: SignedAttempt;
let attempt: AttemptToFollow;
beforeEach(async () => {
  world = await openTronWorld();
  order = world.order('payout', {});
  signed = await world.sign(order, 1n);
  attempt = followed(signed, order);
});

const status = async (): Promise<Sighting> => await world.driver.status(attempt);
const send = async (): Promise<void> => {
  await world.driver.broadcast(signed.transaction.rawTransaction);
};
const node = () => world.chain.openNode('node 1');
const lie = (lies: Readonly<Record<string, TronLie>>): void => {
  present(world.nodes[0], 'there is a node').lies = lies;
};

const expire = async (): Promise<void> => await world.blocks(TO_EXPIRE + SOLID_BLOCKS);
const landed = async (): Promise<void> => {
  await send();
  await expire();
};

describe('dead', () => {
  it('only when a solidified block is later than the expiration', async () => {
    const expiration = signed.validUntil?.getTime() ?? 0;
    for (let made = 0; made < TO_EXPIRE + SOLID_BLOCKS; made += 1) {
      const isOver = world.chain.truth.solidified().timestampMs > expiration;
      expect((await status()).kind).toBe(isOver ? 'dead' : 'unseen');
      await world.blocks(1);
    }
    const { number, blockId, timestampMs } = world.chain.truth.solidified();
    expect(await status()).toEqual({
      kind: 'dead',
      reason: 'It has expired by the time of a solidified block, and none holds it.',
      proof: {
        transactionHash: signed.fence,
        expiration: expiration.toString(),
        blockNumber: number.toString(),
        blockHash: blockId,
        blockTime: timestampMs.toString(),
        found: false,
      },
      takenBy: null,
    });
    await send();
    await world.blocks(SOLID_BLOCKS + 1);
    expect(world.chain.truth.transaction(signed.fence)).toBeNull();
  });

  it('not by our own clock', async () => {
    world.pass(3_600_000);
    expect(await status()).toEqual({ kind: 'unseen' });
  });

  it('not while it waits, however long a block does not come', async () => {
    await send();
    world.chain.controls.holdBackAll(true);
    await world.blocks(29);
    world.chain.controls.holdBackAll(false);
    await world.blocks(1);
    expect(world.chain.truth.transaction(signed.fence)).not.toBeNull();
    await world.blocks(SOLID_BLOCKS + 5);
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
  });

  it('when it waited until it expired', async () => {
    await send();
    world.chain.controls.holdBackAll(true);
    await world.blocks(TO_EXPIRE + SOLID_BLOCKS);
    expect(await status()).toMatchObject({ kind: 'dead', takenBy: null });
  });

  it.each([
    [
      'has it in a block, and no info',
      async () => await landed().then(() => node().set({ withoutInfo: true })),
    ],
    [
      'keeps no blocks of that time',
      async () => await expire().then(() => node().set({ forgetsBelow: 40 })),
    ],
    [
      'has left its own solidified block',
      async () => await expire().then(() => lie({ 'wallet/getblock': () => ({}) })),
    ],
    [
      'shows it in the newest view alone',
      async () => await landed().then(() => node().set({ deniesSolid: [signed.fence] })),
    ],
  ])('never by the word of a node that %s', async (_, arrange) => {
    await arrange();
    expect((await status()).kind).toBe('unknown');
  });

  it('never by a node that has left its solidified block meanwhile', async () => {
    await expire();
    const { number, blockId } = world.chain.truth.solidified();
    let asked = 0;
    lie({
      'wallet/getblock': (truth, body) => {
        const isOfIt = JSON.stringify(body).includes(`"${number}"`);
        asked += isOfIt ? 1 : 0;
        const other = `${blockId.slice(0, 16)}${'11'.repeat(24)}`;
        return isOfIt && asked === 2 ? { ...(truth as object), blockID: other } : truth;
      },
    });
    expect(await status()).toEqual({
      kind: 'unknown',
      reason: 'node 1: a solidified block has changed',
    });
  });

  it('never by a denial that stands before the time was read', async () => {
    await landed();
    let asked = 0;
    // The transaction is solidified between the first question and the second.
    lie({ 'walletsolidity/gettransactioninfobyid': (truth) => ((asked += 1) === 1 ? {} : truth) });
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
    expect(asked).toBe(2);
  });
});

describe('an answer that is none changes nothing', () => {
  const states: readonly [string, () => Promise<void>][] = [
    ['unseen', async () => await Promise.resolve()],
    ['included', async () => await send().then(async () => await world.blocks(2))],
    ['final', async () => await landed()],
    ['dead', async () => await expire()],
  ];
  const manners: readonly NodeManners[] = [
    'silent',
    'refused',
    'overloaded',
    'unavailable',
    'broken',
    'empty',
    'garbled',
  ];
  const cases = states.flatMap(([name, arrange]) =>
    manners.map((manner) => [name, manner, arrange] as const),
  );

  it.each(cases)('%s, %s', async (_, manner, arrange) => {
    await arrange();
    node().set({ manners: manner });
    expect((await status()).kind).toBe('unknown');
  });

  const paths = [
    'wallet/getblock',
    'walletsolidity/getblock',
    'walletsolidity/gettransactioninfobyid',
    'walletsolidity/gettransactionbyid',
    'wallet/gettransactionbyid',
  ];
  const strange: readonly [string, TronLie][] = [
    ['null', () => null],
    ['a list', () => []],
    ['text', () => 'ok'],
    ['another object', () => ({ result: true })],
    ['a part of it', (truth) => ({ ...(truth as object), blockID: 'ab', id: 'ab', txID: 'ab' })],
  ];
  const lies = paths.flatMap((path) =>
    strange.map(([name, answer]) => [path, name, answer] as const),
  );

  it.each(lies)('where it has expired, %s says %s', async (path, _, answer) => {
    await expire();
    lie({ [path]: answer });
    expect((await status()).kind).toBe('unknown');
  });

  it.each(lies.filter(([path]) => path !== 'wallet/gettransactionbyid'))(
    'where it is paid, %s says %s',
    async (path, _, answer) => {
      await landed();
      lie({ [path]: answer });
      expect((await status()).kind).toBe('unknown');
    },
  );

  it('where a solidified view shows what is not solidified', async () => {
    await send();
    await world.blocks(1);
    const value = signed.fence;
    const info = await node().post('/wallet/gettransactioninfobyid', { value });
    const transaction = await node().post('/wallet/gettransactionbyid', { value });
    lie({
      'walletsolidity/gettransactioninfobyid': () => info,
      'walletsolidity/gettransactionbyid': () => transaction,
    });
    expect(await status()).toEqual({
      kind: 'unknown',
      reason: 'node 1: a transaction is solidified before its block',
    });
  });

  it.each([
    [
      'a result that its transaction does not have',
      {
        'walletsolidity/gettransactionbyid': (truth: unknown) => ({
          ...(truth as object),
          ret: [{ contractRet: 'REVERT' }],
        }),
      },
    ],
    ['no transaction', { 'walletsolidity/gettransactionbyid': () => ({}) }],
    [
      'a time that its block does not have',
      {
        'walletsolidity/gettransactioninfobyid': (truth: unknown) => ({
          ...(truth as object),
          blockTimeStamp: 1,
        }),
      },
    ],
    [
      'a block that is not solidified',
      {
        'walletsolidity/gettransactioninfobyid': (truth: unknown) => ({
          ...(truth as object),
          blockNumber: 1_000,
        }),
      },
    ],
    [
      'no result',
      {
        'walletsolidity/gettransactioninfobyid': (truth: unknown) => ({
          ...(truth as object),
          receipt: {},
        }),
      },
    ],
    [
      'no result, and neither has its transaction',
      {
        'walletsolidity/gettransactioninfobyid': (truth: unknown) => ({
          ...(truth as object),
          receipt: {},
        }),
        'walletsolidity/gettransactionbyid': (truth: unknown) => ({
          ...(truth as object),
          ret: [],
        }),
      },
    ],
    [
      'a failure that its transaction does not have',
      {
        'walletsolidity/gettransactioninfobyid': (truth: unknown) => ({
          ...(truth as object),
          result: 'FAILED',
          receipt: { result: 'REVERT' },
          log: [],
        }),
      },
    ],
  ])('where an info has %s', async (_, lies) => {
    await landed();
    lie(lies);
    const sighting = await status();
    expect(sighting.kind).toBe('unknown');
    // Told as what it is, not stumbled over.
    expect(sighting).not.toMatchObject({
      reason: expect.stringContaining('Cannot read') as string,
    });
  });
});
