import { assert, present } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { later } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../database/database.ts';
import { finish, postpone, type ClaimedItem } from '../outbox/outbox.ts';
import { findPayout } from '../payouts/find-payouts.ts';
import type { Payout } from '../payouts/payout.ts';
import { renderBody } from './body.ts';
import {
  beginAttempt,
  findDelivery,
  recordAttempt,
  setDeliveryState,
  type AttemptResult,
  type DeliveryEnd,
  type DeliveryKey,
  type DeliveryToSend,
} from './internal/delivery-store.ts';
import { retryDelayMs } from './retry-schedule.ts';
import type { Sender, SendOutcome } from './send.ts';
import { signatureHeaders } from './sign.ts';
import { readSigningSecrets, type SecretDeps } from './webhook-secret.ts';

export interface DeliverDeps extends SecretDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly sender: Sender;
}

/** `idle`: nothing had to be sent. */
export interface DeliverResult {
  readonly kind: 'delivered' | 'failed' | 'idle';
  readonly durationMs: number;
}

/**
 * One attempt at a claimed delivery: looks at the payout again, signs, sends, records. No transaction
 * is open while it sends. A process that ends in between leaves the attempt without an outcome, and
 * the delivery is sent again, with the same webhook-id, when the claim's lease ends.
 */
export async function deliver(deps: DeliverDeps, item: ClaimedItem): Promise<DeliverResult> {
  const key = keyOf(item);
  const delivery = present(await findDelivery(deps.database, key), 'a queued delivery has a row');
  if (delivery.state !== 'PENDING' || delivery.outboxItemId !== item.itemId) {
    return await drop(deps, item);
  }
  const payout = await findPayout(deps.database, key.businessId, delivery.payoutId);
  const reason = reasonToSkip(delivery, payout);
  if (payout === undefined || reason !== undefined) {
    return await skip(deps, { item, delivery, reason: reason ?? 'the payout does not exist' });
  }
  const secrets = await readSigningSecrets(deps.database, deps, key.businessId);
  const startedAt = deps.clock.now();
  const number = await beginAttempt(deps.database, {
    ...key,
    outboxItemId: item.itemId,
    at: startedAt,
  });
  if (number === undefined) return await drop(deps, item);
  const body = renderBody(delivery.eventType, payout);
  const outcome = await deps.sender.send({
    endpointId: key.endpointId,
    url: delivery.url,
    headers: signatureHeaders({ webhookId: key.eventId, body, at: startedAt }, secrets),
    body,
  });
  const durationMs = Math.max(0, deps.clock.now().getTime() - startedAt.getTime());
  await record(deps, { item, delivery, outcome, number, durationMs });
  return { kind: isDelivered(outcome) ? 'delivered' : 'failed', durationMs };
}

function keyOf(item: ClaimedItem): DeliveryKey {
  const { eventId, endpointId } = item.payload as Record<string, unknown>;
  assert(
    typeof eventId === 'string' && typeof endpointId === 'string',
    `delivery item ${item.itemId} names an event and an endpoint`,
  );
  return { businessId: item.businessId, eventId, endpointId };
}

/** Ends an item whose delivery has ended, or is carried by another item since a resend. */
async function drop(deps: DeliverDeps, item: ClaimedItem): Promise<DeliverResult> {
  await finish(deps.database, item);
  return { kind: 'idle', durationMs: 0 };
}

function reasonToSkip(delivery: DeliveryToSend, payout: Payout | undefined): string | undefined {
  if (delivery.isDisabled) return 'the endpoint is disabled';
  const wanted = delivery.eventType === 'PAYOUT_SUCCESSFUL' ? 'COMPLETED' : 'FAILED';
  if (payout?.status === wanted) return undefined;
  return `the payout is ${payout?.status ?? 'missing'}, not ${wanted}`;
}

async function skip(
  deps: DeliverDeps,
  work: { item: ClaimedItem; delivery: DeliveryToSend; reason: string },
): Promise<DeliverResult> {
  const { item, delivery, reason } = work;
  deps.log.warn({ ...namesOf(delivery), reason }, 'webhook skipped');
  await deps.database.transaction(async (tx) => {
    if (!(await finish(tx, item))) return;
    const end: DeliveryEnd = { state: 'SKIPPED', detail: reason };
    await setDeliveryState(tx, delivery, { end, at: deps.clock.now() });
  });
  return { kind: 'idle', durationMs: 0 };
}

interface Sent {
  readonly item: ClaimedItem;
  readonly delivery: DeliveryToSend;
  readonly outcome: SendOutcome;
  readonly number: number;
  readonly durationMs: number;
}

async function record(deps: DeliverDeps, sent: Sent): Promise<void> {
  const { item, delivery } = sent;
  const at = deps.clock.now();
  const end = endOf(deps, sent, at);
  await deps.database.transaction(async (tx) => {
    const isOurs =
      end.state === 'PENDING'
        ? await postpone(tx, item, end.nextAttemptAt)
        : await finish(tx, item);
    // After the lease has passed on, only good news counts: a failure is the next holder's to judge.
    if (isOurs || end.state === 'DELIVERED') await setDeliveryState(tx, delivery, { end, at });
    await recordAttempt(tx, delivery, resultOf(sent));
  });
  const fields = { ...namesOf(delivery), ...resultOf(sent), responseBody: undefined };
  if (end.state === 'EXHAUSTED') deps.log.warn(fields, 'webhook given up after its last retry');
  else deps.log.info(fields, end.state === 'DELIVERED' ? 'webhook delivered' : 'webhook failed');
}

function endOf(deps: DeliverDeps, sent: Sent, at: Date): DeliveryEnd {
  const { outcome, delivery, number } = sent;
  if (isDelivered(outcome)) return { state: 'DELIVERED' };
  const delayMs = retryDelayMs(number - delivery.scheduleStart, deps.random, {
    now: at,
    retryAfter: retryAfterOf(outcome),
  });
  if (delayMs === undefined) return { state: 'EXHAUSTED' };
  return { state: 'PENDING', nextAttemptAt: later(at, delayMs) };
}

function isDelivered(outcome: SendOutcome): boolean {
  return outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300;
}

function retryAfterOf(outcome: SendOutcome): string | undefined {
  if (outcome.kind !== 'answered') return undefined;
  return outcome.status === 429 || outcome.status === 503 ? outcome.retryAfter : undefined;
}

function resultOf(sent: Sent): AttemptResult {
  const { outcome, number, durationMs } = sent;
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

function namesOf(delivery: DeliveryKey): object {
  const { businessId, eventId, endpointId } = delivery;
  return { businessId, eventId, endpointId };
}
