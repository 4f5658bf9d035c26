import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeManners } from '../../../local-chains/tron/node-switches.ts';
import { present } from '../../base/assert.ts';
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

// One transfer, seen by one node.

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

describe('on the way', () => {
  it('is unseen, waiting, included and final', async () => {
    expect(await status()).toEqual({ kind: 'unseen' });
    await send();
    expect(await status()).toEqual({ kind: 'waiting' });
    await world.blocks(1);
    const { number, blockId } = world.chain.truth.head();
    const block = { number: BigInt(number), hash: blockId };
    expect(await status()).toEqual({ kind: 'included', block });
    await world.blocks(SOLID_BLOCKS - 1);
    expect(await status()).toEqual({ kind: 'included', block });
    await world.blocks(1);
    expect(await status()).toMatchObject({ kind: 'final', block });
  });

  it('is waiting again where its block is left, and included in another', async () => {
    await send();
    await world.blocks(3);
    await world.chain.controls.reorganise({ blocks: 3, transactions: 'return' });
    expect(await status()).toEqual({ kind: 'waiting' });
    await world.blocks(1);
    expect(await status()).toMatchObject({ kind: 'included' });
    await world.blocks(SOLID_BLOCKS);
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
  });

  it('is unseen where it was lost with its block, and can be sent again', async () => {
    await send();
    await world.blocks(3);
    await world.chain.controls.reorganise({ blocks: 3, transactions: 'drop', replace: true });
    expect(await status()).toEqual({ kind: 'unseen' });
    await send();
    await world.blocks(SOLID_BLOCKS + 1);
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
  });

  it('is waiting where only its block is known, and not its info', async () => {
    await send();
    await world.blocks(1);
    node().set({ withoutInfo: true });
    expect(await status()).toEqual({ kind: 'waiting' });
    await world.blocks(SOLID_BLOCKS);
    expect(await status()).toEqual({ kind: 'waiting' });
  });

  it('is unseen where a provider does not show what waits', async () => {
    await send();
    const [pending, known] = ['wallet/gettransactionfrompending', 'wallet/gettransactionbyid'];
    lie({ [known]: () => ({}) });
    expect(await status()).toEqual({ kind: 'waiting' });
    lie({ [known]: () => ({}), [pending]: () => 'nothing of the kind' });
    expect(await status()).toEqual({ kind: 'unseen' });
    const mistake: TronLie = () => {
      throw new TypeError('a mistake of ours is no answer');
    };
    lie({ [known]: () => ({}), [pending]: mistake });
    expect(await status()).toEqual({ kind: 'unknown', reason: 'a mistake of ours is no answer' });
  });
});

describe('final', () => {
  it('is paid by the event, with its cost, though the token answers false', async () => {
    await send();
    await world.blocks(SOLID_BLOCKS + 1);
    const truth = present(world.chain.truth.transaction(signed.fence), 'it is there');
    const block = { number: BigInt(truth.blockNumber), hash: truth.blockId };
    expect(await status()).toEqual({
      kind: 'final',
      transactionHash: signed.fence,
      block,
      feeUnits: truth.feeSun,
      fates: [
        {
          kind: 'paid',
          payoutId: 'payout',
          proof: {
            transactionHash: signed.fence,
            blockNumber: block.number.toString(),
            blockHash: block.hash,
            token: order.asset.contract,
            treasury: world.treasury,
            to: order.toAddress,
            units: '5000000',
            result: 'SUCCESS',
            energy: '28713',
            logIndex: '0',
          },
        },
      ],
    });
    expect(truth.feeSun).toBe(2_871_300n);
  });

  it.each([
    ['OUT_OF_ENERGY', 'The transaction ran out of energy; nothing moved, 3.5892 TRX were burned.'],
    ['REVERT', 'The USDT contract reverted the transfer: it gives no reason; nothing moved, '],
    ['OUT_OF_TIME', "The USDT contract's call ended with OUT_OF_TIME; nothing moved, "],
    ['BAD_JUMP_DESTINATION', "The USDT contract's call ended with BAD_JUMP_DESTINATION; "],
    ['ILLEGAL_OPERATION', "The USDT contract's call ended with ILLEGAL_OPERATION; "],
    ['UNKNOWN', "The USDT contract's call ended with UNKNOWN; "],
  ] as const)('is undone by %s, with what was burned', async (result, words) => {
    world.chain.controls.forceResult(signed.fence, result);
    await send();
    await world.blocks(SOLID_BLOCKS + 1);
    const truth = present(world.chain.truth.transaction(signed.fence), 'it is there');
    expect(truth.result).toBe(result);
    const sighting = await status();
    expect(sighting).toMatchObject({
      kind: 'final',
      feeUnits: truth.feeSun,
      fates: [{ kind: 'undone', payoutId: 'payout', proof: { result, units: '5000000' } }],
    });
    const reason =
      sighting.kind === 'final' && 'reason' in present(sighting.fates[0], 'a fate')
        ? sighting.fates[0]
        : null;
    expect(reason).toMatchObject({ reason: expect.stringContaining(words) as string });
    expect(truth.feeSun).toBeGreaterThan(0n);
    expect(await world.chain.truth.unitsOf(order.asset.contract ?? '', world.treasury)).toBe(
      1_000n * UNIT,
    );
  });

  it('names the reason that the token gives', async () => {
    const usdc = world.order('usdc', { asset: world.usdc });
    const other = await world.sign(usdc, 2n);
    world.chain.controls.setBlacklisted(world.usdc.contract ?? '', usdc.toAddress, true);
    await world.driver.broadcast(other.transaction.rawTransaction);
    await world.blocks(SOLID_BLOCKS + 1);
    expect(await world.driver.status(followed(other, usdc))).toMatchObject({
      kind: 'final',
      fates: [
        {
          kind: 'undone',
          reason: expect.stringContaining('Blacklistable: account is blacklisted') as string,
        },
      ],
    });
  });

  it('is for good even where it looks expired', async () => {
    await world.blocks(27);
    await send();
    // Slots were missed: the block is later than the expiration, and its parent is not.
    world.pass(30_000);
    await world.blocks(1);
    const { blockId, timestampMs } = world.chain.truth.head();
    expect(world.chain.truth.transaction(signed.fence)?.blockId).toBe(blockId);
    expect(timestampMs).toBeGreaterThan(signed.validUntil?.getTime() ?? Infinity);
    await world.blocks(SOLID_BLOCKS + 2);
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
  });
});

describe('for a person', () => {
  const info = 'walletsolidity/gettransactioninfobyid';
  const withLogs =
    (change: (log: Log) => readonly Log[]): TronLie =>
    (truth) => {
      const { log = [] } = truth as { log?: readonly Log[] };
      return { ...(truth as object), log: log.flatMap((it) => change(it)) };
    };
  interface Log {
    readonly address: string;
    readonly topics: readonly string[];
    readonly data: string;
  }
  const word = (units: bigint): string => units.toString(16).padStart(64, '0');
  const toward =
    (hex: string) =>
    (log: Log): Log[] => [{ ...log, topics: [...log.topics.slice(0, 2), hex.padStart(64, '0')] }];

  it.each([
    ['no event', () => []],
    ['an event of another token', (log: Log) => [{ ...log, address: '11'.repeat(20) }]],
    ['another recipient', toward('22'.repeat(20))],
    ['another amount', (log: Log) => [{ ...log, data: word(4_999_999n) }]],
    [
      'a fee beside it',
      (log: Log) => [...toward('33'.repeat(20))({ ...log, data: word(1n) }), log],
    ],
    ['the payment twice', (log: Log) => [log, log]],
    [
      'an event of another owner alone',
      (log: Log) => [
        {
          ...log,
          topics: [log.topics[0] ?? '', '44'.repeat(20).padStart(64, '0'), log.topics[2] ?? ''],
        },
      ],
    ],
  ])('is a success with %s', async (_, change) => {
    await send();
    await world.blocks(SOLID_BLOCKS + 1);
    lie({ [info]: withLogs(change) });
    expect(await status()).toMatchObject({
      kind: 'unknown',
      needsPerson: true,
      reason: expect.stringContaining('PERSON NEEDED') as string,
    });
  });

  it('is no announcement of nothing beside the payment', async () => {
    await send();
    await world.blocks(SOLID_BLOCKS + 1);
    lie({ [info]: withLogs((log) => [{ ...log, data: word(0n) }, log]) });
    expect(await status()).toMatchObject({
      kind: 'final',
      fates: [{ kind: 'paid', proof: { logIndex: '1' } }],
    });
  });
});

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

  it('never by a denial that stands before the time was read', async () => {
    await landed();
    let asked = 0;
    // The transaction is solidified between the first question and the second.
    lie({ 'walletsolidity/gettransactioninfobyid': (truth) => ((asked += 1) === 1 ? {} : truth) });
    expect(await status()).toMatchObject({ kind: 'final', fates: [{ kind: 'paid' }] });
    expect(asked).toBe(2);
  });
});

const expire = async (): Promise<void> => await world.blocks(TO_EXPIRE + SOLID_BLOCKS);
const landed = async (): Promise<void> => {
  await send();
  await expire();
};

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
    expect((await status()).kind).toBe('unknown');
  });
});
