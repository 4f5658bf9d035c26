import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectPaidOnce, isStopped } from './harness/crashes.ts';
import { startPayingAnvil } from './harness/paying-anvil.ts';
import {
  createSettlementWorld,
  endWorker,
  TEST_MNEMONIC,
  type SettlementWorld,
} from './harness/settlement-world.ts';
import { CHECKPOINTS, type Checkpoint } from '../src/settlement/settlement.ts';

// Real worker processes, a real database, a real chain. What was paid is counted from the chain.

let world: SettlementWorld;
beforeAll(async () => {
  world = await createSettlementWorld(await startPayingAnvil(TEST_MNEMONIC));
});
afterAll(async () => {
  await world.close();
});

describe('a worker that is killed', () => {
  it.each<Checkpoint>([...CHECKPOINTS])(
    'at "%s" has paid nothing twice and lost nothing',
    async (at) => {
      const payouts = [await world.order(1n), await world.order(2n), await world.order(3n)];
      const dying = world.startWorker({ at, signal: 'SIGKILL' });
      const [, signal] = (await once(dying, 'exit')) as [unknown, string];
      expect(signal).toBe('SIGKILL');
      const heir = world.startWorker();
      await expectPaidOnce(world, payouts);
      // The heir ends what is left, also where every payout had its end before it.
      await expect.poll(async () => await world.leftOver(), { timeout: 20_000 }).toEqual([]);
      await endWorker(heir, 'SIGTERM');
      expect(heir.exitCode).toBe(0);
    },
  );
});

describe('a worker that stalls until another has taken over', () => {
  it.each<Checkpoint>(['claimed', 'signed', 'recorded', 'seen-final', 'settled'])(
    'at "%s" wakes up and does no harm',
    async (at) => {
      const payouts = [await world.order(4n), await world.order(5n)];
      const stalling = world.startWorker({ at, signal: 'SIGSTOP' });
      await expect.poll(async () => await isStopped(stalling.pid), { timeout: 10_000 }).toBe(true);
      const heir = world.startWorker();
      await world.untilFinal(payouts);
      stalling.kill('SIGCONT');
      const later = await world.order(6n);
      await expectPaidOnce(world, [...payouts, later]);
      await Promise.all([endWorker(stalling, 'SIGTERM'), endWorker(heir, 'SIGTERM')]);
    },
    60_000,
  );
});

describe('several workers at once', () => {
  it('share the work and pay each payout once', async () => {
    const workers = [1, 2, 3].map(() => world.startWorker());
    const payouts = await Promise.all(
      Array.from({ length: 30 }, async () => await world.order(1n)),
    );
    await expectPaidOnce(world, payouts);
    await Promise.all(workers.map(async (worker) => await endWorker(worker, 'SIGTERM')));
  });
});
