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
  countOpenAttempts,
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
  const open = await countOpenAttempts(database, driver.network, lane.sender);
  const room = Math.min(settlement.maxOpenAttempts - open, settlement.roundSize);
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
  let current: HeldLane | undefined = lane;
  for (const order of orders) {
    if (clock.now() >= stopAt) current = undefined;
    if (current === undefined) await putBack(settlement, order, null);
    else current = await submitSafely(settlement, order, current);
  }
  return orders.length;
}

/** Undefined where the lane cannot be used further in this round. */
async function submitSafely(
  settlement: Settlement,
  order: Order,
  lane: HeldLane,
): Promise<HeldLane | undefined> {
  try {
    return await submit(settlement, order, lane);
  } catch (error) {
    if (error instanceof SigningPostponed) {
      await putBack(settlement, order, error.message);
      return undefined;
    }
    const { log } = settlement;
    log.error({ err: error, payoutId: order.payoutId }, 'a payout could not be submitted');
    // A stale claim changes nothing here, so an order that was recorded is not touched.
    await putBack(settlement, order, 'an internal error; see the log');
    return undefined;
  }
}

async function submit(
  settlement: Settlement,
  order: Order,
  lane: HeldLane,
): Promise<HeldLane | undefined> {
  const transfer = toTransferOrder(order, settlement.assetOf);
  const inspection = await inspect(settlement, transfer);
  if (inspection.kind === 'wait') {
    await putBack(settlement, order, inspection.reason);
    return lane;
  }
  if (inspection.kind === 'refused') {
    await refuseQueued(settlement.database, order, {
      info: inspection.reason,
      proof: inspection.proof,
      at: settlement.clock.now(),
    });
    return lane;
  }
  const counted = await settlement.driver.sequenceFloor(lane.sender);
  if (counted > lane.nextSequence) {
    await stopAtStrangers(settlement, { order, lane, counted });
    return undefined;
  }
  const signed = await settlement.driver.sign([transfer], {
    sender: lane.sender,
    sequence: lane.nextSequence,
  });
  await settlement.reach('signed');
  const recorded = await record(settlement, { order, lane, signed });
  if (recorded === undefined) return undefined;
  await settlement.reach('recorded');
  await broadcastAttempt(settlement, settlement.driver, recorded);
  await settlement.reach('broadcast');
  return { ...lane, nextSequence: lane.nextSequence + 1n };
}

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
 * has taken the lane over meanwhile, or someone else used the key: signing on would race with them, so
 * it stops until a person has looked.
 */
async function stopAtStrangers(
  settlement: Settlement,
  found: { order: Order; lane: HeldLane; counted: bigint },
): Promise<void> {
  const { order, lane, counted } = found;
  if (!(await holdsLane(settlement.database, lane))) return;
  const reason = `the chain counts ${counted} transactions of ${lane.sender}, Knit has made ${lane.nextSequence}: the key was used elsewhere; signing has stopped until "knit lane adopt" is run`;
  settlement.log.error({ sender: lane.sender, alarm: true }, reason);
  await putBack(settlement, order, reason);
}

/** The lane's sequence, the order's flight and the attempt's bytes: all recorded, or none. */
async function record(
  settlement: Settlement,
  work: { order: Order; lane: HeldLane; signed: SignedAttempt },
): Promise<RecordedAttempt | undefined> {
  const { database, ids, clock, log, pace } = settlement;
  const { order, lane, signed } = work;
  assert(signed.sequence === lane.nextSequence, 'the attempt takes the next sequence of its lane');
  assert(signed.payoutIds.length === 1 && signed.payoutIds[0] === order.payoutId, 'it pays it');
  const attemptId = ids.next();
  const at = clock.now();
  try {
    const isRecorded = await database.transaction(async (tx) => {
      if (!(await takeSequence(tx, lane, at))) return false;
      if (!(await putInFlight(tx, order, { ...signed, at }))) throw new StaleClaim();
      await assertNothingAlive(tx, order, signed.fence);
      const nextCheckAt = later(at, pace.checkEveryMs);
      await insertAttempt(tx, { network: order.network, attemptId, signed, nextCheckAt, at });
      return true;
    });
    if (!isRecorded) return undefined;
  } catch (error) {
    if (!(error instanceof StaleClaim) && !(error instanceof CommitUnknown)) throw error;
    // After an unknown commit the attempt, if it is there, is followed and sent like any other.
    log.warn({ err: error, payoutId: order.payoutId }, 'an attempt was not recorded for certain');
    return undefined;
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

/** Rolls the transaction back: another worker has the order. */
class StaleClaim extends Error {
  override readonly name = 'StaleClaim';
}

async function putBack(settlement: Settlement, order: Order, reason: string | null): Promise<void> {
  const { database, clock, pace, log } = settlement;
  const at = clock.now();
  if (reason !== null) {
    log.warn({ payoutId: order.payoutId, network: order.network }, `a payout waits: ${reason}`);
  }
  const availableAt = reason === null ? at : later(at, pace.waitMs);
  await postponeOrder(database, order, { availableAt, reason, at });
}
