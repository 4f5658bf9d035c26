import { LaneUnfunded } from '../networks/network.ts';
import { countWaiting, countWaitingAttempts } from './internal/transaction-store.ts';
import {
  findLane,
  holdLane,
  holdsLane,
  leaveLane,
  stopLane,
  type HeldLane,
  type Lane,
} from './lanes.ts';
import type { Settlement } from './settlement.ts';

/**
 * Does `work` on a gas lane that this worker holds meanwhile: of those with room for another transaction
 * the one on which the fewest wait. Where its account cannot pay, the next one's turn comes. Gives 0 where
 * there is none, and throws {@link LaneUnfunded} where none that is free can pay.
 */
export async function withGasLane(
  settlement: Settlement,
  work: (lane: HeldLane) => Promise<number>,
): Promise<number> {
  const { database, driver, log, maxWaitingTransactions } = settlement;
  let unfunded: LaneUnfunded | undefined;
  const waiting = await countWaiting(database, driver.network);
  const senders = driver.gasAccounts
    .map((sender) => ({ sender, waiting: waiting.get(sender) ?? 0 }))
    .filter((lane) => lane.waiting < maxWaitingTransactions)
    .sort((a, b) => a.waiting - b.waiting);
  for (const { sender } of senders) {
    try {
      const done = await withLane(settlement, sender, work);
      if (done !== undefined) return done;
    } catch (error) {
      if (!(error instanceof LaneUnfunded)) throw error;
      log.warn({ sender }, error.message);
      unfunded = error;
    }
  }
  if (unfunded !== undefined) throw unfunded;
  return 0;
}

/**
 * Does `work` where there is room for another transaction: on a gas lane that is held meanwhile, or, where
 * each transaction stands alone, on none. Gives 0 where there is no room.
 */
export async function withRoom(
  settlement: Settlement,
  work: (lane: HeldLane | null) => Promise<number>,
): Promise<number> {
  const { database, driver } = settlement;
  if (driver.lanes === 'ordered') return await withGasLane(settlement, work);
  const waiting = await countWaitingAttempts(database, driver.network);
  return waiting < driver.limits.waitingTransactions ? await work(null) : 0;
}

/** Does `work` on one lane; undefined while another worker holds it, and while it is stopped. */
export async function withLane<T>(
  settlement: Settlement,
  sender: string,
  work: (lane: HeldLane) => Promise<T>,
): Promise<T | undefined> {
  const { database, driver, clock, pace } = settlement;
  const lane = await holdLane(database, {
    network: driver.network,
    sender,
    holderId: settlement.workerId,
    leaseMs: pace.leaseMs,
    now: clock.now(),
  });
  if (lane === undefined) return undefined;
  try {
    return await work(lane);
  } finally {
    await leaveLane(database, lane, clock.now());
  }
}

/**
 * The chain counts more transactions of a gas account than Knit has made: someone else uses its key, and
 * signing on would race with them. Stops the lane and gives the reason; null where all is well, or where
 * another worker has taken the lane over meanwhile.
 */
export async function stopAtStrangers(
  settlement: Settlement,
  lane: HeldLane,
): Promise<string | null> {
  const { database, driver } = settlement;
  const { latest } = await driver.sequences(lane.sender);
  if (latest <= lane.nextSequence || !(await holdsLane(database, lane))) return null;
  return await stopFor(settlement, lane, latest);
}

/**
 * Whether a gas account is Knit's alone, as far as is known, for what needs no lease on its lane. Where
 * the chain counts more of it than Knit has made, its lane is stopped.
 */
export async function isOwnAlone(settlement: Settlement, sender: string): Promise<boolean> {
  const { database, driver } = settlement;
  // The chain first: what Knit makes meanwhile only raises its own count.
  const { latest } = await driver.sequences(sender);
  const lane = await findLane(database, driver.network, sender);
  if (lane === undefined || lane.stoppedFor !== null) return false;
  if (latest <= lane.nextSequence) return true;
  await stopFor(settlement, lane, latest);
  return false;
}

async function stopFor(
  { database, clock, log }: Settlement,
  lane: Pick<Lane, 'network' | 'sender' | 'nextSequence'>,
  latest: bigint,
): Promise<string> {
  const { network, sender, nextSequence } = lane;
  const reason = `the chain counts ${latest} transactions of gas account ${sender}, Knit has made ${nextSequence}: its key was used elsewhere; nothing is signed on it until "knit lane adopt" is run`;
  log.error({ sender, alarm: true }, reason);
  await stopLane(database, { network, sender, reason, at: clock.now() });
  return reason;
}
