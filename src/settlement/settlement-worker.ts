import { ChainMismatch } from '../networks/network.ts';
import { acceptOrders } from './accept-orders.ts';
import { confirmPayouts } from './confirm-payouts.ts';
import { openLane } from './lanes.ts';
import { settlePayouts } from './settle-payout.ts';
import type { Settlement } from './settlement.ts';
import { submitPayouts } from './submit-payouts.ts';

export interface SettlementWorker {
  /**
   * Resolves when the worker has stopped. Rejects with a ChainMismatch where the chain is not the
   * one that is configured: nothing was signed for it.
   */
  readonly stopped: Promise<void>;
  /** Lets the steps under way end, and starts no other. */
  stop(): Promise<void>;
}

/** Settles one network until it is stopped. Any number of workers may do so at once. */
export function startSettlementWorker(settlement: Settlement): SettlementWorker {
  const halt = new AbortController();
  const stopped = work(settlement, halt.signal);
  // The caller listens to `stopped`; a rejection before it does must not end the process.
  stopped.catch(() => undefined);
  return {
    stopped,
    stop: async () => {
      halt.abort();
      await stopped.catch(() => undefined);
    },
  };
}

async function work(settlement: Settlement, signal: AbortSignal): Promise<void> {
  await reachChain(settlement, signal);
  // Paying and following do not wait for each other.
  await Promise.all([
    repeat(settlement, signal, async () => {
      const accepted = await acceptOrders(settlement);
      return accepted + (await submitPayouts(settlement));
    }),
    repeat(settlement, signal, async () => await confirmPayouts(settlement)),
    repeat(settlement, signal, async () => await settlePayouts(settlement)),
  ]);
}

/** Nothing is signed before the chain was compared with the configuration and the lane is open. */
async function reachChain(settlement: Settlement, signal: AbortSignal): Promise<void> {
  const { database, driver, clock, log, pace } = settlement;
  while (!signal.aborted) {
    try {
      await driver.verifyAssets();
      await openLane(database, {
        network: driver.network,
        sender: driver.treasury,
        firstSequence: await driver.sequenceFloor(driver.treasury),
        at: clock.now(),
      });
      log.info({ treasury: driver.treasury }, 'settlement is ready');
      return;
    } catch (error) {
      if (error instanceof ChainMismatch) throw error;
      log.warn({ err: error }, 'the network is not reachable yet');
      await clock.sleep(pace.waitMs, signal);
    }
  }
}

/** Runs a step again and again: at once while there is work, after a pause while there is none. */
async function repeat(
  settlement: Settlement,
  signal: AbortSignal,
  step: () => Promise<number>,
): Promise<void> {
  const { clock, log, pace } = settlement;
  while (!signal.aborted) {
    let handled = 0;
    try {
      handled = await step();
    } catch (error) {
      log.error({ err: error }, 'a settlement step failed');
      await clock.sleep(pace.waitMs, signal);
    }
    if (handled === 0) await clock.sleep(pace.idleMs, signal);
  }
}
