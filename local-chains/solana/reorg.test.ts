import { expect, test } from 'vitest';
import { associatedTokenAddress, TOKEN_PROGRAM } from './address.ts';
import { openWorld, RECIPIENT } from './world-for-tests.ts';

const PROCESSED = { commitment: 'processed' };

test('a reorganisation undoes balances and statuses, and its slots are skipped from then on', async () => {
  const world = openWorld();
  const { chain, mint } = world;
  world.produce(2);
  const signed = world.pay({ units: 7n });
  await world.send(signed);
  world.produce(2);
  expect(chain.unitsOf(mint, RECIPIENT)).toBe(7n);
  const before = chain.head();
  const report = chain.reorg({ depth: 2, transactions: 'drop' });
  expect(report.abandoned.map(({ slot }) => slot)).toEqual([before.slot - 1, before.slot]);
  expect(report.block).toMatchObject({ slot: before.slot + 1, height: before.height - 1 });
  expect(chain.unitsOf(mint, RECIPIENT)).toBe(0n);
  expect(chain.unitsOf(mint, world.payer.address)).toBe(1_000_000_000n);
  expect(await world.askValue('getSignatureStatuses', [signed.signature])).toEqual([null]);
  world.produce(10);
  expect(await world.ask('getBlocks', before.slot - 2, before.slot + 2)).toEqual([
    before.slot - 2,
    before.slot + 1,
    before.slot + 2,
  ]);
  // Nobody has it any more; sent again it lands, for its blockhash is older than the fork.
  expect(chain.transaction(signed.signature)).toBeNull();
  await world.send(signed);
  world.produce();
  expect(chain.unitsOf(mint, RECIPIENT)).toBe(7n);
});

test('what returns lands once in the new block', async () => {
  const world = openWorld();
  world.produce(2);
  const signed = world.pay({ units: 7n });
  await world.send(signed);
  world.produce();
  const { block } = world.chain.reorg({ depth: 1, transactions: 'return' });
  expect(block?.signatures).toEqual([signed.signature]);
  world.produce(20);
  expect(world.chain.unitsOf(world.mint, RECIPIENT)).toBe(7n);
  expect(world.chain.transfersOf(world.mint)).toHaveLength(1);
  expect(world.chain.everTransferredOf(world.mint)).toHaveLength(2);
});

test('what lands later may do so in the very last block that its blockhash allows', async () => {
  const world = openWorld();
  const origin = world.chain.head().height;
  const signed = world.pay({ units: 7n });
  await world.send(signed);
  world.produce();
  world.chain.reorg({ depth: 1, transactions: 'later', laterBlocks: 'last' });
  expect(world.chain.pool()).toMatchObject([{ notBeforeHeight: origin + 151 }]);
  while (world.chain.head().height < origin + 150) world.produce();
  expect(world.chain.transaction(signed.signature)).toBeNull();
  const history = { searchTransactionHistory: true };
  const statuses = await world.askValue('getSignatureStatuses', [signed.signature], history);
  expect(statuses).toEqual([null]);
  world.produce();
  expect(world.chain.transaction(signed.signature)).not.toBeNull();
  expect(world.chain.head().height).toBe(origin + 151);
});

test('a final block stays, unless a test will have it otherwise', () => {
  const world = openWorld({ finalizedAfterSlots: 3 });
  world.produce(10);
  const finalized = world.chain.head('finalized');
  expect(finalized.slot).toBe(world.chain.slot() - 3);
  const { abandoned } = world.chain.reorg({ depth: 9, transactions: 'drop' });
  expect(abandoned).toHaveLength(3);
  expect(world.chain.head('finalized').slot).toBeGreaterThanOrEqual(finalized.slot);
  const past = world.chain.reorg({ depth: 9, transactions: 'drop', pastFinal: true });
  expect(past.abandoned.map(({ blockhash }) => blockhash)).toContain(finalized.blockhash);
});

test('what the owner of the chain did is done again on the new fork', () => {
  const world = openWorld();
  world.produce(2);
  world.chain.control.fund(RECIPIENT, 5_000_000_000n);
  const special = { lamports: 9n, data: new Uint8Array(3), owner: RECIPIENT, executable: false };
  world.chain.control.setAccount(world.mint, special);
  world.produce();
  world.chain.reorg({ depth: 1, transactions: 'drop' });
  expect(world.chain.lamportsOf(RECIPIENT)).toBe(5_000_000_000n);
  expect(world.chain.account(world.mint)).toEqual(special);
});

test('a node can stay on the fork that everybody left, with its balances and statuses', async () => {
  const world = openWorld();
  world.produce(2);
  const signed = world.pay({ units: 7n });
  await world.send(signed);
  world.produce(2);
  world.chain.reorg({ depth: 2, transactions: 'drop' });
  world.produce(5);
  const lost = world.chain.openNode('lost', { onAbandonedFork: true });
  const statuses = (await lost.request('getSignatureStatuses', [[signed.signature]])) as {
    value: unknown[];
  };
  expect(statuses.value).toMatchObject([{ confirmationStatus: 'confirmed', err: null }]);
  const owner = { owner: RECIPIENT, mint: world.mint, program: TOKEN_PROGRAM };
  const pubkey = associatedTokenAddress(owner);
  const there = await lost.request('getTokenAccountBalance', [pubkey, PROCESSED]);
  expect(there).toMatchObject({ value: { amount: '7' } });
  const here = await world.ask('getTokenAccountBalance', pubkey, PROCESSED);
  expect(here).toMatchObject({ value: { amount: '0' } });
});

test('old versions of an account go, but none that a node far behind needs', async () => {
  const world = openWorld({ finalizedAfterSlots: 31 });
  const late = world.chain.openNode('late', { lagBlocks: 900 });
  for (let index = 0; index < 2_200; index += 1) {
    world.chain.control.fund(RECIPIENT, 1_000_000n);
    world.produce();
  }
  const balanceAt = async (node: typeof late): Promise<unknown> =>
    await node.request('getBalance', [RECIPIENT, PROCESSED]);
  expect(await balanceAt(world.node)).toMatchObject({ value: 2_200_000_000 });
  expect(await balanceAt(late)).toMatchObject({ value: 1_300_000_000 });
});

test('balances follow the forks through many reorganisations', async () => {
  const world = openWorld({ finalizedAfterSlots: 1_000 });
  const { chain, mint } = world;
  const modes = ['return', 'drop', 'later'] as const;
  for (let round = 0; round < 60; round += 1) {
    await world.send(world.pay({ units: BigInt(round + 1), memo: `${round}` }));
    if (round % 3 !== 0) world.produce();
    const transactions = modes[round % 3] ?? 'drop';
    if (round % 4 === 0) chain.reorg({ depth: 1 + (round % 5), transactions, laterBlocks: 2 });
    const paid = chain.transfersOf(mint).reduce((sum, { units }) => sum + units, 0n);
    expect(chain.unitsOf(mint, RECIPIENT)).toBe(paid);
    expect(chain.unitsOf(mint, world.payer.address)).toBe(1_000_000_000n - paid);
  }
  expect(chain.everTransferredOf(mint).length).toBeGreaterThan(chain.transfersOf(mint).length);
});
