import { later } from '../base/clock.ts';
import { CommitUnknown } from '../database/sql-failure.ts';
import { SigningPostponed } from '../networks/network.ts';
import { broadcastTransaction } from './broadcast-transaction.ts';
import { toFollow } from './confirm-payouts.ts';
import { loadAttempts, type RecordedAttempt } from './internal/attempt-store.ts';
import { lockFlight, noteNewTransaction } from './internal/order-store.ts';
import {
  insertTransaction,
  isCarried,
  listAdrift,
  type RecordedTransaction,
} from './internal/transaction-store.ts';
import { takeSequence, type HeldLane } from './lanes.ts';
import { isSigningAllowed } from './network-state.ts';
import type { Settlement } from './settlement.ts';
import { StaleClaim } from './stale-claim.ts';
import { stopAtStrangers, withGasLane } from './with-lane.ts';

/** After so many transactions that ran in vain its deadline is waited for: each of them took gas. */
const MOST_CARRIERS = 5;

const AT_ONCE = 8;

/**
 * An attempt that is still open and that nothing carries any more (its transactions ran and were undone,
 * for want of gas, say) gets another transaction: the same authority, so whichever comes first is the
 * only one that pays. Where its time is nearly over it is left to die.
 */
export async function carryAdrift(settlement: Settlement): Promise<void> {
  const { database, driver, clock, pace, log } = settlement;
  const { network } = driver;
  const now = clock.now();
  const adrift = await listAdrift(database, {
    network,
    limit: AT_ONCE,
    createdUntil: later(now, -pace.checkEveryMs),
    validAfter: later(now, pace.replaceAfterMs),
    mostCarriers: MOST_CARRIERS,
  });
  for (const attempt of await loadAttempts(database, network, adrift)) {
    try {
      await carry(settlement, attempt);
    } catch (error) {
      const isPostponed = error instanceof SigningPostponed;
      const words = isPostponed ? error.message : 'an internal error; see the log';
      log.warn({ err: error, fence: attempt.fence }, `an attempt waits for a carrier: ${words}`);
    }
  }
}

async function carry(settlement: Settlement, attempt: RecordedAttempt): Promise<void> {
  const { driver, assetOf, log } = settlement;
  const asked = toFollow(attempt, assetOf);
  const { kind } = await driver.status(asked);
  // One that has been carried out needs no other carrier: it only is not final yet.
  if (kind !== 'unseen' && kind !== 'waiting') return;
  await withGasLane(settlement, async (lane) => {
    if ((await stopAtStrangers(settlement, lane)) !== null) return 0;
    const signed = await driver.carry(asked, { sender: lane.sender, sequence: lane.nextSequence });
    const recorded = await record(settlement, { attempt, lane, signed });
    if (recorded === undefined) return 0;
    log.warn({ fence: attempt.fence }, `carried again by ${signed.transactionHash}`);
    await broadcastTransaction(settlement, recorded);
    return 1;
  });
}

async function record(
  settlement: Settlement,
  work: {
    attempt: RecordedAttempt;
    lane: HeldLane;
    signed: Parameters<typeof insertTransaction>[1]['signed'];
  },
): Promise<RecordedTransaction | undefined> {
  const { database, clock, log } = settlement;
  const { attempt, lane, signed } = work;
  const { network, attemptId, fence } = attempt;
  const at = clock.now();
  try {
    return await database.transaction(async (tx) => {
      if (!(await takeSequence(tx, lane, { count: 1n, at }))) {
        throw new StaleClaim('the lane has passed on');
      }
      if (!(await isSigningAllowed(tx, network))) throw new StaleClaim('signing has stopped');
      const flight = await lockFlight(tx, attempt);
      if (flight.length === 0 || (await isCarried(tx, attempt))) {
        throw new StaleClaim('the attempt has ended, or something carries it');
      }
      const { transactionHash } = signed;
      await noteNewTransaction(tx, { network, fence, transactionHash, at });
      return await insertTransaction(tx, { network, signed, purpose: 'CARRY', attemptId, at });
    });
  } catch (error) {
    if (!(error instanceof StaleClaim) && !(error instanceof CommitUnknown)) throw error;
    log.warn({ err: error, fence }, 'a carrier was not recorded for certain');
    return undefined;
  }
}
