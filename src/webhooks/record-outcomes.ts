import { later, type Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Database, Tx } from '../database/database.ts';
import { isUnavailable } from '../database/sql-failure.ts';
import { postponeAll } from '../outbox/claim-lanes.ts';
import { finishAll } from '../outbox/outbox.ts';
import {
  nameOf,
  recordAttempts,
  setDeliveryStates,
  type AttemptResult,
  type DeliveryEnd,
} from './internal/delivery-store.ts';
import type { WebhookMetrics } from './internal/webhook-metrics.ts';
import type { Attempt } from './prepare-deliveries.ts';
import { retryDelayMs } from './retry-schedule.ts';
import type { SendOutcome } from './send.ts';

export interface RecordDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: WebhookMetrics;
}

/** An attempt with what came of it. */
export interface Sent {
  readonly attempt: Attempt;
  readonly outcome: SendOutcome;
  readonly durationMs: number;
}

/** Writes down what came of attempts: what ends while it writes goes together into the next transaction. */
export interface Recorder {
  /** Resolves when it is written. Rejects where it cannot be: then the delivery is left to its lease. */
  record(sent: Sent): Promise<void>;
}

const MAX_BATCH = 256;

/**
 * A database that is away for a moment must not make merchants hear everything twice, so an outcome is
 * written again after each of these waits, in all much less than a claim's lease. Writing twice is harmless.
 */
const PATIENCE_MS: readonly number[] = [100, 500, 2000, 5000, 10_000];

export function createRecorder(deps: RecordDeps): Recorder {
  let waiting: Waiting[] = [];
  let isWriting = false;
  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_BATCH);
      waiting = waiting.slice(MAX_BATCH);
      await writeBatch(deps, batch);
    }
    isWriting = false;
  };
  return {
    record: async (sent) =>
      await new Promise((resolve, reject) => {
        waiting.push({ sent, resolve, reject });
        if (isWriting) return;
        isWriting = true;
        // What ends in the same turn of the loop goes together.
        setImmediate(() => void write());
      }),
  };
}

interface Waiting {
  readonly sent: Sent;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Never rejects. One that cannot be written does not keep the others from being written. */
async function writeBatch(deps: RecordDeps, batch: readonly Waiting[]): Promise<void> {
  try {
    await patiently(deps, async () => await writeDown(deps, batch));
    for (const { resolve } of batch) resolve();
  } catch (error) {
    const [only, ...more] = batch;
    if (more.length === 0 || isUnavailable(error)) {
      for (const { reject } of batch) reject(error);
      return;
    }
    await writeBatch(deps, only === undefined ? [] : [only]);
    for (const each of more) await writeBatch(deps, [each]);
  }
}

async function patiently(deps: RecordDeps, write: () => Promise<void>): Promise<void> {
  for (const pauseMs of PATIENCE_MS) {
    try {
      await write();
      return;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      deps.log.warn({ err: error, pauseMs }, 'webhook outcomes wait for the database');
      await deps.clock.sleep(pauseMs);
    }
  }
  await write();
}

interface Judged extends Sent {
  readonly end: DeliveryEnd;
}

async function writeDown(deps: RecordDeps, batch: readonly Waiting[]): Promise<void> {
  const at = deps.clock.now();
  const judged = batch.map(({ sent }) => ({ ...sent, end: endOf(deps, sent, at) }));
  await deps.database.transaction(async (tx) => {
    await moveDeliveries(tx, judged, at);
    const results = judged.map((sent) => ({ ...sent.attempt.delivery, ...resultOf(sent) }));
    await recordAttempts(tx, results);
  });
  for (const sent of judged) tell(deps, sent);
}

async function moveDeliveries(tx: Tx, judged: readonly Judged[], at: Date): Promise<void> {
  const ended = judged.filter(({ end }) => end.state !== 'PENDING');
  const endedItems = ended.map(({ attempt }) => attempt.item);
  const ours = new Set<object>(await finishAll(tx, endedItems));
  const postponed = judged.flatMap(({ attempt: { item }, end }) =>
    end.state === 'PENDING' ? [{ item, availableAt: end.nextAttemptAt }] : [],
  );
  for (const item of await postponeAll(tx, postponed)) ours.add(item);
  // After the lease has passed on, only good news counts: a failure is the next holder's to judge.
  const counting = judged.filter(
    ({ attempt, end }) => ours.has(attempt.item) || end.state === 'DELIVERED',
  );
  // Should the holder of a passed lease and the next one be in the same batch, good news counts more.
  const changes = new Map<string, Judged>();
  for (const each of counting) {
    const name = nameOf(each.attempt.delivery);
    if (changes.get(name)?.end.state !== 'DELIVERED') changes.set(name, each);
  }
  await setDeliveryStates(
    tx,
    [...changes.values()].map(({ attempt: { delivery }, end }) => ({ delivery, end })),
    at,
  );
}

function endOf(deps: RecordDeps, sent: Sent, at: Date): DeliveryEnd {
  const { outcome, attempt } = sent;
  if (isDelivered(outcome)) return { state: 'DELIVERED' };
  const delayMs = retryDelayMs(attempt.number - attempt.delivery.scheduleStart, deps.random, {
    now: at,
    retryAfter: retryAfterOf(outcome),
  });
  if (delayMs === undefined) return { state: 'EXHAUSTED' };
  return { state: 'PENDING', nextAttemptAt: later(at, delayMs) };
}

export function isDelivered(outcome: SendOutcome): boolean {
  return outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300;
}

function retryAfterOf(outcome: SendOutcome): string | undefined {
  if (outcome.kind !== 'answered') return undefined;
  return outcome.status === 429 || outcome.status === 503 ? outcome.retryAfter : undefined;
}

function resultOf(sent: Sent): AttemptResult {
  const { outcome, attempt, durationMs } = sent;
  const { number } = attempt;
  if (outcome.kind === 'failed') {
    const { status, reason } = outcome;
    return { number, durationMs, responseStatus: status, error: reason, responseBody: null };
  }
  const isRedirect = outcome.status >= 300 && outcome.status < 400;
  return {
    number,
    durationMs,
    responseStatus: outcome.status,
    error: isRedirect ? 'redirects are not followed' : null,
    responseBody: outcome.bodyExcerpt,
  };
}

function tell(deps: RecordDeps, sent: Judged): void {
  const { delivery, traceId } = sent.attempt;
  const { businessId, eventId, endpointId, payoutId } = delivery;
  const { responseBody: _, ...result } = resultOf(sent);
  const fields = { businessId, eventId, endpointId, payoutId, traceId, ...result };
  deps.metrics.durationSeconds.observe({}, sent.durationMs / 1000);
  if (sent.end.state === 'EXHAUSTED') {
    deps.metrics.deliveries.add({ outcome: 'exhausted' });
    deps.log.warn(fields, 'webhook given up after its last retry');
  } else if (sent.end.state === 'DELIVERED') {
    deps.metrics.deliveries.add({ outcome: 'delivered' });
    deps.log.info(fields, 'webhook delivered');
  } else {
    deps.metrics.deliveries.add({ outcome: 'failed' });
    deps.log.info(fields, 'webhook failed');
  }
}
