import { beforeEach, describe, expect, it } from 'vitest';
import { present } from '../../base/assert.ts';
import {
  followed,
  openTronWorld,
  SOLID_BLOCKS,
  UNIT,
  type TronWorld,
} from '../../../test/harness/tron-world.ts';
import type { TronLie } from '../../../test/harness/tron-endpoint.ts';
import type { AttemptToFollow, SignedAttempt, Sighting, TransferOrder } from '../network.ts';

// One transfer, seen by one node.

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
