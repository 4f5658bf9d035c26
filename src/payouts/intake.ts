import { once } from 'node:events';
import { present } from '../base/assert.ts';
import { later, type Clock } from '../base/clock.ts';
import { Fault, type FaultCode } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import type { Meter } from '../base/meter.ts';
import type { Database } from '../database/database.ts';
import { createPayouts, type CreateDeps } from './create-payouts.ts';
import { intakeMetrics, type IntakeMetrics } from './internal/intake-metrics.ts';
import {
  createdOrThrow,
  type CreateOutcome,
  type Outcome,
  type PayoutOrder,
} from './payout-order.ts';

/** Where orders of payouts are taken in: those that come together are committed together. */
export interface Intake {
  /**
   * Resolves once the payout is committed. Throws the faults of `createPayout`; OVERLOADED or, once
   * closed, UNAVAILABLE where nothing was tried.
   */
  create(order: PayoutOrder): Promise<CreateOutcome>;
  /** Takes nothing more, and resolves once all that was taken has its outcome. */
  close(): Promise<void>;
}

export interface IntakeDeps {
  readonly database: Database;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly meter: Meter;
}

export interface IntakeLimits {
  /** Orders that wait for their batch; one more is refused. */
  readonly maxWaiting: number;
  /** An order that has waited longer is refused; it was not tried. */
  readonly maxWaitMs: number;
  /** Orders decided and committed together. */
  readonly maxBatch?: number;
  /** Batches in flight at a time. Each takes a connection. */
  readonly maxBatches?: number;
  /** How long batches may be in flight before another one sets out beside them. */
  readonly lateAfterMs?: number;
}

const STANDARD_LIMITS = { maxBatch: 256, maxBatches: 4, lateAfterMs: 100 };

/**
 * While a batch is on its way to the database and back, what comes in waits and goes together: the
 * busier, the larger the batch. An order that finds nothing going on goes at once, with what came in the
 * same turn of the event loop. There is one batch at a time, since a second one only makes both smaller;
 * but where one does not come back, because an account of it is locked or the connection was cut, others
 * set out beside it. A business is in one batch at a time, so that its orders are decided in the order in
 * which they came.
 */
export function createIntake(deps: IntakeDeps, limits: IntakeLimits): Intake {
  const desk = openDesk(deps, { ...STANDARD_LIMITS, ...limits });
  return {
    create: async (order) => createdOrThrow(await take(desk, order)),
    close: async () => {
      await close(desk);
    },
  };
}

interface Waiting {
  readonly order: PayoutOrder;
  readonly since: Date;
  readonly answer: (outcome: Outcome) => void;
}

interface Batch {
  readonly members: readonly Waiting[];
  isLate: boolean;
}

interface Desk extends CreateDeps {
  readonly clock: Clock;
  readonly limits: Required<IntakeLimits>;
  readonly metrics: IntakeMetrics;
  /** In the order in which they came. */
  waiting: Waiting[];
  readonly inFlight: Set<Batch>;
  /** Businesses of the batches in flight. */
  readonly busy: Set<string>;
  /** A batch is formed at the next turn of the event loop. */
  isForming: boolean;
  /** Somebody looks after those who wait too long. */
  isWatched: boolean;
  isClosed: boolean;
  /** Aborted when it is closed and nothing is left to do. */
  readonly ended: AbortController;
}

function openDesk(deps: IntakeDeps, limits: Required<IntakeLimits>): Desk {
  const { database, ids, clock, meter } = deps;
  const metrics = intakeMetrics(meter, () => desk.waiting.length);
  const desk: Desk = {
    database,
    ids,
    clock,
    limits,
    metrics,
    onWritten: metrics.written,
    waiting: [],
    inFlight: new Set(),
    busy: new Set(),
    isForming: false,
    isWatched: false,
    isClosed: false,
    ended: new AbortController(),
  };
  return desk;
}

async function take(desk: Desk, order: PayoutOrder): Promise<Outcome> {
  if (desk.isClosed) return refusal(desk, 'UNAVAILABLE', 'The service is stopping.');
  if (desk.waiting.length >= desk.limits.maxWaiting) return overloaded(desk);
  return await new Promise<Outcome>((answer) => {
    desk.waiting.push({ order, since: desk.clock.now(), answer });
    if (!desk.isWatched) void watchWaiting(desk);
    if (desk.isForming || !mayStart(desk)) return;
    desk.isForming = true;
    setImmediate(() => {
      desk.isForming = false;
      startBatches(desk);
    });
  });
}

function mayStart({ inFlight, limits }: Desk): boolean {
  return inFlight.size < limits.maxBatches && [...inFlight].every(({ isLate }) => isLate);
}

function startBatches(desk: Desk): void {
  refuseLate(desk);
  while (desk.waiting.length > 0 && mayStart(desk)) {
    const members = nextMembers(desk);
    if (members.length === 0) return;
    void carryOut(desk, { members, isLate: false });
  }
}

/** The first that wait, but for those of a business that is in a batch. */
function nextMembers(desk: Desk): Waiting[] {
  const { waiting, busy, limits } = desk;
  const members: Waiting[] = [];
  const rest: Waiting[] = [];
  for (const each of waiting) {
    const fits = members.length < limits.maxBatch && !busy.has(each.order.requester.businessId);
    (fits ? members : rest).push(each);
  }
  desk.waiting = rest;
  return members;
}

async function carryOut(desk: Desk, batch: Batch): Promise<void> {
  const orders = batch.members.map(({ order }) => order);
  const businesses = new Set(orders.map(({ requester }) => requester.businessId));
  desk.inFlight.add(batch);
  for (const businessId of businesses) desk.busy.add(businessId);
  desk.metrics.batch(orders.length);
  const back = new AbortController();
  void noteLate(desk, batch, back.signal);
  const outcomes = await createPayouts(desk, orders);
  // Without a reason an error would be made, with its stack.
  back.abort('back');
  desk.inFlight.delete(batch);
  for (const businessId of businesses) desk.busy.delete(businessId);
  // The next one is on its way while these are told.
  startBatches(desk);
  for (const [index, { answer }] of batch.members.entries()) {
    const outcome = present(outcomes[index], 'an order has an outcome');
    desk.metrics.outcome(outcome);
    answer(outcome);
  }
  endIfDone(desk);
}

async function noteLate(desk: Desk, batch: Batch, isBack: AbortSignal): Promise<void> {
  await desk.clock.sleep(desk.limits.lateAfterMs, isBack);
  if (isBack.aborted) return;
  batch.isLate = true;
  startBatches(desk);
}

/**
 * Refuses those who wait too long, also while nothing moves. A clock that jumps ahead makes this happen
 * early, one that jumps back late; neither does harm, because they were not tried.
 */
async function watchWaiting(desk: Desk): Promise<void> {
  const { clock, limits, ended } = desk;
  desk.isWatched = true;
  for (let [first] = desk.waiting; first !== undefined; [first] = desk.waiting) {
    const waitedMs = clock.now().getTime() - first.since.getTime();
    const leftMs = Math.min(limits.maxWaitMs, limits.maxWaitMs - waitedMs) + 1;
    await clock.sleep(Math.max(1, leftMs), ended.signal);
    refuseLate(desk);
  }
  desk.isWatched = false;
}

function refuseLate(desk: Desk): void {
  const { clock, limits, waiting } = desk;
  const latest = later(clock.now(), -limits.maxWaitMs);
  const isLate = ({ since }: Waiting): boolean => since < latest;
  const late = waiting.filter(isLate);
  if (late.length === 0) return;
  desk.waiting = waiting.filter((each) => !isLate(each));
  for (const { answer } of late) answer(overloaded(desk));
  endIfDone(desk);
}

function endIfDone({ isClosed, waiting, inFlight, ended }: Desk): void {
  if (isClosed && waiting.length === 0 && inFlight.size === 0) ended.abort();
}

async function close(desk: Desk): Promise<void> {
  desk.isClosed = true;
  endIfDone(desk);
  if (!desk.ended.signal.aborted) await once(desk.ended.signal, 'abort');
}

function overloaded(desk: Desk): Outcome {
  return refusal(desk, 'OVERLOADED', 'The service is busy. Try again.');
}

function refusal(desk: Desk, code: FaultCode, message: string): Outcome {
  const outcome: Outcome = { kind: 'refused', fault: new Fault(code, message) };
  desk.metrics.outcome(outcome);
  return outcome;
}
