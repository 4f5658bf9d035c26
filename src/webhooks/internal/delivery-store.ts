import type { Queryable, Tx } from '../../database/database.ts';
import type { PayoutEventType } from '../../payouts/outbox-topics.ts';

/** Names one delivery: an event for an endpoint. */
export interface DeliveryKey {
  readonly businessId: string;
  readonly eventId: string;
  readonly endpointId: string;
}

/** What has to be known before an attempt. */
export interface DeliveryToSend extends DeliveryKey {
  readonly state: 'PENDING' | 'DELIVERED' | 'SKIPPED' | 'EXHAUSTED';
  readonly outboxItemId: string;
  readonly scheduleStart: number;
  readonly eventType: PayoutEventType;
  readonly payoutId: string;
  readonly url: string;
  readonly isDisabled: boolean;
}

export async function findDelivery(
  db: Queryable,
  key: DeliveryKey,
): Promise<DeliveryToSend | undefined> {
  const [row] = await db.query<{
    state: DeliveryToSend['state'];
    outbox_item_id: string;
    schedule_start: number;
    event_type: PayoutEventType;
    payout_id: string;
    url: string;
    is_disabled: boolean;
  }>(
    `SELECT d.state, d.outbox_item_id, d.schedule_start, e.event_type, e.payout_id, p.url,
       p.disabled_at IS NOT NULL AS is_disabled
     FROM webhook_deliveries d
     JOIN webhook_events e ON e.business_id = d.business_id AND e.event_id = d.event_id
     JOIN webhook_endpoints p ON p.business_id = d.business_id AND p.endpoint_id = d.endpoint_id
     WHERE d.business_id = $1 AND d.event_id = $2 AND d.endpoint_id = $3`,
    [key.businessId, key.eventId, key.endpointId],
  );
  if (row === undefined) return undefined;
  return {
    ...key,
    state: row.state,
    outboxItemId: row.outbox_item_id,
    scheduleStart: row.schedule_start,
    eventType: row.event_type,
    payoutId: row.payout_id,
    url: row.url,
    isDisabled: row.is_disabled,
  };
}

/**
 * Counts and records an attempt before it is sent. Gives its number; undefined where the delivery
 * was ended or superseded meanwhile.
 */
export async function beginAttempt(
  db: Queryable,
  attempt: DeliveryKey & { readonly outboxItemId: string; readonly at: Date },
): Promise<number | undefined> {
  const [row] = await db.query<{ number: number }>(
    `WITH begun AS (
       UPDATE webhook_deliveries SET attempts = attempts + 1, updated_at = $5
       WHERE business_id = $1 AND event_id = $2 AND endpoint_id = $3
         AND outbox_item_id = $4 AND state = 'PENDING'
       RETURNING business_id, event_id, endpoint_id, attempts
     )
     INSERT INTO webhook_attempts
       (business_id, event_id, endpoint_id, number, webhook_id, started_at)
     SELECT business_id, event_id, endpoint_id, attempts, $2::uuid::text, $5 FROM begun
     RETURNING number`,
    [attempt.businessId, attempt.eventId, attempt.endpointId, attempt.outboxItemId, attempt.at],
  );
  return row?.number;
}

/** What came of an attempt. */
export interface AttemptResult {
  readonly number: number;
  readonly durationMs: number;
  readonly responseStatus: number | null;
  readonly error: string | null;
  readonly responseBody: string | null;
}

export async function recordAttempt(
  tx: Tx,
  key: DeliveryKey,
  result: AttemptResult,
): Promise<void> {
  await tx.query(
    `UPDATE webhook_attempts
     SET duration_ms = $5, response_status = $6, error = $7, response_body = $8
     WHERE business_id = $1 AND event_id = $2 AND endpoint_id = $3 AND number = $4`,
    [
      key.businessId,
      key.eventId,
      key.endpointId,
      result.number,
      result.durationMs,
      result.responseStatus,
      result.error,
      result.responseBody,
    ],
  );
}

/** Where a delivery stands after an attempt, or without one. */
export type DeliveryEnd =
  | { readonly state: 'PENDING'; readonly nextAttemptAt: Date }
  | { readonly state: 'DELIVERED' | 'EXHAUSTED' }
  | { readonly state: 'SKIPPED'; readonly detail: string };

/** A delivery that a resend has meanwhile given to another item is left as the resend made it. */
export async function setDeliveryState(
  tx: Tx,
  delivery: DeliveryToSend,
  change: { readonly end: DeliveryEnd; readonly at: Date },
): Promise<void> {
  const { end, at } = change;
  await tx.query(
    `UPDATE webhook_deliveries
     SET state = $5, detail = $6, next_attempt_at = $7, updated_at = $8
     WHERE business_id = $1 AND event_id = $2 AND endpoint_id = $3
       AND outbox_item_id = $4 AND state = 'PENDING'`,
    [
      delivery.businessId,
      delivery.eventId,
      delivery.endpointId,
      delivery.outboxItemId,
      end.state,
      end.state === 'SKIPPED' ? end.detail : null,
      end.state === 'PENDING' ? end.nextAttemptAt : null,
      at,
    ],
  );
}
