import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Meter } from '../base/meter.ts';
import { formatTraceparent, resumeTrace, startSpan } from '../base/trace.ts';
import type { Database } from '../database/database.ts';
import type { LaneItem } from '../outbox/claim-lanes.ts';
import { renderBody } from './body.ts';
import type { LaneResult } from './internal/share-places.ts';
import { webhookMetrics, type WebhookMetrics } from './internal/webhook-metrics.ts';
import { prepareDeliveries, type Attempt } from './prepare-deliveries.ts';
import { createRecorder, isDelivered, type Recorder } from './record-outcomes.ts';
import type { Sender } from './send.ts';
import { createSigningKeys, type SigningKeys } from './signing-secrets.ts';
import type { SecretDeps } from './webhook-secret.ts';

export interface DeliverDeps extends SecretDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly sender: Sender;
}

/** Where deliveries are prepared, sent and recorded, many at a time. */
export interface Desk extends DeliverDeps {
  readonly metrics: WebhookMetrics;
  readonly keys: SigningKeys;
  readonly recorder: Recorder;
}

export function openDesk(deps: DeliverDeps): Desk {
  const metrics = webhookMetrics(deps.meter);
  const keys = createSigningKeys(deps);
  const recorder = createRecorder({ ...deps, metrics });
  return { ...deps, metrics, keys, recorder };
}

/**
 * One attempt at each of the claimed items: looks at the payouts again, begins the attempts, signs, sends,
 * records. No transaction is open while it sends. A process that ends in between leaves attempts without an
 * outcome, and the deliveries are sent again, with the same webhook-id, when the claim's lease ends.
 *
 * Resolves when everything is on its way; `ended` is called once for each item, whatever comes of it.
 */
export async function deliver(
  desk: Desk,
  items: readonly LaneItem[],
  ended: (lane: string, result: LaneResult) => void,
): Promise<void> {
  const prepared = await prepareDeliveries(desk, items);
  for (const { lane } of prepared.idle) ended(lane, { kind: 'idle', durationMs: 0 });
  for (const { lane } of prepared.broken) ended(lane, broken(desk));
  for (const attempt of prepared.attempts) {
    void carryOut(desk, attempt).then((result) => ended(attempt.item.lane, result));
  }
}

/** Never rejects: what fails on our side is left to the lease. */
async function carryOut(desk: Desk, attempt: Attempt): Promise<LaneResult> {
  try {
    return await sendAndRecord(desk, attempt);
  } catch (error) {
    const { businessId, itemId } = attempt.item;
    desk.log.error({ err: error, businessId, itemId }, 'a webhook could not be handled');
    return broken(desk);
  }
}

function broken(desk: Desk): LaneResult {
  desk.metrics.deliveries.add({ outcome: 'broken' });
  return { kind: 'broken', durationMs: 0 };
}

async function sendAndRecord(desk: Desk, attempt: Attempt): Promise<LaneResult> {
  const { delivery, startedAt } = attempt;
  const body = renderBody(delivery.eventType, attempt.payout);
  const message = { webhookId: delivery.eventId, body, at: startedAt };
  const { headers, end } = traced(desk, attempt.traceId);
  const outcome = await desk.sender.send({
    endpointId: delivery.endpointId,
    url: delivery.url,
    headers: { ...attempt.sign(message), ...headers },
    body,
  });
  const durationMs = Math.max(0, desk.clock.now().getTime() - startedAt.getTime());
  end(isDelivered(outcome) ? undefined : new Error('not delivered'));
  await desk.recorder.record({ attempt, outcome, durationMs });
  return { kind: isDelivered(outcome) ? 'delivered' : 'failed', durationMs };
}

interface Traced {
  readonly headers: Readonly<Record<string, string>>;
  readonly end: (error?: unknown) => void;
}

/** The merchant can go on with the trace in which the payout was asked for. */
function traced(desk: Desk, traceId: string | undefined): Traced {
  if (traceId === undefined) return { headers: {}, end: () => undefined };
  const trace = resumeTrace(desk.random, traceId);
  const span = startSpan('POST webhook', { trace, kind: 'client' });
  return {
    headers: { traceparent: formatTraceparent(span.trace) },
    end: (error) => span.end(error),
  };
}
