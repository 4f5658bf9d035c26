import { describe, expect, it } from 'vitest';
import { createSolanaWorld, wallet, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import type { AttemptToFollow, Sighting, TransferOrder } from '../network.ts';
import { TOKEN_PROGRAM } from './programs.ts';

type Final = Extract<Sighting, { kind: 'final' }>;

const RENT = 2_039_280n;

/** Signs, lets something happen, sends and waits until it is final. */
async function land(
  world: SolanaWorld,
  orders: readonly TransferOrder[],
  meanwhile: () => void = () => undefined,
): Promise<{ readonly attempt: AttemptToFollow; readonly final: Final }> {
  const signed = await world.sign(...orders);
  meanwhile();
  await world.driver.broadcast(signed.transaction.rawTransaction);
  world.finalize();
  const attempt = world.follow(signed, orders);
  const sighting = await world.driver.status(attempt);
  if (sighting.kind !== 'final') throw new Error(JSON.stringify(sighting));
  return { attempt, final: sighting };
}

const kindsOf = ({ fates }: Final): string[] => fates.map(({ kind }) => kind);

function open(world: SolanaWorld, order: TransferOrder): TransferOrder {
  world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, order.toAddress);
  world.finalize();
  return order;
}

describe('what a final transaction has paid', () => {
  it('is told of each payout, with the rent of what was opened for it alone', async () => {
    const world = createSolanaWorld();
    const orders = [open(world, world.order()), world.order(), world.order()];
    const before = world.chain.lamportsOf(world.treasury);
    const { final } = await land(world, orders);
    expect(kindsOf(final)).toEqual(['paid', 'paid', 'paid']);
    expect(final.fates.map((it) => (it.kind === 'paid' ? it.ownFeeUnits : null))).toEqual([
      undefined,
      RENT,
      RENT,
    ]);
    const executed = present(world.chain.transaction(final.transactionHash), 'it has landed');
    expect(final.feeUnits).toBe(executed.feeLamports + 2n * RENT);
    expect(before - world.chain.lamportsOf(world.treasury)).toBe(final.feeUnits);
    for (const { toAddress, units } of orders) {
      expect(world.chain.unitsOf(world.chain.tokens.USDT.address, toAddress)).toBe(units);
    }
  });

  it('is what each token account has gained, two payouts to one included', async () => {
    const world = createSolanaWorld();
    const same = { toAddress: wallet('same') };
    const orders = [world.order(same), world.order(same)];
    const { final } = await land(world, orders);
    expect(kindsOf(final)).toEqual(['paid', 'paid']);
    expect(final.fates.map((it) => (it.kind === 'paid' ? it.ownFeeUnits : null))).toEqual([
      RENT,
      undefined,
    ]);
    const sum = orders.reduce((total, { units }) => total + units, 0n);
    expect(world.chain.unitsOf(world.chain.tokens.USDT.address, wallet('same'))).toBe(sum);
  });

  it('books only what was still missing of the rent', async () => {
    const world = createSolanaWorld();
    const order = world.order();
    world.chain.control.fund(world.tokenAccount(order.toAddress), 1_500_000n);
    world.finalize();
    const { final } = await land(world, [order]);
    expect(final.fates[0]).toMatchObject({ kind: 'paid', ownFeeUnits: RENT - 1_500_000n });
  });

  it('books no rent for what somebody else has opened meanwhile', async () => {
    const world = createSolanaWorld();
    const order = world.order();
    const { final } = await land(world, [order], () => {
      world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, order.toAddress);
      world.produce();
    });
    expect(kindsOf(final)).toEqual(['paid']);
    expect(final.fates[0]).not.toHaveProperty('ownFeeUnits');
  });

  it('is paid into the account that was signed for, though it has another owner now', async () => {
    const world = createSolanaWorld();
    const order = open(world, world.order());
    const account = world.tokenAccount(order.toAddress);
    const { final } = await land(world, [order], () => {
      const held = present(world.chain.account(account), 'it is open');
      const data = Uint8Array.from(held.data);
      data[40] = (data[40] ?? 0) ^ 1;
      world.chain.control.setAccount(account, { ...held, data });
    });
    expect(kindsOf(final)).toEqual(['paid']);
  });
});

describe('a transaction that has failed', () => {
  const closed = (world: SolanaWorld, order: TransferOrder) => () =>
    world.chain.control.setAccount(world.tokenAccount(order.toAddress), null);

  it('has moved nothing: all of its payouts are tried again where nobody refuses', async () => {
    const world = createSolanaWorld();
    const orders = [open(world, world.order()), open(world, world.order()), world.order()];
    const [, second] = orders as [TransferOrder, TransferOrder, TransferOrder];
    const { final } = await land(world, orders, closed(world, second));
    expect(kindsOf(final)).toEqual(['undone', 'undone', 'undone']);
    const executed = present(world.chain.transaction(final.transactionHash), 'it has landed');
    expect(executed.error).toMatchObject({ InstructionError: [4, expect.anything()] });
    // The fee is gone, no rent was paid.
    expect(final.feeUnits).toBe(executed.feeLamports);
    expect(final.fates.map(({ proof }) => (proof as { isCulprit: boolean }).isCulprit)).toEqual([
      false,
      true,
      false,
    ]);
    expect(world.chain.unitsOf(world.chain.tokens.USDT.address, world.treasury)).toBe(
      1_000_000_000n,
    );
  });

  it('refuses the one whose account is frozen, and no other', async () => {
    const world = createSolanaWorld();
    const orders = [world.order(), open(world, world.order()), world.order()];
    const account = world.tokenAccount(orders[1]?.toAddress ?? '');
    const { final } = await land(world, orders, () => {
      world.chain.control.freeze(account);
      world.produce();
    });
    expect(kindsOf(final)).toEqual(['undone', 'refused', 'undone']);
    expect(final.fates[1]).toMatchObject({
      reason: "The recipient's USDT account is frozen by the issuer of USDT.",
      proof: { isCulprit: true, recipient: { tokenAccount: account, state: 'frozen' } },
    });
  });

  it('does not refuse one that is free again', async () => {
    const world = createSolanaWorld();
    const order = open(world, world.order());
    const account = world.tokenAccount(order.toAddress);
    const signed = await world.sign(order);
    world.chain.control.freeze(account);
    world.produce();
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.produce();
    world.chain.control.thaw(account);
    world.finalize();
    const final = await world.driver.status(world.follow(signed, [order]));
    expect(final).toMatchObject({ kind: 'final', fates: [{ kind: 'undone' }] });
  });

  it('for want of tokens in the treasury refuses nobody', async () => {
    const world = createSolanaWorld();
    const first = world.order({ units: 900_000_000n });
    const second = world.order({ units: 800_000_000n });
    const [one, two] = [await world.sign(first), await world.sign(second)];
    await world.driver.broadcast(one.transaction.rawTransaction);
    await world.driver.broadcast(two.transaction.rawTransaction);
    world.finalize();
    const fates = [
      await world.driver.status(world.follow(one, [first])),
      await world.driver.status(world.follow(two, [second])),
    ].flatMap((it) => (it.kind === 'final' ? it.fates : []));
    expect(fates.map(({ kind }) => kind).toSorted()).toEqual(['paid', 'undone']);
    expect(fates.find(({ kind }) => kind === 'undone')).toMatchObject({
      reason: expect.stringMatching(/too little is held/) as string,
    });
  });

  it('because the treasury is frozen refuses nobody', async () => {
    const world = createSolanaWorld();
    const { final } = await land(world, [world.order(), world.order()], () => {
      world.chain.control.freeze(world.tokenAccount(world.treasury));
      world.produce();
    });
    expect(kindsOf(final)).toEqual(['undone', 'undone']);
  });
});

describe('an answer that is not of what was signed', () => {
  type Meta = Record<string, unknown>;

  async function changed(change: (meta: Meta) => void): Promise<Sighting> {
    const world = createSolanaWorld();
    const { attempt } = await land(world, [world.order(), open(world, world.order())]);
    const [endpoint] = world.endpoints;
    if (endpoint !== undefined) {
      endpoint.lies = {
        getTransaction: (truth) => {
          const answer = structuredClone(truth) as { meta: Meta };
          change(answer.meta);
          return answer;
        },
      };
    }
    return await world.driver.status(attempt);
  }

  interface Balance {
    accountIndex: number;
    owner: string;
    mint: string;
    uiTokenAmount: { amount: string };
  }
  const tokens = (meta: Meta): Balance[] => meta['postTokenBalances'] as Balance[];

  it('is for a person where a token account has moved by something else', async () => {
    for (const by of [-1n, 1n]) {
      const sighting = await changed((meta) => {
        const [first] = tokens(meta);
        if (first === undefined) throw new Error('there are balances');
        first.uiTokenAmount.amount = (BigInt(first.uiTokenAmount.amount) + by).toString();
      });
      expect(sighting).toMatchObject({ kind: 'unknown', needsPerson: true });
    }
  });

  it('is for a person where a payment is not there', async () => {
    const sighting = await changed((meta) => {
      meta['postTokenBalances'] = tokens(meta).slice(0, -1);
    });
    expect(sighting).toMatchObject({ kind: 'unknown', needsPerson: true });
  });

  it('is for a person where what moved is another token', async () => {
    const sighting = await changed((meta) => {
      for (const it of tokens(meta)) it.mint = TOKEN_PROGRAM;
    });
    expect(sighting).toMatchObject({ kind: 'unknown', needsPerson: true });
  });

  it.each<[string, (meta: Meta) => void]>([
    [
      'says that it failed, and moved',
      (meta) => (meta['err'] = { InstructionError: [3, { Custom: 1 }] }),
    ],
    ['has a fee that the treasury did not pay', (meta) => (meta['fee'] = 1)],
    ['has a fee below zero', (meta) => (meta['fee'] = -1)],
    ['has no balances', (meta) => delete meta['postTokenBalances']],
    ['has coins of other accounts', (meta) => (meta['postBalances'] = [1])],
    [
      'names an account that is not there',
      (meta) => tokens(meta).forEach((it) => (it.accountIndex = 99)),
    ],
    ['has a balance twice', (meta) => tokens(meta).push(...tokens(meta))],
    [
      'has amounts with a fraction',
      (meta) => tokens(meta).forEach((it) => (it.uiTokenAmount.amount = '1.5')),
    ],
    ['has an error of no known form', (meta) => (meta['err'] = 7)],
  ])('is no answer where it %s', async (_, change) => {
    const sighting = await changed(change);
    expect(sighting.kind).toBe('unknown');
    expect(sighting).not.toHaveProperty('needsPerson');
  });

  it('is no answer where the bytes are others', async () => {
    const world = createSolanaWorld();
    const { attempt } = await land(world, [world.order()]);
    const other = await land(world, [world.order()]);
    const [endpoint] = world.endpoints;
    const theirs = await world.nodes[0]?.request('getTransaction', [
      other.attempt.fence,
      { encoding: 'base64', maxSupportedTransactionVersion: 0 },
    ]);
    if (endpoint !== undefined) endpoint.lies = { getTransaction: () => theirs };
    expect((await world.driver.status(attempt)).kind).toBe('unknown');
    // The signature of one before the message of the other.
    const bytes = (of: unknown): Buffer =>
      Buffer.from((of as { transaction: [string] }).transaction[0], 'base64');
    if (endpoint !== undefined) {
      endpoint.lies = {
        getTransaction: (truth) => {
          const mixed = Buffer.concat([bytes(truth).subarray(0, 65), bytes(theirs).subarray(65)]);
          return { ...(theirs as object), transaction: [mixed.toString('base64'), 'base64'] };
        },
      };
    }
    expect((await world.driver.status(attempt)).kind).toBe('unknown');
  });
});
