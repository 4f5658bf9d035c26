import { later, type Clock } from '../base/clock.ts';
import { Fault, type FaultCode } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import type { Meter } from '../base/meter.ts';
import type { Database } from '../database/database.ts';
import { createPayouts } from './create-payouts.ts';
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
  /** Orders that wait for their turn; one more is refused. */
  readonly maxWaiting: number;
  /** An order that has waited longer when its turn comes is refused, not tried. */
  readonly maxWaitMs: number;
  /** Orders decided and committed together. */
  readonly maxBatch?: number;
  /** Batches in flight at a time, each of businesses of its own. Each takes a connection. */
  readonly maxBatches?: number;
}

/**
 * While a batch is on its way to the database and back, what comes in waits and goes together: the
 * busier, the larger the batch. An order that finds nothing going on goes at once, with what came in the same
 * turn of the event loop. A business is in one batch at a time, so that its orders are decided in the
 * order in which they came and do not wait for each other's locks.
 */
export function createIntake(deps: IntakeDeps, limits: IntakeLimits): Intake {
  const line: Line = {
    waiting: [],
    busy: new Set(),
    inFlight: 0,
    isStarting: false,
    whenEmpty: [],
  };
  const metrics = intakeMetrics(deps.meter, () => line.waiting.length);
  const desk: Desk = { ...deps, limits, line, metrics, closing: new AbortController() };
  return {
    create: async (order) => createdOrThrow(await take(desk, order)),
    close: async () => {
      desk.closing.abort();
      if (line.waiting.length + line.inFlight === 0) return;
      await new Promise<void>((resolve) => line.whenEmpty.push(resolve));
    },
  };
}

interface Waiting {
  readonly order: PayoutOrder;
  readonly since: Date;
  readonly answer: (outcome: Outcome) => void;
}

interface Line {
  /** In the order in which they came. */
  waiting: Waiting[];
  /** Businesses that are in a batch in flight. */
  readonly busy: Set<string>;
  /** Batches in flight. */
  inFlight: number;
  /** A batch will be taken at the next turn of the event loop. */
  isStarting: boolean;
  readonly whenEmpty: (() => void)[];
}

interface Desk extends IntakeDeps {
  readonly limits: IntakeLimits;
  readonly line: Line;
  readonly metrics: IntakeMetrics;
  readonly closing: AbortController;
}

async function take(desk: Desk, order: PayoutOrder): Promise<Outcome> {
  const { line, limits, closing } = desk;
  if (closing.signal.aborted) return refused('UNAVAILABLE', 'The service is stopping.');
  if (line.waiting.length >= limits.maxWaiting) return answered(desk, busy());
  const outcome = new Promise<Outcome>((answer) => {
    line.waiting.push({ order, since: desk.clock.now(), answer });
  });
  if (!line.isStarting && line.inFlight < (limits.maxBatches ?? 1)) {
    line.isStarting = true;
    setImmediate(() => {
      line.isStarting = false;
      start(desk);
    });
  }
  return await outcome;
}

function start(desk: Desk): void {
  const { line, limits } = desk;
  refuseLate(desk);
  while (line.waiting.length > 0 && line.inFlight < (limits.maxBatches ?? 1)) {
    const batch = nextBatch(desk);
    if (batch.length === 0) break;
    for (const { order } of batch) line.busy.add(order.requester.businessId);
    line.inFlight += 1;
    void carryOut(desk, batch);
  }
}

/** Those who have waited too long: nothing was tried, and they may be waiting for nothing. */
function refuseLate(desk: Desk): void {
  const { line, limits, clock } = desk;
  const latest = later(clock.now(), -limits.maxWaitMs);
  const late = line.waiting.findIndex(({ since }) => since >= latest);
  const refused = late < 0 ? line.waiting : line.waiting.slice(0, late);
  if (refused.length === 0) return;
  line.waiting = line.waiting.slice(refused.length);
  for (const { answer } of refused) answer(answered(desk, busy()));
}

function nextBatch({ line, limits }: Desk): Waiting[] {
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  for (const each of line.waiting) {
    const fits =
      batch.length < (limits.maxBatch ?? 256) && !line.busy.has(each.order.requester.businessId);
    (fits ? batch : rest).push(each);
  }
  line.waiting = rest;
  return batch;
}

async function carryOut(desk: Desk, batch: readonly Waiting[]): Promise<void> {
  const { line, metrics } = desk;
  metrics.batch(batch.length);
  const outcomes = await createPayouts(
    { ...desk, onWritten: metrics.written },
    batch.map(({ order }) => order),
  );
  line.inFlight -= 1;
  for (const { order } of batch) line.busy.delete(order.requester.businessId);
  start(desk);
  for (const [index, { answer }] of batch.entries()) {
    const outcome = outcomes[index];
    if (outcome !== undefined) answer(answered(desk, outcome));
  }
}

function answered(desk: Desk, outcome: Outcome): Outcome {
  desk.metrics.outcome(outcome);
  return outcome;
}

function busy(): Outcome {
  return refused('OVERLOADED', 'The service is busy. Try again.');
}

function refused(code: FaultCode, message: string): Outcome {
  return { kind: 'refused', fault: new Fault(code, message) };
}
