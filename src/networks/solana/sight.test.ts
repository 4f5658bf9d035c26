import { describe, expect, it } from 'vitest';
import { createSolanaWorld, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import type { SolanaAnswerLie } from '../../../test/harness/solana-endpoint.ts';
import { present } from '../../base/assert.ts';
import type { AttemptToFollow, Sighting } from '../network.ts';

/** One attempt of two payouts, signed and not sent. */
async function signedIn(world: SolanaWorld): Promise<{
  readonly attempt: AttemptToFollow;
  readonly send: () => Promise<unknown>;
  readonly signature: string;
}> {
  const orders = [world.order(), world.order()];
  const signed = await world.sign(...orders);
  return {
    attempt: world.follow(signed, orders),
    signature: signed.fence,
    send: async () => await world.driver.broadcast(signed.transaction.rawTransaction),
  };
}

function lie(world: SolanaWorld, lies: Record<string, SolanaAnswerLie>, at = 0): void {
  present(world.endpoints[at], 'the node is there').lies = lies;
}

const statusOf = async (world: SolanaWorld, attempt: AttemptToFollow): Promise<Sighting> =>
  await world.driver.status(attempt);

/** In the words of the facts: what changes nothing. */
const CHANGES_NOTHING = ['unseen', 'waiting', 'included', 'unknown'];

describe('an attempt on its way', () => {
  it('is unseen before it is sent, waits in a block that may go, is included, and is final', async () => {
    const world = createSolanaWorld();
    const { attempt, send } = await signedIn(world);
    expect((await statusOf(world, attempt)).kind).toBe('unseen');
    await send();
    expect((await statusOf(world, attempt)).kind).toBe('unseen');
    world.produce();
    expect((await statusOf(world, attempt)).kind).toBe('waiting');
    const landed = world.chain.head();
    world.produce(3);
    expect(await statusOf(world, attempt)).toEqual({
      kind: 'included',
      block: { number: BigInt(landed.slot), hash: landed.blockhash },
    });
    world.finalize();
    expect(await statusOf(world, attempt)).toMatchObject({
      kind: 'final',
      block: { number: BigInt(landed.slot), hash: landed.blockhash },
    });
  });

  it('goes back to nothing with a fork that is dropped, and lands when it is sent again', async () => {
    const world = createSolanaWorld();
    const { attempt, send } = await signedIn(world);
    await send();
    world.produce(4);
    expect((await statusOf(world, attempt)).kind).toBe('included');
    world.chain.reorg({ depth: 6, transactions: 'drop' });
    world.produce(3);
    expect((await statusOf(world, attempt)).kind).toBe('unseen');
    await send();
    world.finalize();
    expect((await statusOf(world, attempt)).kind).toBe('final');
  });

  it('that a fork has dropped and that lands again later is in the later block', async () => {
    const world = createSolanaWorld();
    const { attempt, send, signature } = await signedIn(world);
    await send();
    world.produce(4);
    world.chain.reorg({ depth: 6, transactions: 'later', laterBlocks: 20 });
    world.produce(80);
    const landed = present(world.chain.transaction(signature), 'it has landed again');
    expect(await statusOf(world, attempt)).toMatchObject({
      kind: 'final',
      block: { number: BigInt(landed.slot) },
    });
  });
});

describe('an attempt is dead', () => {
  it('when the last block that could hold it is final, and not a block sooner', async () => {
    const world = createSolanaWorld();
    const { attempt } = await signedIn(world);
    const until = Number(attempt.validUntilBlock);
    while (world.chain.head('finalized').height < until) {
      world.produce();
      if (world.chain.head('finalized').height > until - 3) {
        const isOver = world.chain.head('finalized').height > until;
        expect((await statusOf(world, attempt)).kind).toBe(isOver ? 'dead' : 'unseen');
      }
    }
    expect((await statusOf(world, attempt)).kind).toBe('unseen');
    world.produce(2);
    expect(await statusOf(world, attempt)).toMatchObject({ kind: 'dead', takenBy: null });
  });

  it('with a proof that names the blocks', async () => {
    const world = createSolanaWorld();
    const { attempt, signature } = await signedIn(world);
    world.expire();
    const dead = await statusOf(world, attempt);
    expect(dead).toMatchObject({
      kind: 'dead',
      proof: {
        signature,
        sinceSlot: attempt.sinceBlock.toString(),
        validUntilHeight: attempt.validUntilBlock?.toString(),
        status: null,
        finalizedBlock: { hash: world.chain.head('finalized').blockhash },
      },
    });
  });

  it('never where it lands in the last block that takes it', async () => {
    const world = createSolanaWorld();
    world.nodes[0]?.set({ forwards: 'last' });
    const { attempt, send } = await signedIn(world);
    await send();
    for (let block = 0; block < 230; block += 1) {
      world.produce();
      const { kind } = await statusOf(world, attempt);
      expect(kind === 'final' || CHANGES_NOTHING.includes(kind)).toBe(true);
    }
    expect((await statusOf(world, attempt)).kind).toBe('final');
  });

  it('not where it was dropped from the pool and the node has forgotten it', async () => {
    const world = createSolanaWorld();
    const { attempt, send } = await signedIn(world);
    await send();
    world.chain.drop();
    world.produce(50);
    expect((await statusOf(world, attempt)).kind).toBe('unseen');
    await send();
    world.finalize();
    expect((await statusOf(world, attempt)).kind).toBe('final');
  });
});

describe('an expired attempt that has landed is not dead', () => {
  async function landed(options: Parameters<typeof createSolanaWorld>[0] = {}) {
    const world = createSolanaWorld(options);
    const { attempt, send } = await signedIn(world);
    await send();
    world.produce(5);
    // Others pay through the same account before and after it.
    const other = await signedIn(world);
    await other.send();
    world.produce(5);
    world.produce(400);
    return { world, attempt };
  }

  it('on a node without its history', async () => {
    const { world, attempt } = await landed();
    for (const history of ['cache', 'refuses', 100] as const) {
      world.nodes[0]?.set({ history, emptyStatusCache: true });
      const { kind } = await statusOf(world, attempt);
      expect(CHANGES_NOTHING).toContain(kind);
    }
    world.nodes[0]?.heal();
    expect((await statusOf(world, attempt)).kind).toBe('final');
  });

  it('on a node that keeps statuses for a while, and blocks for longer', async () => {
    const { world, attempt } = await landed({ chain: { statusCacheSlots: 60 } });
    world.nodes[0]?.set({ history: 'cache' });
    lie(world, { getFirstAvailableBlock: () => 0 });
    expect((await statusOf(world, attempt)).kind).toBe('unknown');
  });

  it('on a node that denies it', async () => {
    const { world, attempt } = await landed();
    world.nodes[0]?.set({ lies: ['denies-statuses'] });
    expect((await statusOf(world, attempt)).kind).toBe('unknown');
  });

  it('on a node that denies it in every answer that names it: the balances do not add up', async () => {
    const { world, attempt } = await landed();
    world.nodes[0]?.set({ lies: ['denies-statuses'] });
    const without: SolanaAnswerLie = (truth) =>
      (truth as { signature: string }[]).filter((it) => it.signature !== attempt.fence);
    lie(world, {
      getSignaturesForAddress: without,
      getTransaction: async (_, params) => {
        const real = world.chain.openNode('honest');
        return params[0] === attempt.fence ? null : await real.request('getTransaction', params);
      },
    });
    expect(await statusOf(world, attempt)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(/missing|differ/) as string,
    });
  });

  it('on a node that was silent about it by chance, however often', async () => {
    const { world, attempt } = await landed();
    for (const times of [1, 2]) {
      for (let time = 0; time < times; time += 1) {
        world.nodes[0]?.failNext('getSignatureStatuses', 'absent');
      }
      expect((await statusOf(world, attempt)).kind).not.toBe('dead');
      world.nodes[0]?.heal();
    }
  });

  it('on a node with a gap in its blocks', async () => {
    const { world, attempt } = await landed();
    world.nodes[0]?.set({ lies: ['denies-statuses'] });
    lie(world, {
      getBlocksWithLimit: async (truth, params) => {
        const [from, limit] = params as [number, number];
        const real = world.chain.openNode('honest');
        const more = (await real.request('getBlocksWithLimit', [
          from,
          limit + 3,
          params[2] ?? null,
        ])) as number[];
        expect(truth).toHaveLength(limit);
        return more.toSpliced(5, 3);
      },
    });
    expect(await statusOf(world, attempt)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(/gaps/) as string,
    });
  });
});

describe('a node that contradicts itself, or fails, says nothing', () => {
  type Change = (answer: Record<string, unknown>) => unknown;
  const changing =
    (change: Change): SolanaAnswerLie =>
    (truth) =>
      truth === null ? null : change(structuredClone(truth) as Record<string, unknown>);
  const status = (fields: object): SolanaAnswerLie =>
    changing((answer) => {
      const [own] = answer['value'] as (object | null)[];
      return { ...answer, value: [own === null ? null : { ...own, ...fields }] };
    });

  async function finalWorld() {
    const world = createSolanaWorld();
    const { attempt, send } = await signedIn(world);
    await send();
    world.finalize();
    return { world, attempt };
  }

  it.each<[string, Record<string, SolanaAnswerLie>]>([
    ['a status without a slot', { getSignatureStatuses: status({ slot: null }) }],
    [
      'a status of no known kind',
      { getSignatureStatuses: status({ confirmationStatus: 'rooted' }) },
    ],
    ['a status in another slot', { getSignatureStatuses: status({ slot: 3 }) }],
    [
      'a status with an error that the transaction has not',
      { getSignatureStatuses: status({ err: 'X' }) },
    ],
    ['no status in its list', { getSignatureStatuses: changing((it) => ({ ...it, value: [] })) }],
    [
      'two statuses for one signature',
      { getSignatureStatuses: changing((it) => ({ ...it, value: [null, null] })) },
    ],
    ['a status for ever old', { getSignatureStatuses: () => ({ context: {}, value: [null] }) }],
    ['no transaction', { getTransaction: () => null }],
    ['a transaction in another slot', { getTransaction: changing((it) => ({ ...it, slot: 3 })) }],
    [
      'a transaction without what it did',
      { getTransaction: changing((it) => ({ ...it, meta: null })) },
    ],
    [
      'a block without the transaction',
      { getBlock: changing((it) => ({ ...it, signatures: [] })) },
    ],
    ['a block without signatures', { getBlock: changing((it) => ({ ...it, signatures: null })) }],
    ['a block before its parent', { getBlock: changing((it) => ({ ...it, parentSlot: 10 ** 6 })) }],
    ['no block', { getBlock: () => null }],
    [
      'a block at a height where it cannot lie',
      { getBlock: changing((it) => ({ ...it, blockHeight: 10 ** 6 })) },
    ],
    ['a slot that is no number', { getSlot: () => '7' }],
    ['a finalized slot before the block', { getSlot: () => 4 }],
  ])('%s', async (_, lies) => {
    const { world, attempt } = await finalWorld();
    lie(world, lies);
    expect((await statusOf(world, attempt)).kind).toBe('unknown');
    lie(world, {});
    expect((await statusOf(world, attempt)).kind).toBe('final');
  });

  it.each(['timeout', 'error', 'malformed', 'lost-answer'] as const)(
    '%s, whatever was asked',
    async (kind) => {
      const { world, attempt } = await finalWorld();
      for (const method of ['getSignatureStatuses', 'getBlock', 'getSlot', 'getTransaction']) {
        world.nodes[0]?.failNext(method, kind);
        expect((await statusOf(world, attempt)).kind, method).toBe('unknown');
        world.nodes[0]?.heal();
      }
      expect((await statusOf(world, attempt)).kind).toBe('final');
    },
  );

  it.each(['timeout', 'error', 'malformed'] as const)(
    '%s, where it would be dead',
    async (kind) => {
      const world = createSolanaWorld();
      const { attempt } = await signedIn(world);
      world.expire();
      for (const method of [
        'getBlock',
        'getSlot',
        'getFirstAvailableBlock',
        'getBlocksWithLimit',
        'getSignaturesForAddress',
        'getTransaction',
      ]) {
        world.nodes[0]?.failNext(method, kind);
        expect((await statusOf(world, attempt)).kind, method).toBe('unknown');
        world.nodes[0]?.heal();
      }
      expect((await statusOf(world, attempt)).kind).toBe('dead');
    },
  );

  it('nothing, of the blocks that could hold it', async () => {
    const world = createSolanaWorld();
    const { attempt } = await signedIn(world);
    world.expire();
    lie(world, { getBlocksWithLimit: () => [] });
    expect((await statusOf(world, attempt)).kind).toBe('unknown');
    lie(world, {
      getBlock: (truth, [slot]) => (BigInt(slot as number) === attempt.sinceBlock ? null : truth),
    });
    expect((await statusOf(world, attempt)).kind).toBe('unknown');
  });

  it('a final status before the block is final', async () => {
    const world = createSolanaWorld();
    const { attempt, send } = await signedIn(world);
    await send();
    world.produce(4);
    world.nodes[0]?.set({ lies: ['claims-finalized'] });
    expect((await statusOf(world, attempt)).kind).toBe('unknown');
  });

  it('statuses that are older than its final block', async () => {
    const world = createSolanaWorld();
    const { attempt } = await signedIn(world);
    world.expire();
    lie(world, {
      getSignatureStatuses: () => ({ context: { slot: 5 }, value: [null] }),
    });
    expect(await statusOf(world, attempt)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(/older than its final block/) as string,
    });
  });

  it('heights that have jumped', async () => {
    const world = createSolanaWorld();
    const { attempt } = await signedIn(world);
    world.produce(3);
    lie(world, {
      getBlock: changing((it) => ({ ...it, blockHeight: Number(it['blockHeight']) + 1_000 })),
    });
    expect((await statusOf(world, attempt)).kind).toBe('unknown');
  });
});

describe('a row that is not of its bytes is followed by nobody', () => {
  it.each<[string, (attempt: AttemptToFollow) => Partial<AttemptToFollow>]>([
    ['another fence', () => ({ fence: '1'.repeat(64) })],
    ['another hash', () => ({ authorityHash: '1'.repeat(64) })],
    ['another payer', ({ orders }) => ({ payer: orders[0]?.toAddress ?? '' })],
    ['another message', ({ authority }) => ({ authority: authority.with(100, 1) })],
    ['no message', () => ({ authority: new Uint8Array() })],
    ['no last block', () => ({ validUntilBlock: null })],
    ['another transaction', () => ({ transactionHashes: ['1'.repeat(64)] })],
    ['fewer orders', ({ orders }) => ({ orders: orders.slice(1) })],
    ['orders in another order', ({ orders }) => ({ orders: orders.toReversed() })],
    [
      'another amount',
      ({ orders: [a, b] }) => ({ orders: [{ ...present(a, 'a'), units: 1n }, present(b, 'b')] }),
    ],
    [
      'another payout',
      ({ orders: [a, b] }) => ({
        orders: [{ ...present(a, 'a'), payoutId: 'x' }, present(b, 'b')],
      }),
    ],
    [
      'another recipient',
      ({ orders: [a, b] }) => ({
        orders: [{ ...present(a, 'a'), toAddress: present(b, 'b').toAddress }, present(b, 'b')],
      }),
    ],
    [
      'another decimals',
      ({ orders }) => ({
        orders: orders.map((it) => ({ ...it, asset: { ...it.asset, decimals: 9 } })),
      }),
    ],
    [
      'another network',
      ({ orders }) => ({
        orders: orders.map((it) => ({
          ...it,
          asset: { ...it.asset, network: 'TRON_MAINNET' as const },
        })),
      }),
    ],
  ])('%s', async (_, change) => {
    const world = createSolanaWorld();
    const { attempt, send } = await signedIn(world);
    await send();
    world.finalize();
    const changed = { ...attempt, ...change(attempt) };
    expect((await statusOf(world, changed)).kind).toBe('unknown');
  });
});
