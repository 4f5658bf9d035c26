import { assert } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import { CommitUnknown } from '../database/sql-failure.ts';
import { sameAddress } from '../networks/address.ts';
import {
  SigningPostponed,
  type Inspection,
  type SignedAttempt,
  type TransferOrder,
} from '../networks/network.ts';
import { broadcastAttempt } from './broadcast-attempt.ts';
import {
  assertNothingAlive,
  countWaitingAttempts,
  insertAttempt,
  type RecordedAttempt,
} from './internal/attempt-store.ts';
import {
  claimQueued,
  postponeOrder,
  putInFlight,
  refuseQueued,
  unitsOnTheWay,
} from './internal/order-store.ts';
import { holdLane, holdsLane, leaveLane, takeSequence, type HeldLane } from './lanes.ts';
import { toTransferOrder, type Order } from './order.ts';
import type { Settlement } from './settlement.ts';

/**
 * One round of claim → sign → record → broadcast on the treasury's lane. Gives how many orders it
 * handled. Nothing is sent that is not recorded; nothing is recorded for an order that has anything
 * alive; a worker that has lost its lane or its claim records nothing and throws its bytes away.
 */
export async function submitPayouts(settlement: Settlement): Promise<number> {
  const { database, driver, clock, pace } = settlement;
  const lane = await holdLane(database, {
    network: driver.network,
    sender: driver.treasury,
    holderId: settlement.workerId,
    leaseMs: pace.leaseMs,
    now: clock.now(),
  });
  if (lane === undefined) return 0;
  try {
    return await submitOnLane(settlement, lane);
  } finally {
    await leaveLane(database, lane, clock.now());
  }
}

async function submitOnLane(settlement: Settlement, lane: HeldLane): Promise<number> {
  const { database, driver, clock, pace } = settlement;
  const waiting = await countWaitingAttempts(database, driver.network, lane.sender);
  const room = Math.min(settlement.maxWaitingAttempts - waiting, settlement.roundSize);
  if (room <= 0) return 0;
  const orders = await claimQueued(database, {
    network: driver.network,
    limit: room,
    leaseMs: pace.leaseMs,
    now: clock.now(),
  });
  if (orders.length === 0) return 0;
  await settlement.reach('claimed');
  // Half a lease is for signing, so that a slow node does not cost every order its claim.
  const stopAt = later(clock.now(), pace.leaseMs / 2);
  let turn: Turn = { lane, reason: null };
  for (const order of orders) {
    if (clock.now() >= stopAt) turn = OVER;
    if (turn.lane === undefined) await putBack(settlement, order, turn.reason);
    else turn = await submitSafely(settlement, order, turn.lane);
  }
  return orders.length;
}

/**
 * The lane as the round's next order finds it. Undefined where the round is over: then the orders that
 * are left wait for `reason`, or are free at once for whoever holds the lane next.
 */
interface Turn {
  readonly lane: HeldLane | undefined;
  readonly reason: string | null;
}

const OVER: Turn = { lane: undefined, reason: null };

async function submitSafely(settlement: Settlement, order: Order, lane: HeldLane): Promise<Turn> {
  try {
    return await submit(settlement, order, lane);
  } catch (error) {
    const isPostponed = error instanceof SigningPostponed;
    if (!isPostponed) {
      const { log } = settlement;
      log.error({ err: error, payoutId: order.payoutId }, 'a payout could not be submitted');
    }
    // A stale claim changes nothing here, so an order that was recorded is not touched.
    const reason = isPostponed ? error.message : 'an internal error; see the log';
    await putBack(settlement, order, reason);
    return await nextTurn(settlement, lane);
  }
}

/** One order's trouble is not the others': they go on while the lane stands where it stood. */
async function nextTurn(settlement: Settlement, lane: HeldLane): Promise<Turn> {
  return (await holdsLane(settlement.database, lane)) ? { lane, reason: null } : OVER;
}

async function submit(settlement: Settlement, order: Order, lane: HeldLane): Promise<Turn> {
  const transfer = toTransferOrder(order, settlement.assetOf);
  const inspection = await inspect(settlement, transfer);
  if (inspection.kind === 'wait') {
    await putBack(settlement, order, inspection.reason);
    return { lane, reason: null };
  }
  if (inspection.kind === 'refused') {
    await refuseQueued(settlement.database, order, {
      info: inspection.reason,
      proof: inspection.proof,
      at: settlement.clock.now(),
    });
    return { lane, reason: null };
  }
  const counted = await settlement.driver.sequenceFloor(lane.sender);
  if (counted > lane.nextSequence) {
    const reason = await findStrangers(settlement, lane, counted);
    await putBack(settlement, order, reason);
    return { lane: undefined, reason };
  }
  const signed = await settlement.driver.sign([transfer], {
    sender: lane.sender,
    sequence: lane.nextSequence,
  });
  await settlement.reach('signed');
  const recorded = await record(settlement, { order, lane, signed });
  if (typeof recorded === 'string') {
    await putBack(settlement, order, recorded === 'unknown' ? COMMIT_UNKNOWN : null);
    return await nextTurn(settlement, lane);
  }
  await settlement.reach('recorded');
  await broadcastAttempt(settlement, settlement.driver, recorded);
  await settlement.reach('broadcast');
  return { lane: { ...lane, nextSequence: lane.nextSequence + 1n }, reason: null };
}

const COMMIT_UNKNOWN = 'the connection to the database broke while the attempt was recorded';

/** What the chain says, and what settlement knows beside it. */
async function inspect(settlement: Settlement, transfer: TransferOrder): Promise<Inspection> {
  const { driver, database } = settlement;
  if (sameAddress(driver.network, driver.treasury, transfer.toAddress)) {
    const reason = "The to address is one of the platform's own wallets.";
    return { kind: 'refused', reason, proof: { treasury: driver.treasury } };
  }
  const inspection = await driver.inspect(transfer);
  if (inspection.kind !== 'payable') return inspection;
  const onTheWay = await unitsOnTheWay(database, driver.network, transfer.asset.token);
  const balance = await driver.treasuryUnits(transfer.asset);
  if (balance - onTheWay >= transfer.units) return inspection;
  return {
    kind: 'wait',
    reason: `the treasury is short of ${transfer.asset.token}: ${balance} units, ${onTheWay} of them on the way out, ${transfer.units} needed`,
  };
}

/**
 * The chain counts more transactions of the sender than this worker has made. Either another worker
 * has taken the lane over meanwhile (null), or someone else used the key: signing on would race with
 * them, so it stops, for the reason given, until a person has looked.
 */
async function findStrangers(
  settlement: Settlement,
  lane: HeldLane,
  counted: bigint,
): Promise<string | null> {
  if (!(await holdsLane(settlement.database, lane))) return null;
  const reason = `the chain counts ${counted} transactions of ${lane.sender}, Knit has made ${lane.nextSequence}: the key was used elsewhere; signing has stopped until "knit lane adopt" is run`;
  settlement.log.error({ sender: lane.sender, alarm: true }, reason);
  return reason;
}

/**
 * The lane's sequence, the order's flight and the attempt's bytes: all recorded, or none. `stale`:
 * none, because the lane or the order has passed on. `unknown`: the commit's outcome is.
 */
async function record(
  settlement: Settlement,
  work: { order: Order; lane: HeldLane; signed: SignedAttempt },
): Promise<RecordedAttempt | 'stale' | 'unknown'> {
  const { database, ids, clock, log, pace } = settlement;
  const { order, lane, signed } = work;
  assert(signed.sequence === lane.nextSequence, 'the attempt takes the next sequence of its lane');
  assert(signed.payoutIds.length === 1 && signed.payoutIds[0] === order.payoutId, 'it pays it');
  const attemptId = ids.next();
  const at = clock.now();
  try {
    await database.transaction(async (tx) => {
      if (!(await takeSequence(tx, lane, at))) throw new StaleClaim('the lane has passed on');
      const isMine = await putInFlight(tx, order, { ...signed, at });
      if (!isMine) throw new StaleClaim('the order has passed on');
      await assertNothingAlive(tx, order, signed.fence);
      const nextCheckAt = later(at, pace.checkEveryMs);
      await insertAttempt(tx, { network: order.network, attemptId, signed, nextCheckAt, at });
    });
  } catch (error) {
    if (!(error instanceof StaleClaim) && !(error instanceof CommitUnknown)) throw error;
    // After an unknown commit the attempt, if it is there, is followed and sent like any other.
    log.warn({ err: error, payoutId: order.payoutId }, 'an attempt was not recorded for certain');
    return error instanceof StaleClaim ? 'stale' : 'unknown';
  }
  return {
    recorded: true,
    network: order.network,
    attemptId,
    fence: signed.fence,
    sender: signed.sender,
    sequence: signed.sequence,
    transactionHash: signed.transactionHash,
    rawTransaction: signed.rawTransaction,
    broadcastCount: 0,
    lastBroadcastAt: null,
    createdAt: at,
    orders: [order],
  };
}

/** Rolls the transaction back: another worker has the lane or the order. */
class StaleClaim extends Error {
  override readonly name = 'StaleClaim';
}

async function putBack(settlement: Settlement, order: Order, reason: string | null): Promise<void> {
  const { database, clock, pace, log } = settlement;
  const at = clock.now();
  if (reason !== null) {
    log.warn({ payoutId: order.payoutId }, `a payout waits: ${reason}`);
  }
  const availableAt = reason === null ? at : later(at, pace.waitMs);
  await postponeOrder(database, order, { availableAt, reason, at });
}
