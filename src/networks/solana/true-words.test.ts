import { expect, it } from 'vitest';
import type { SolanaNodeFaults } from '../../../local-chains/solana/chain-interface.ts';
import { createSeededRandom } from '../../../test/harness/seeded-random.ts';
import { createSolanaWorld, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import type { SignedAttempt, TransferOrder } from '../network.ts';

/**
 * Attempts on a chain that drops, delays and takes back, followed through nodes that are late, forget and
 * lie. What the driver calls final or dead is compared with what the chain has executed, to the end of all
 * blockhashes: one false word is a payout that is paid twice, or never.
 */

interface Followed {
  readonly signed: SignedAttempt;
  readonly orders: readonly TransferOrder[];
  /** How often it may still be sent: some never are. */
  sends: number;
  said: 'final' | 'dead' | null;
}

/** At most one node of three lies or forgets; all may be late or fail now and then. */
const AILMENTS: readonly Partial<SolanaNodeFaults>[] = [
  {},
  { lagBlocks: 6 },
  { lagBlocks: 45 },
  { history: 'cache', emptyStatusCache: true },
  { history: 'refuses' },
  { history: 40 },
  { emptyStatusCache: true },
  { lies: ['denies-statuses'] },
  { lies: ['claims-failed'] },
  { lies: ['claims-finalized'] },
  { lies: ['other-slots'] },
  { lies: ['other-blockhashes'] },
  { lies: ['denies-transfers'] },
  { forwards: 'never' },
  { forwards: 'last' },
  { forwards: 25 },
];

async function run(seed: number): Promise<{ finals: number; deaths: number }> {
  const random = createSeededRandom(seed);
  const below = (limit: number): number => random.below(limit);
  const world = createSolanaWorld({
    nodes: 3,
    chain: { random: { below }, statusCacheSlots: 60 },
  });
  const followed: Followed[] = [];
  for (let step = 0; step < 45; step += 1) {
    await act(world, followed, below);
    world.produce(1 + below(8));
    await look(world, followed);
  }
  for (const node of world.nodes) node.heal();
  for (let wait = 0; wait < 3; wait += 1) {
    world.expire();
    await look(world, followed);
  }
  // Nothing is left open, and every word was true.
  for (const { signed, said } of followed) {
    const executed = world.chain.transaction(signed.fence);
    expect(said, signed.fence).toBe(executed === null ? 'dead' : 'final');
  }
  return {
    finals: followed.filter(({ said }) => said === 'final').length,
    deaths: followed.filter(({ said }) => said === 'dead').length,
  };
}

async function act(
  world: SolanaWorld,
  followed: Followed[],
  below: (limit: number) => number,
): Promise<void> {
  const [liar, ...others] = world.nodes;
  liar?.set({ ...HEALTHY, ...AILMENTS[below(AILMENTS.length)] });
  for (const node of others) {
    node.set({
      lagBlocks: below(4) === 0 ? below(40) : 0,
      perMille: { timeout: 20, error: 20, absent: 10 },
    });
  }
  if (below(6) === 0) {
    const transactions = (['return', 'drop', 'later'] as const)[below(3)] ?? 'drop';
    world.chain.reorg({
      depth: 1 + below(20),
      transactions,
      laterBlocks: below(2) === 0 ? 'last' : 30,
    });
  }
  if (below(8) === 0) world.chain.drop();
  if (below(3) === 0) await signOne(world, followed);
  const open = followed.filter(({ said, sends }) => said === null && sends > 0);
  const again = open[below(Math.max(open.length, 1))];
  if (again === undefined) return;
  again.sends -= 1;
  await world.driver.broadcast(again.signed.transaction.rawTransaction);
}

const HEALTHY: Partial<SolanaNodeFaults> = {
  lagBlocks: 0,
  history: 'full',
  emptyStatusCache: false,
  forwards: 'at-once',
  lies: [],
};

async function signOne(world: SolanaWorld, followed: Followed[]): Promise<void> {
  const orders = [world.order(), world.order()];
  const { payable, plan } = await world.inspect(...orders);
  if (plan === null || payable.length !== orders.length) return;
  const lane = { sender: world.treasury, sequence: 1n };
  try {
    const signed = await world.driver.sign({ orders, number: 1n, plan, lane });
    followed.push({ signed, orders, sends: followed.length % 4, said: null });
  } catch (error) {
    expect((error as Error).name).toMatch(/SigningPostponed|RpcFailure/);
  }
}

async function look(world: SolanaWorld, followed: readonly Followed[]): Promise<void> {
  for (const it of followed.filter(({ said }) => said === null)) {
    const sighting = await world.driver.status(world.follow(it.signed, it.orders));
    const executed = world.chain.transaction(it.signed.fence);
    if (sighting.kind === 'final') {
      const landed = present(executed, 'what is called final has landed');
      expect(landed.finalized).toBe(true);
      expect(sighting.block.number).toBe(BigInt(landed.slot));
      const isPaid = landed.error === null;
      expect(sighting.fates.every(({ kind }) => (kind === 'paid') === isPaid)).toBe(true);
      it.said = 'final';
    }
    if (sighting.kind === 'dead') {
      expect(executed).toBeNull();
      it.said = 'dead';
    }
  }
}

it('what the driver says of an attempt is true, whatever the chain and its nodes do', async () => {
  const ends: { finals: number; deaths: number }[] = [];
  for (const seed of [1, 2, 3]) ends.push(await run(seed));
  // Both ends are met, often enough to mean something.
  expect(ends.reduce((sum, { finals }) => sum + finals, 0)).toBeGreaterThan(10);
  expect(ends.reduce((sum, { deaths }) => sum + deaths, 0)).toBeGreaterThan(10);
}, 120_000);
