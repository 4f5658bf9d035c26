import { describe, expect, it } from 'vitest';
import { createSolanaWorld, wallet, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import type { Inspection, TransferOrder } from '../network.ts';
import { findProgramAddress, MEMO_PROGRAM } from './programs.ts';

const OFF_CURVE = findProgramAddress([Uint8Array.of(7)], MEMO_PROGRAM);

/** Orders to wallets that have the token already. */
function ordersToOpen(world: SolanaWorld, count: number): TransferOrder[] {
  const orders = Array.from({ length: count }, () => world.order());
  for (const { toAddress } of orders) {
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, toAddress);
  }
  world.finalize();
  return orders;
}

/** Which list each order is in, in the order asked. */
function sorted(inspection: Inspection, orders: readonly TransferOrder[]): string[] {
  return orders.map(({ payoutId }) => {
    const isOf = (it: { readonly payoutId: string }): boolean => it.payoutId === payoutId;
    const lists = [
      ...inspection.payable.filter(isOf).map(() => 'payable'),
      ...inspection.refused.filter(isOf).map(() => 'refused'),
      ...inspection.waiting.filter(isOf).map(() => 'waiting'),
      ...inspection.left.filter((it) => it === payoutId).map(() => 'left'),
    ];
    return lists.join('+');
  });
}

const reasonsOf = (inspection: Inspection): string[] =>
  inspection.waiting.map(({ reason }) => reason);

describe('orders that can be paid together', () => {
  it('have a plan: what they take, whose account is opened, what priority costs', async () => {
    const world = createSolanaWorld();
    const [there] = ordersToOpen(world, 1);
    const fresh = world.order();
    const inspection = await world.inspect(present(there, 'one'), fresh);
    expect(inspection.payable.map(({ payoutId }) => payoutId)).toEqual([
      there?.payoutId,
      fresh.payoutId,
    ]);
    expect(inspection.plan).toMatchObject({
      opening: [fresh.payoutId],
      direct: [],
      unitPrice: 10_000n,
    });
    const limit = inspection.plan?.['unitLimit'];
    expect(typeof limit === 'bigint' && limit > 20_000n && limit < 100_000n).toBe(true);
    expect(inspection.freeUnits).toBe(1_000_000_000n);
  });

  it('are ten where the accounts are there, and the rest is left in its order', async () => {
    const world = createSolanaWorld();
    const orders = ordersToOpen(world, 12);
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual([
      ...Array.from({ length: 10 }, () => 'payable'),
      'left',
      'left',
    ]);
    expect(inspection.left).toEqual(orders.slice(10).map(({ payoutId }) => payoutId));
  });

  it('are six where each opens an account', async () => {
    const world = createSolanaWorld();
    const orders = Array.from({ length: 8 }, () => world.order());
    const inspection = await world.inspect(...orders);
    expect(inspection.payable).toHaveLength(6);
    expect(inspection.left).toHaveLength(2);
  });

  it('may be many more than a transaction holds', async () => {
    const world = createSolanaWorld();
    const orders = Array.from({ length: 60 }, () => world.order());
    const inspection = await world.inspect(...orders);
    expect(inspection.payable).toHaveLength(6);
    expect(sorted(inspection, orders).filter((it) => it === 'left')).toHaveLength(54);
  });

  it('may be several to one new wallet, of which the first opens the account', async () => {
    const world = createSolanaWorld();
    const first = world.order({ toAddress: wallet('same') });
    const second = world.order({ toAddress: wallet('same') });
    const inspection = await world.inspect(first, second);
    expect(inspection.payable).toEqual([first, second]);
    expect(inspection.plan).toMatchObject({ opening: [first.payoutId] });
  });
});

describe('an order that cannot be paid keeps no other back', () => {
  it('refused recipients are taken out, with their proof', async () => {
    const world = createSolanaWorld();
    const orders = [world.order(), world.order({ toAddress: OFF_CURVE }), world.order()];
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['payable', 'refused', 'payable']);
    expect(inspection.refused[0]?.proof).toMatchObject({ address: OFF_CURVE, owner: null });
  });

  it('one that is too large for the treasury waits', async () => {
    const world = createSolanaWorld();
    const orders = [world.order(), world.order({ units: 5_000_000_000n }), world.order()];
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['payable', 'waiting', 'payable']);
    expect(reasonsOf(inspection)[0]).toMatch(/short of USDT on SOL_MAINNET: has 1000 free/);
  });

  it('what is on the way is not spent twice', async () => {
    const world = createSolanaWorld();
    const orders = [world.order({ units: 600_000_000n })];
    const known = { unitsOnTheWay: 400_000_001n, taken: [] };
    const inspection = await world.driver.inspect(orders, known);
    expect(sorted(inspection, orders)).toEqual(['waiting']);
    expect(inspection.freeUnits).toBe(599_999_999n);
  });

  it('one that a simulation fails alone is found, and waits', async () => {
    const world = createSolanaWorld();
    const orders = ordersToOpen(world, 4);
    // Frozen for nobody but the simulation: the accounts read as they were before.
    const frozen = world.tokenAccount(orders[2]?.toAddress ?? '');
    const before = await world.pool.all[0]?.accounts([frozen], 'confirmed');
    world.chain.control.freeze(frozen);
    world.produce(3);
    const [endpoint] = world.endpoints;
    if (endpoint !== undefined) {
      endpoint.lies = { getMultipleAccounts: (truth) => thawedIn(truth) };
    }
    expect(before?.value[0]?.data[108]).toBe(1);
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['payable', 'payable', 'waiting', 'payable']);
    expect(reasonsOf(inspection)[0]).toMatch(
      /would fail: instruction 2 failed: the account is frozen/,
    );
  });

  it('one that would fail the fee’s payer waits alone where no instruction is named', async () => {
    const world = createSolanaWorld();
    const orders = ordersToOpen(world, 3);
    const [endpoint] = world.endpoints;
    const culprit = Buffer.from(orders[1]?.payoutId ?? '').toString('latin1');
    if (endpoint !== undefined) {
      endpoint.lies = {
        simulateTransaction: (truth, [text]) => {
          const isHit = Buffer.from(text as string, 'base64')
            .toString('latin1')
            .includes(culprit);
          const value = { err: 'WouldExceedMaxBlockCostLimit', logs: [], unitsConsumed: 0 };
          return isHit ? { context: { slot: 1 }, value } : truth;
        },
      };
    }
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['payable', 'waiting', 'payable']);
  });

  it('those that pass alone and not together are left for the next, but for some', async () => {
    const world = createSolanaWorld();
    const orders = ordersToOpen(world, 3);
    const [endpoint] = world.endpoints;
    if (endpoint !== undefined) {
      endpoint.lies = {
        simulateTransaction: (truth, [text]) => {
          const bytes = Buffer.from(text as string, 'base64').toString('latin1');
          const held = orders.filter(({ payoutId }) => bytes.includes(payoutId)).length;
          const value = { err: 'AccountInUse', logs: [], unitsConsumed: 0 };
          return held > 2 ? { context: { slot: 1 }, value } : truth;
        },
      };
    }
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['payable', 'payable', 'left']);
  });

  it('one that has failed others on chain goes alone', async () => {
    const world = createSolanaWorld();
    const orders = ordersToOpen(world, 3);
    const signed = await world.sign(...orders);
    // Closed after the inspection, before landing.
    world.chain.control.setAccount(world.tokenAccount(orders[1]?.toAddress ?? ''), null);
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.finalize();
    expect((await world.driver.status(world.follow(signed, orders))).kind).toBe('final');
    const again = await world.inspect(...orders);
    expect(sorted(again, orders)).toEqual(['payable', 'left', 'payable']);
    const [, culprit, third] = orders as [TransferOrder, TransferOrder, TransferOrder];
    const alone = await world.inspect(culprit, third);
    expect(sorted(alone, [culprit, third])).toEqual(['payable', 'left']);
    expect(alone.plan).toMatchObject({ opening: [culprit.payoutId] });
  });
});

/** The accounts as they would be if none of them were frozen. */
function thawedIn(truth: unknown): unknown {
  const answer = structuredClone(truth) as { value: ({ data: [string, string] } | null)[] };
  for (const account of answer.value) {
    if (account === null) continue;
    const data = Buffer.from(account.data[0], 'base64');
    if (data.length === 165) data[108] = 1;
    account.data[0] = data.toString('base64');
  }
  return answer;
}

describe('the treasury', () => {
  it('without a token account keeps all waiting', async () => {
    const world = createSolanaWorld({ bare: true });
    const inspection = await world.inspect(world.order());
    expect(reasonsOf(inspection)).toEqual(['The treasury has no USDT on SOL_MAINNET account yet.']);
  });

  it('that is frozen keeps all waiting, and refuses nobody', async () => {
    const world = createSolanaWorld();
    const orders = [world.order(), world.order()];
    world.chain.control.freeze(world.tokenAccount(world.treasury));
    world.finalize();
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['waiting', 'waiting']);
    expect(reasonsOf(inspection)[0]).toMatch(/treasury’s|treasury's .* frozen by the issuer/);
  });

  it('that cannot pay the rents pays those that need none', async () => {
    const world = createSolanaWorld();
    const [there] = ordersToOpen(world, 1) as [TransferOrder];
    const fresh = [world.order(), world.order()];
    const rent = 2_039_280n;
    world.chain.control.setAccount(world.treasury, coins(890_880n + 30_000n + rent));
    world.finalize();
    const orders = [...fresh, there];
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['payable', 'waiting', 'payable']);
    expect(reasonsOf(inspection)[0]).toMatch(/short of coins on SOL_MAINNET: has 0\.0/);
  });

  it('that cannot pay the fee pays nobody', async () => {
    const world = createSolanaWorld();
    const orders = ordersToOpen(world, 2);
    world.chain.control.setAccount(world.treasury, coins(890_880n + 4_000n));
    world.finalize();
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['waiting', 'waiting']);
  });
});

const coins = (lamports: bigint) => ({
  lamports,
  data: new Uint8Array(),
  owner: '11111111111111111111111111111111',
  executable: false,
});

describe('the nodes', () => {
  it('that are silent keep all waiting', async () => {
    const world = createSolanaWorld();
    const orders = [world.order(), world.order()];
    for (const method of ['getMultipleAccounts', 'getMultipleAccounts']) {
      world.nodes[0]?.failNext(method, 'timeout');
    }
    const inspection = await world.inspect(...orders);
    expect(sorted(inspection, orders)).toEqual(['waiting', 'waiting']);
    expect(inspection.plan).toBeNull();
  });

  it.each([
    'getRecentPrioritizationFees',
    'getMinimumBalanceForRentExemption',
    'simulateTransaction',
  ])('that fail at %s keep all waiting, and the next node is asked', async (method) => {
    const one = createSolanaWorld();
    const order = one.order();
    one.nodes[0]?.failNext(method, 'malformed');
    expect(sorted(await one.inspect(order), [order])).toEqual(['waiting']);
    const three = createSolanaWorld({ nodes: 3 });
    three.nodes[0]?.failNext(method, 'error');
    expect(sorted(await three.inspect(order), [order])).toEqual(['payable']);
  });

  it('judge recipients by a quorum: one that calls a token account absent opens nothing for it', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const owner = wallet('holder');
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, owner);
    world.finalize();
    const order = world.order({ toAddress: world.tokenAccount(owner) });
    const [liar] = world.endpoints;
    if (liar !== undefined) liar.lies = { getMultipleAccounts: absentAccounts };
    const inspection = await world.inspect(order);
    // The liar's own view of the treasury is passed over too, since it has no account there.
    expect(inspection.refused).toEqual([]);
    expect(inspection.plan?.['opening'] ?? []).toEqual([]);
  });

  it('that do not agree about one recipient keep that one waiting alone', async () => {
    const world = createSolanaWorld({ nodes: 2 });
    const [good] = ordersToOpen(world, 1) as [TransferOrder];
    const owner = wallet('holder');
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, owner);
    world.finalize();
    const contested = world.order({ toAddress: world.tokenAccount(owner) });
    const [, second] = world.endpoints;
    if (second !== undefined) {
      second.lies = {
        getMultipleAccounts: (truth, [addresses]) =>
          withoutAccount(truth, addresses, contested.toAddress),
      };
    }
    const orders = [good, contested];
    expect(sorted(await world.inspect(...orders), orders)).toEqual(['payable', 'waiting']);
  });

  it('of which one is late with an account agree: to open it again does nothing', async () => {
    const world = createSolanaWorld({ nodes: 2 });
    const order = world.order();
    world.finalize();
    world.nodes[1]?.stall();
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, order.toAddress);
    world.produce(3);
    const inspection = await world.inspect(order);
    expect(inspection.plan).toMatchObject({ opening: [order.payoutId] });
  });
});

function absentAccounts(truth: unknown): unknown {
  const answer = truth as { context: object; value: unknown[] };
  return { ...answer, value: answer.value.map(() => null) };
}

function withoutAccount(truth: unknown, addresses: unknown, gone: string): unknown {
  const answer = truth as { context: object; value: unknown[] };
  const named = addresses as string[];
  return { ...answer, value: answer.value.map((it, at) => (named[at] === gone ? null : it)) };
}

describe('an order that intake would not have taken', () => {
  it.each<[string, (world: SolanaWorld) => TransferOrder[], RegExp]>([
    ['of nothing', (world) => [world.order({ units: 0n })], /out of range/],
    ['of more than a token account holds', (world) => [world.order({ units: 2n ** 64n })], /range/],
    [
      'to the mint',
      (world) => [world.order({ toAddress: world.chain.tokens.USDT.address })],
      /itself/,
    ],
    [
      'twice',
      (world) => [world.order({ payoutId: 'x' }), world.order({ payoutId: 'x' })],
      /same payout/,
    ],
    ['of two assets', (world) => [world.order(), world.order({ asset: world.usdc })], /two assets/],
    [
      'of another network',
      (world) => [world.order({ asset: { ...world.usdt, network: 'TRON_MAINNET' } })],
      /not of/,
    ],
    ['of none', () => [], /no order/],
  ])('is ours to notice: %s', async (_, orders, words) => {
    const world = createSolanaWorld();
    await expect(world.inspect(...orders(world))).rejects.toThrow(words);
  });
});
