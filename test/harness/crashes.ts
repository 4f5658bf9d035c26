import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Payout } from '../../src/payouts/payout.ts';
import { findAttempts } from '../../src/settlement/find-attempts.ts';
import type { Checkpoint } from '../../src/settlement/settlement.ts';
import { startPayingChain, type PayingChainOptions } from './start-paying-chain.ts';
import {
  createSettlementWorld,
  endWorker,
  TEST_MNEMONIC,
  type SettlementWorld,
} from './settlement-world.ts';

/** Every payout is COMPLETED, and the chain has paid each once. */
export async function expectPaidOnce(
  world: SettlementWorld,
  payouts: readonly Payout[],
): Promise<void> {
  const final = await world.untilFinal(payouts);
  const paidTimes = await world.paidTimes();
  for (const payout of final) {
    expect(payout).toMatchObject({ status: 'COMPLETED', info: null });
    expect(paidTimes.get(payout.toAddress)).toEqual([payout.units]);
    const attempts = await findAttempts(world.db.database, payout);
    const landed = attempts.filter((attempt) => attempt.state === 'LANDED');
    expect(landed).toMatchObject([{ fate: 'PAID', transactionHash: payout.transactionHash }]);
  }
  expect(await world.problems()).toEqual([]);
}

export async function isStopped(pid: number | undefined): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return /^State:\s+T/m.test(status);
}

const PATIENCE_MS = 300_000;
const ORDER_EVERY_MS = 400;

/** Those until which the bytes are only Knit's own, and those from which on they are the chain's. */
const KILLED: readonly (readonly Checkpoint[])[] = [
  ['accepted', 'claimed', 'signed', 'recorded'],
  ['broadcast', 'seen-final', 'settled', 'reported'],
];

const STALLED: readonly Checkpoint[] = ['claimed', 'signed', 'recorded', 'seen-final', 'settled'];

/**
 * Real worker processes, a real database, and a local chain as a process, which counts what was paid. Workers
 * that are to end at different checkpoints run side by side until each has met its own.
 */
export function describeCrashes(options: Omit<PayingChainOptions, 'mnemonic'>): void {
  let world: SettlementWorld;
  beforeAll(async () => {
    world = await createSettlementWorld(
      await startPayingChain({ ...options, mnemonic: TEST_MNEMONIC }),
    );
  });
  afterAll(async () => {
    await world.close();
  });

  describe(`workers on ${options.network} that are killed`, () => {
    it.each(KILLED.map((checkpoints) => [checkpoints.join(', '), checkpoints] as const))(
      'at %s have paid nothing twice and lost nothing',
      async (_, checkpoints) => {
        const dying = checkpoints.map((at) => world.startWorker({ at, signal: 'SIGKILL' }));
        const hasEnded = async (): Promise<boolean> =>
          await Promise.resolve(dying.every(({ exitCode, signalCode }) => exitCode ?? signalCode));
        const payouts = await orderUntil(world, hasEnded);
        expect(dying.map(({ signalCode }) => signalCode)).toEqual(dying.map(() => 'SIGKILL'));
        const heir = world.startWorker();
        await expectPaidOnce(world, payouts);
        // The heir ends what is left, also where every payout had its end before it.
        await expect.poll(async () => await world.leftOver(), { timeout: 20_000 }).toEqual([]);
        await endWorker(heir, 'SIGTERM');
        expect(heir.exitCode).toBe(0);
      },
      PATIENCE_MS,
    );
  });

  describe(`workers on ${options.network} that stall until another has taken over`, () => {
    it(
      `at ${STALLED.join(', ')} wake up and do no harm`,
      async () => {
        const stalling = STALLED.map((at) => world.startWorker({ at, signal: 'SIGSTOP' }));
        const payouts = await orderUntil(world, async () => {
          const stopped = await Promise.all(stalling.map(async ({ pid }) => await isStopped(pid)));
          return stopped.every(Boolean);
        });
        const heir = world.startWorker();
        await world.untilFinal(payouts);
        for (const worker of stalling) worker.kill('SIGCONT');
        const later = await world.order(6n);
        await expectPaidOnce(world, [...payouts, later]);
        const all = [...stalling, heir];
        await Promise.all(all.map(async (worker) => await endWorker(worker, 'SIGTERM')));
      },
      PATIENCE_MS,
    );
  });
}

/** Orders payouts, each to another recipient, until it is so; there are some in any case. */
async function orderUntil(
  world: SettlementWorld,
  isSo: () => Promise<boolean>,
): Promise<readonly Payout[]> {
  const payouts: Payout[] = [];
  do {
    payouts.push(await world.order(BigInt(1 + (payouts.length % 7))));
    await sleep(ORDER_EVERY_MS);
  } while (!(await isSo()));
  return payouts;
}
