import { assert, AssertionFailure } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import { CommitUnknown } from '../database/sql-failure.ts';
import { TOKENS, type Token } from '../money/asset.ts';
import {
  LaneUnfunded,
  SigningPostponed,
  type Inspection,
  type LanePosition,
  type SignedAttempt,
  type SigningPlan,
} from '../networks/network.ts';
import { broadcastTransaction } from './broadcast-transaction.ts';
import { assertNothingAlive, insertAttempt } from './internal/attempt-store.ts';
import { listTakenCoins } from './internal/coin-store.ts';
import {
  claimQueued,
  findDue,
  postponeOrders,
  putInFlight,
  refuseQueued,
  unitsOnTheWay,
} from './internal/order-store.ts';
import { createSetAside, type SetAside } from './internal/set-aside.ts';
import { insertTransaction, type RecordedTransaction } from './internal/transaction-store.ts';
import { takeSequence, type HeldLane } from './lanes.ts';
import { createMemory, findLostAttempt, findSigningState, type Memory } from './memory.ts';
import { isSigningAllowed, takeNumber } from './network-state.ts';
import { toTransferOrder, type Order } from './order.ts';
import type { Settlement } from './settlement.ts';
import { StaleClaim } from './stale-claim.ts';
import { tracedStep } from './traced-step.ts';
import { stopAtStrangers, withRoom } from './with-lane.ts';

/** What a worker keeps in mind from one round to the next. */
export interface InMind {
  /** Orders that break an assertion by themselves: they are tried again later and later. */
  readonly aside: SetAside;
  readonly memory: Memory;
}

export function createInMind(): InMind {
  return { aside: createSetAside(), memory: createMemory() };
}

type Submission = Settlement & InMind;

/**
 * One round of claim → inspect → sign → record → broadcast for each token: one batch of the payouts that
 * wait, once there are enough of them or the oldest has waited long enough. Gives how many orders it
 * handled. Nothing is sent that is not recorded; nothing is recorded for an order that has anything
 * alive; a worker that has lost its lane or its claims records nothing and throws its bytes away.
 */
export async function submitPayouts(
  by: Settlement,
  inMind: InMind = createInMind(),
): Promise<number> {
  const settlement: Submission = { ...by, ...inMind };
  const { driver, assetOf, memory } = settlement;
  if ((await findSigningState(settlement, memory)) === undefined) return 0;
  let handled = 0;
  for (const token of TOKENS) {
    if (assetOf(driver.network, token) === undefined) continue;
    if (await isBatchDue(settlement, token)) handled += await submitBatch(settlement, token);
  }
  return handled;
}

async function isBatchDue(settlement: Submission, token: Token): Promise<boolean> {
  const { aside, database, driver, clock, pace } = settlement;
  const now = clock.now();
  const limit = mostOrders(settlement);
  const { network } = driver;
  const except = aside.waiting(now);
  const { leaseMs } = pace;
  const due = await findDue(database, { network, token, limit, except, leaseMs, now });
  if (due === undefined) return false;
  // A time to come is from a clock that ran ahead.
  const isOld = due.since > now || later(due.since, pace.batchWaitMs) <= now;
  return due.count >= limit || isOld;
}

function mostOrders({ driver, maxBatchOrders }: Settlement): number {
  return Math.min(maxBatchOrders, driver.limits.ordersPerAttempt);
}

async function submitBatch(settlement: Submission, token: Token): Promise<number> {
  const { aside, database, driver, clock, pace } = settlement;
  let orders: readonly Order[] = [];
  try {
    return await withRoom(settlement, async (lane) => {
      const now = clock.now();
      orders = await claimQueued(database, {
        network: driver.network,
        token,
        limit: mostOrders(settlement),
        except: aside.waiting(now),
        leaseMs: pace.leaseMs,
        now,
      });
      if (orders.length === 0) return 0;
      await settlement.reach('claimed');
      await submitSafely(settlement, orders, lane);
      return orders.length;
    });
  } catch (error) {
    if (!(error instanceof LaneUnfunded)) throw error;
    await putBack(settlement, orders, error.message);
    return 0;
  }
}

/**
 * Gives the lane as it stands afterwards. An error puts the orders back; a stale claim changes nothing
 * there, so what was recorded stays. One order that breaks an assertion is found by halves, so that it
 * does not hold the others up.
 */
async function submitSafely(
  settlement: Submission,
  orders: readonly Order[],
  lane: HeldLane | null,
): Promise<HeldLane | null> {
  try {
    const act = async (): Promise<HeldLane | null> => await submit(settlement, orders, lane);
    const moved = await tracedStep('settlement submit', orders, act);
    settlement.aside.forget(orders.map(({ payoutId }) => payoutId));
    return moved;
  } catch (error) {
    if (error instanceof AssertionFailure && orders.length > 1) {
      const half = Math.ceil(orders.length / 2);
      const moved = await submitSafely(settlement, orders.slice(0, half), lane);
      return await submitSafely(settlement, orders.slice(half), moved);
    }
    if (error instanceof LaneUnfunded) {
      // Free at once, for the lane whose turn comes next.
      await putBack(settlement, orders, null);
      throw error;
    }
    const [first] = orders;
    if (error instanceof AssertionFailure && first !== undefined) {
      settlement.aside.add(first.payoutId, settlement.clock.now());
    }
    const isPostponed = error instanceof SigningPostponed;
    if (!isPostponed) {
      const fields = { err: error, payoutId: first?.payoutId, payouts: orders.length };
      const alarm = error instanceof AssertionFailure ? { alarm: true } : {};
      settlement.log.error({ ...fields, ...alarm }, 'payouts could not be submitted');
    }
    const reason = isPostponed ? error.message : 'an internal error; see the log';
    await putBack(settlement, orders, reason);
    return lane;
  }
}

async function submit(
  settlement: Submission,
  orders: readonly Order[],
  lane: HeldLane | null,
): Promise<HeldLane | null> {
  const { inspection, onTheWay } = await inspect(settlement, orders);
  await sortOut(settlement, orders, inspection);
  const payable = ordersOf(
    orders,
    inspection.payable.map(({ payoutId }) => payoutId),
  );
  if (payable.length === 0 || inspection.plan === null) return lane;
  const signed = await sign(settlement, { inspection, plan: inspection.plan, lane });
  if (typeof signed === 'string') {
    await putBack(settlement, payable, signed);
    return lane;
  }
  await settlement.reach('signed');
  const roomUnits = inspection.freeUnits + onTheWay;
  const { attempt, position } = signed;
  const recorded = await record(settlement, {
    orders: payable,
    lane,
    position,
    signed: attempt,
    roomUnits,
  });
  if (typeof recorded === 'string') {
    await putBack(settlement, payable, recorded === 'unknown' ? COMMIT_UNKNOWN : null);
    return lane;
  }
  if (recorded.attemptId !== null) settlement.memory.noteRecorded(recorded.attemptId);
  tellOfSigned(settlement, payable, recorded);
  await settlement.reach('recorded');
  await broadcastTransaction(settlement, recorded);
  await settlement.reach('broadcast');
  return lane && { ...lane, nextSequence: lane.nextSequence + 1n };
}

function tellOfSigned(
  { log, metrics }: Settlement,
  orders: readonly Order[],
  { attemptId, transactionHash }: RecordedTransaction,
): void {
  metrics.noteSigned(orders.length);
  for (const { payoutId, traceId } of orders) {
    log.info({ payoutId, traceId, attemptId, transactionHash }, 'a payout was signed');
  }
}

/** Or the reason for which nothing is to be signed now. */
async function sign(
  settlement: Submission,
  work: { inspection: Inspection; plan: SigningPlan; lane: HeldLane | null },
): Promise<{ attempt: SignedAttempt; position: LanePosition } | string> {
  const { database, driver, clock, memory } = settlement;
  const { inspection, plan, lane } = work;
  const stranger = lane && (await stopAtStrangers(settlement, lane));
  if (stranger !== null) return stranger;
  const leastNext = memory.nextNumber();
  const number = await takeNumber(database, driver.network, clock.now());
  if (number === undefined) return 'signing has stopped on this network';
  if (number + 1n < leastNext) return LOST;
  memory.noteNumber(number + 1n);
  const position =
    lane === null
      ? { sender: driver.treasury, sequence: number }
      : { sender: lane.sender, sequence: lane.nextSequence };
  const attempt = await driver.sign({
    orders: inspection.payable,
    number,
    plan,
    lane: position,
  });
  return { attempt, position };
}

const LOST = 'the database has lost what it had recorded';

const COMMIT_UNKNOWN = 'the connection to the database broke while the attempt was recorded';

/** What is on the way is read first: what lands between the two readings is then counted twice, not never. */
async function inspect(
  settlement: Settlement,
  orders: readonly Order[],
): Promise<{ inspection: Inspection; onTheWay: bigint }> {
  const { driver, database, assetOf } = settlement;
  const onTheWay = await unitsOnTheWay(database, driver.network, tokenOf(orders));
  const taken = await listTakenCoins(database, driver.network);
  const transfers = orders.map((order) => toTransferOrder(order, assetOf));
  const inspection = await driver.inspect(transfers, { unitsOnTheWay: onTheWay, taken });
  const sorted = [
    ...inspection.payable.map((it) => it.payoutId),
    ...inspection.refused.map((it) => it.payoutId),
    ...inspection.waiting.map((it) => it.payoutId),
    ...inspection.left,
  ];
  const isWhole = sorted.length === orders.length && new Set(sorted).size === orders.length;
  assert(isWhole && ordersOf(orders, sorted).length === orders.length, 'each order is in one list');
  return { inspection, onTheWay };
}

function tokenOf(orders: readonly Order[]): Token {
  const [first] = orders;
  assert(first !== undefined, 'a batch has orders');
  return first.token;
}

/** What is not signed now is ended, put off, or free at once. */
async function sortOut(
  settlement: Settlement,
  orders: readonly Order[],
  inspection: Inspection,
): Promise<void> {
  const { database, clock, log, metrics } = settlement;
  for (const { payoutId, reason, proof } of inspection.refused) {
    const [order] = ordersOf(orders, [payoutId]);
    assert(order !== undefined, 'a refused order is of the batch');
    if (!(await refuseQueued(database, order, { info: reason, proof, at: clock.now() }))) continue;
    metrics.notePayouts('refused', 1);
    log.info({ payoutId, traceId: order.traceId, reason }, 'a payout was refused');
  }
  const byReason = Map.groupBy(inspection.waiting, ({ reason }) => reason);
  for (const [reason, waiting] of byReason) {
    const payoutIds = waiting.map(({ payoutId }) => payoutId);
    await putBack(settlement, ordersOf(orders, payoutIds), reason);
  }
  await putBack(settlement, ordersOf(orders, inspection.left), null);
}

function ordersOf(orders: readonly Order[], payoutIds: readonly string[]): Order[] {
  const wanted = new Set(payoutIds);
  return orders.filter((order) => wanted.has(order.payoutId));
}

/**
 * The lane's sequence, the orders' flight, the attempt and what carries it: all recorded, or none.
 * `stale`: none, because the lane, a claim or the network's consent has passed on. `unknown`: the
 * commit's outcome is.
 */
async function record(
  settlement: Submission,
  work: {
    orders: readonly Order[];
    lane: HeldLane | null;
    position: LanePosition;
    signed: SignedAttempt;
    /** What may be on the way together, by the inspection. */
    roomUnits: bigint;
  },
): Promise<RecordedTransaction | 'stale' | 'unknown'> {
  const { database, ids, clock, log, memory, pace } = settlement;
  const { orders, lane, signed, roomUnits } = work;
  const { network } = settlement.driver;
  assertSignedAsOrdered(work);
  const attemptId = ids.next();
  const at = clock.now();
  const { fence, transaction, payoutIds } = signed;
  try {
    return await database.transaction(async (tx) => {
      if (lane !== null && !(await takeSequence(tx, lane, { count: 1n, at }))) {
        throw new StaleClaim('the lane has passed on');
      }
      if (!(await isSigningAllowed(tx, network))) throw new StaleClaim('signing has stopped');
      if ((await findLostAttempt(tx, network, memory)) !== undefined) throw new StaleClaim(LOST);
      const { transactionHash } = transaction;
      if (!(await putInFlight(tx, orders, { network, fence, transactionHash, at }))) {
        throw new StaleClaim('an order has passed on');
      }
      await assertNothingAlive(tx, network, payoutIds);
      const nextCheckAt = later(at, pace.checkEveryMs);
      await insertAttempt(tx, { network, attemptId, signed, nextCheckAt, at });
      // This attempt is among them by now.
      if ((await unitsOnTheWay(tx, network, tokenOf(orders))) > roomUnits) {
        throw new StaleClaim('another batch was signed for the same units meanwhile');
      }
      const carrier = { network, signed: transaction, purpose: 'CARRY', attemptId, at } as const;
      return await insertTransaction(tx, carrier);
    });
  } catch (error) {
    if (!(error instanceof StaleClaim) && !(error instanceof CommitUnknown)) throw error;
    // After an unknown commit the attempt, if it is there, is followed and sent like any other.
    log.warn({ err: error, fence }, 'an attempt was not recorded for certain');
    return error instanceof StaleClaim ? 'stale' : 'unknown';
  }
}

/** The driver signed for these orders, each once, on this lane, and for nothing else. */
function assertSignedAsOrdered(work: {
  orders: readonly Order[];
  position: LanePosition;
  signed: SignedAttempt;
}): void {
  const { orders, position, signed } = work;
  const { transaction, payoutIds } = signed;
  assert(
    transaction.sender === position.sender && transaction.sequence === position.sequence,
    'the transaction takes the sequence that it was given',
  );
  const isEachOnce =
    payoutIds.length === orders.length && new Set(payoutIds).size === orders.length;
  assert(
    isEachOnce && ordersOf(orders, payoutIds).length === orders.length,
    'it pays each of them',
  );
}

async function putBack(
  settlement: Settlement,
  orders: readonly Order[],
  reason: string | null,
): Promise<void> {
  if (orders.length === 0) return;
  const { database, clock, pace, log } = settlement;
  const at = clock.now();
  if (reason !== null) {
    log.warn({ payouts: orders.length, firstPayoutId: orders[0]?.payoutId }, `waits: ${reason}`);
  }
  const availableAt = reason === null ? at : later(at, pace.waitMs);
  await postponeOrders(database, orders, { availableAt, reason, at });
}
