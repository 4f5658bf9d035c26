import { ChainMismatch, type NetworkDriver } from '../networks/network.ts';
import { acceptOrders } from './accept-orders.ts';
import { createCatchUp } from './catch-up.ts';
import { compareLedger } from './compare-ledger.ts';
import { confirmPayouts } from './confirm-payouts.ts';
import { createHeadFollower } from './follow-head.ts';
import { createSetAside } from './internal/set-aside.ts';
import { keepUp } from './keep-up.ts';
import { listLanes, openLane, type LaneRole } from './lanes.ts';
import { limitAlarms } from './limit-alarms.ts';
import { openNetwork, PayerMismatch } from './network-state.ts';
import { createPulse, type Pulse, type Round } from './pulse.ts';
import { reconcile } from './reconcile.ts';
import { settlePayouts } from './settle-payout.ts';
import type { Settlement } from './settlement.ts';
import { createInMind, submitPayouts } from './submit-payouts.ts';
import { tendLanes } from './tend-lanes.ts';

export interface SettlementWorker {
  /**
   * Resolves when the worker has stopped. Rejects with a ChainMismatch where the chain is not the one
   * that is configured, and with a PayerMismatch where the keys are not: nothing was signed then.
   */
  readonly stopped: Promise<void>;
  /** `ok` while its rounds come round, or what is wrong. */
  readonly condition: () => string;
  /** Lets the steps under way end, and starts no other. */
  stop(): Promise<void>;
}

/** In so many leases each round ends once, whatever it waits for. */
const PULSE_LEASES = 6;

/** Settles one network until it is stopped. Any number of workers may do so at once. */
export function startSettlementWorker(settlement: Settlement): SettlementWorker {
  const halt = new AbortController();
  const log = limitAlarms(settlement.log, settlement.clock);
  const pulse = createPulse(settlement.clock, PULSE_LEASES * settlement.pace.leaseMs);
  const stopped = work({ ...settlement, log }, pulse, halt.signal);
  // The caller listens to `stopped`; a rejection before it does must not end the process.
  stopped.catch(() => undefined);
  return {
    stopped,
    condition: () => pulse.words(),
    stop: async () => {
      halt.abort();
      await stopped.catch(() => undefined);
    },
  };
}

async function work(settlement: Settlement, pulse: Pulse, signal: AbortSignal): Promise<void> {
  pulse.note('the chain was not reached yet');
  const isNew = await reachChain(settlement, signal);
  const { idleMs, checkEveryMs, waitMs, reconcileEveryMs, compareEveryMs } = settlement.pace;
  const repeatEvery = async (pauseMs: number, step: () => Promise<number>): Promise<void> =>
    await repeat(settlement, { signal, pauseMs }, step);
  const rarely = (step: () => Promise<void>) => async (): Promise<number> => {
    await step();
    return 0;
  };
  const repeatRound = async (
    round: Round,
    pauseMs: number,
    step: () => Promise<number>,
  ): Promise<void> =>
    await repeatEvery(pauseMs, async () => {
      const handled = await step();
      pulse.beat(round);
      return handled;
    });
  pulse.note('the treasury is not reconciled yet: nothing is signed');
  let caughtUp = untilCaughtUp(settlement, { signal, isNew });
  const [inMind, notAccepted, notTold] = [createInMind(), createSetAside(), createSetAside()];
  const submit = async (): Promise<number> => {
    // Of a database that has lost something a worker knows as little as one that starts.
    if (inMind.memory.takeLoss()) caughtUp = untilCaughtUp(settlement, { signal, isNew: false });
    await caughtUp;
    // A stop ends the wait as well, and then nothing was caught up with.
    return signal.aborted ? 0 : await submitPayouts(settlement, inMind);
  };
  // None of these waits for another.
  await Promise.all([
    repeatRound('accept', idleMs, async () => await acceptOrders(settlement, notAccepted)),
    ...Array.from({ length: settlement.batchesAtOnce }, async () => {
      await caughtUp;
      await repeatRound('submit', idleMs, submit);
    }),
    repeatRound('confirm', idleMs, async () => await confirmPayouts(settlement, inMind.memory)),
    repeatRound('settle', idleMs, async () => await settlePayouts(settlement, notTold)),
    repeatRound(
      'tend',
      checkEveryMs,
      rarely(async () => await tendLanes(settlement)),
    ),
    repeatRound('head', checkEveryMs, rarely(createHeadFollower(settlement))),
    repeatEvery(waitMs, async () => {
      const chores = await keepUp(settlement);
      // The next one waits for this one to be final, and payouts wait for all of them.
      if (chores > 0) await settlement.clock.sleep(checkEveryMs, signal);
      return chores;
    }),
    repeatEvery(
      reconcileEveryMs,
      rarely(async () => await reconcile(settlement)),
    ),
    repeatEvery(
      compareEveryMs,
      rarely(async () => await compareLedger(settlement)),
    ),
  ]);
}

/**
 * Nothing is done before the chain was compared with the configuration and the lanes are open. True where the
 * network was unknown to the database before.
 */
async function reachChain(settlement: Settlement, signal: AbortSignal): Promise<boolean> {
  const { driver, clock, log, pace } = settlement;
  while (!signal.aborted) {
    try {
      await driver.verifyAssets();
      return await open(settlement);
    } catch (error) {
      if (error instanceof ChainMismatch || error instanceof PayerMismatch) throw error;
      log.warn({ err: error }, 'the network is not reachable yet');
      await clock.sleep(pace.waitMs, signal);
    }
  }
  return false;
}

async function untilCaughtUp(
  settlement: Settlement,
  { signal, isNew }: { readonly signal: AbortSignal; readonly isNew: boolean },
): Promise<void> {
  const { driver, clock, log, pace } = settlement;
  const catchUp = createCatchUp(settlement, { isNew });
  while (!signal.aborted) {
    try {
      if (await catchUp()) {
        log.info({ treasury: driver.treasury }, 'settlement is ready');
        return;
      }
    } catch (error) {
      log.warn({ err: error }, 'nothing is signed before the treasury is reconciled');
    }
    await clock.sleep(pace.idleMs, signal);
  }
}

/**
 * Opens the network and its lanes, each at the chain's own count. Later calls change nothing. Throws while
 * that count may still fall: a lane that began beyond it would wait for ever for what is missing. True where
 * the network was unknown to the database before.
 */
export async function open(
  settlement: Pick<Settlement, 'database' | 'driver' | 'clock'>,
): Promise<boolean> {
  const { database, driver, clock } = settlement;
  const { network, treasury, gasAccounts } = driver;
  const isNew = await openNetwork(database, { network, payer: treasury, at: clock.now() });
  const lanes: { sender: string; role: LaneRole }[] = [
    { sender: treasury, role: 'TREASURY' },
    ...gasAccounts.map((sender) => ({ sender, role: 'GAS' }) as const),
  ];
  const opened = (await listLanes(database)).filter((lane) => lane.network === network);
  for (const lane of lanes) {
    if (opened.some(({ sender }) => sender === lane.sender)) continue;
    const firstSequence = await findFirstSequence(driver, lane.sender);
    await openLane(database, { network, ...lane, firstSequence, at: clock.now() });
  }
  return isNew;
}

async function findFirstSequence(driver: NetworkDriver, sender: string): Promise<bigint> {
  // The lane is a lease then, and no order of transactions.
  if (driver.lanes === 'independent') return 0n;
  const { latest, final } = await driver.sequences(sender);
  if (latest !== final) throw new Error(`transactions of ${sender} are not final yet`);
  return final;
}

/** Runs a step again and again: at once while there is work, after a pause while there is none. */
async function repeat(
  settlement: Settlement,
  how: { readonly signal: AbortSignal; readonly pauseMs: number },
  step: () => Promise<number>,
): Promise<void> {
  const { clock, log, pace } = settlement;
  const { signal, pauseMs } = how;
  while (!signal.aborted) {
    let handled = 0;
    try {
      handled = await step();
    } catch (error) {
      log.error({ err: error }, 'a settlement step failed');
      await clock.sleep(pace.waitMs, signal);
    }
    if (handled === 0) await clock.sleep(pauseMs, signal);
  }
}
