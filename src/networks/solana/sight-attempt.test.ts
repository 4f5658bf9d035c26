import { describe, expect, it } from 'vitest';
import type { SolanaNodeFaults } from '../../../local-chains/solana/chain-interface.ts';
import { createSolanaWorld, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import type { AttemptToFollow } from '../network.ts';

interface Followed {
  readonly world: SolanaWorld;
  readonly attempt: AttemptToFollow;
}

/** Three nodes and an attempt that has landed and is final, or has expired and never will land. */
async function follow(end: 'final' | 'expired' | 'expired and final'): Promise<Followed> {
  const world = createSolanaWorld({ nodes: 3 });
  const order = world.order();
  const signed = await world.sign(order);
  if (end !== 'expired') await world.driver.broadcast(signed.transaction.rawTransaction);
  if (end === 'final') world.finalize();
  else world.expire();
  return { world, attempt: world.follow(signed, [order]) };
}

function ail({ world }: Followed, count: number, faults: Partial<SolanaNodeFaults>): void {
  for (const node of world.nodes.slice(0, count)) node.set(faults);
}

const FORGETFUL: Partial<SolanaNodeFaults> = { lies: ['denies-statuses', 'denies-transfers'] };

describe('of three nodes', () => {
  it('two that agree end an attempt', async () => {
    for (const end of ['final', 'expired'] as const) {
      const followed = await follow(end);
      ail(followed, 1, { history: 'refuses' });
      expect((await followed.world.driver.status(followed.attempt)).kind).toBe(
        end === 'final' ? 'final' : 'dead',
      );
    }
  });

  it('one does not', async () => {
    for (const end of ['final', 'expired'] as const) {
      const followed = await follow(end);
      ail(followed, 2, { history: 'refuses' });
      expect((await followed.world.driver.status(followed.attempt)).kind).toBe('unknown');
    }
  });

  it.each<[string, Partial<SolanaNodeFaults>]>([
    ['calls it failed', { lies: ['claims-failed'] }],
    ['denies it', { lies: ['denies-statuses'] }],
    ['has it in another slot', { lies: ['other-slots'] }],
    ['has other hashes for its blocks', { lies: ['other-blockhashes'] }],
    ['is late', { lagBlocks: 35 }],
    ['has lost its statuses', { emptyStatusCache: true }],
    ['has hardly any history', { history: 3 }],
  ])('one that %s changes nothing of what the others say', async (_, faults) => {
    const followed = await follow('final');
    ail(followed, 1, faults);
    expect((await followed.world.driver.status(followed.attempt)).kind).toBe('final');
  });

  it('one that calls the heights greater does not make it dead', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const order = world.order();
    const attempt = world.follow(await world.sign(order), [order]);
    world.produce(5);
    const [endpoint] = world.endpoints;
    if (endpoint !== undefined) {
      endpoint.lies = {
        getBlock: (truth) => ({
          ...(truth as { blockHeight: number }),
          blockHeight: (truth as { blockHeight: number }).blockHeight + 1_000,
        }),
      };
    }
    expect((await world.driver.status(attempt)).kind).toBe('unseen');
  });
});

describe('one node that has seen an expired attempt', () => {
  it('outweighs two that have forgotten it', async () => {
    const followed = await follow('expired and final');
    ail(followed, 2, FORGETFUL);
    const sighting = await followed.world.driver.status(followed.attempt);
    expect(sighting).toMatchObject({
      kind: 'unknown',
      needsPerson: true,
      reason: expect.stringMatching(/node 3 of 3 has seen .* in slot/) as string,
    });
    // However often it is asked, and though the quorum has put it in quarantine.
    for (let asked = 0; asked < 5; asked += 1) {
      const again = await followed.world.driver.status(followed.attempt);
      expect(again.kind).toBe('unknown');
    }
    for (const node of followed.world.nodes) node.heal();
    expect((await followed.world.driver.status(followed.attempt)).kind).not.toBe('dead');
  });

  it('outweighs two that hold its block under another hash', async () => {
    const followed = await follow('expired and final');
    ail(followed, 2, { lies: ['denies-statuses', 'denies-transfers', 'other-blockhashes'] });
    const { kind } = await followed.world.driver.status(followed.attempt);
    expect(kind).toBe('unknown');
  });

  it('outweighs two that have forgotten it though it cannot show it at the moment', async () => {
    const followed = await follow('expired and final');
    ail(followed, 2, FORGETFUL);
    followed.world.nodes[2]?.failNext('getTransaction', 'timeout');
    expect((await followed.world.driver.status(followed.attempt)).kind).toBe('unknown');
  });

  it('on a fork that the others have left does not keep it from being dead', async () => {
    const world = createSolanaWorld({ nodes: 3 });
    const order = world.order();
    const signed = await world.sign(order);
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.produce(4);
    world.nodes[0]?.stall();
    world.chain.reorg({ depth: 6, transactions: 'drop' });
    world.nodes[0]?.set({ stalledAt: null, onAbandonedFork: true });
    const attempt = world.follow(signed, [order]);
    expect((await world.driver.status(attempt)).kind).toBe('included');
    world.expire();
    expect((await world.driver.status(attempt)).kind).toBe('dead');
    const paid = world.chain.transfersOf(present(world.usdt.contract, 'a mint'));
    expect(paid.some(({ signature }) => signature === signed.fence)).toBe(false);
  });
});

describe('two nodes', () => {
  it('that say the opposite need a person', async () => {
    const world = createSolanaWorld({ nodes: 2 });
    const order = world.order();
    const signed = await world.sign(order);
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.expire();
    world.nodes[0]?.set(FORGETFUL);
    const sighting = await world.driver.status(world.follow(signed, [order]));
    expect(sighting).toMatchObject({ kind: 'unknown', needsPerson: true });
  });

  it('of which one is behind wait for it', async () => {
    const world = createSolanaWorld({ nodes: 2 });
    const order = world.order();
    const signed = await world.sign(order);
    await world.driver.broadcast(signed.transaction.rawTransaction);
    world.finalize();
    world.nodes[1]?.set({ lagBlocks: 20 });
    const attempt = world.follow(signed, [order]);
    expect((await world.driver.status(attempt)).kind).toBe('included');
    world.nodes[1]?.heal();
    expect((await world.driver.status(attempt)).kind).toBe('final');
  });
});
