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

/** By {@link nameOf}. */
export async function findDeliveries(
  db: Queryable,
  keys: readonly DeliveryKey[],
): Promise<ReadonlyMap<string, DeliveryToSend>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query<{
    business_id: string;
    event_id: string;
    endpoint_id: string;
    state: DeliveryToSend['state'];
    outbox_item_id: string;
    schedule_start: number;
    event_type: PayoutEventType;
    payout_id: string;
    url: string;
    is_disabled: boolean;
  }>(
    `SELECT d.business_id, d.event_id, d.endpoint_id, d.state, d.outbox_item_id, d.schedule_start,
       e.event_type, e.payout_id, p.url, p.disabled_at IS NOT NULL AS is_disabled
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (business_id, event_id, endpoint_id)
     JOIN webhook_deliveries d ON d.business_id = k.business_id AND d.event_id = k.event_id
       AND d.endpoint_id = k.endpoint_id
     JOIN webhook_events e ON e.business_id = d.business_id AND e.event_id = d.event_id
     JOIN webhook_endpoints p ON p.business_id = d.business_id AND p.endpoint_id = d.endpoint_id`,
    keyColumns(keys),
  );
  const deliveries = rows.map((row) => ({
    businessId: row.business_id,
    eventId: row.event_id,
    endpointId: row.endpoint_id,
    state: row.state,
    outboxItemId: row.outbox_item_id,
    scheduleStart: row.schedule_start,
    eventType: row.event_type,
    payoutId: row.payout_id,
    url: row.url,
    isDisabled: row.is_disabled,
  }));
  return new Map(deliveries.map((delivery) => [nameOf(delivery), delivery]));
}

/** One name for the three parts of a key. */
export function nameOf({ businessId, eventId, endpointId }: DeliveryKey): string {
  return `${businessId} ${eventId} ${endpointId}`;
}

/** The first three parameters of a statement on many deliveries. */
function keyColumns(keys: readonly DeliveryKey[]): [string[], string[], string[]] {
  return [
    keys.map((key) => key.businessId),
    keys.map((key) => key.eventId),
    keys.map((key) => key.endpointId),
  ];
}

/** In one order everywhere, so that two who change the same deliveries wait in a line. */
function inOrder<T extends DeliveryKey>(deliveries: readonly T[]): T[] {
  return deliveries.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/**
 * Counts and records attempts before they are sent. Gives their numbers, by {@link nameOf}; none for a
 * delivery that was ended or superseded meanwhile.
 */
export async function beginAttempts(
  tx: Tx,
  attempts: readonly (DeliveryKey & { readonly outboxItemId: string })[],
  at: Date,
): Promise<ReadonlyMap<string, number>> {
  if (attempts.length === 0) return new Map();
  const ordered = inOrder(attempts);
  const rows = await tx.query<{
    business_id: string;
    event_id: string;
    endpoint_id: string;
    number: number;
  }>(
    `WITH begun AS (
       UPDATE webhook_deliveries AS d SET attempts = d.attempts + 1, updated_at = $5
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[])
         AS b (business_id, event_id, endpoint_id, outbox_item_id)
       WHERE d.business_id = b.business_id AND d.event_id = b.event_id
         AND d.endpoint_id = b.endpoint_id AND d.outbox_item_id = b.outbox_item_id
         AND d.state = 'PENDING'
       RETURNING d.business_id, d.event_id, d.endpoint_id, d.attempts
     )
     INSERT INTO webhook_attempts
       (business_id, event_id, endpoint_id, number, webhook_id, started_at)
     SELECT business_id, event_id, endpoint_id, attempts, event_id::text, $5 FROM begun
     RETURNING business_id, event_id, endpoint_id, number`,
    [...keyColumns(ordered), ordered.map((attempt) => attempt.outboxItemId), at],
  );
  return new Map(
    rows.map((row) => [
      nameOf({ businessId: row.business_id, eventId: row.event_id, endpointId: row.endpoint_id }),
      row.number,
    ]),
  );
}

/** What came of an attempt. */
export interface AttemptResult {
  readonly number: number;
  readonly durationMs: number;
  readonly responseStatus: number | null;
  readonly error: string | null;
  readonly responseBody: string | null;
}

export async function recordAttempts(
  tx: Tx,
  results: readonly (DeliveryKey & AttemptResult)[],
): Promise<void> {
  if (results.length === 0) return;
  const ordered = inOrder(results);
  await tx.query(
    `UPDATE webhook_attempts AS a
     SET duration_ms = r.duration_ms, response_status = r.response_status, error = r.error,
         response_body = r.response_body
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::integer[],
         $7::text[], $8::text[])
       AS r (business_id, event_id, endpoint_id, number, duration_ms, response_status, error,
         response_body)
     WHERE a.business_id = r.business_id AND a.event_id = r.event_id
       AND a.endpoint_id = r.endpoint_id AND a.number = r.number`,
    [
      ...keyColumns(ordered),
      ordered.map((result) => result.number),
      ordered.map((result) => result.durationMs),
      ordered.map((result) => result.responseStatus),
      ordered.map((result) => result.error),
      ordered.map((result) => result.responseBody),
    ],
  );
}

/** Where a delivery stands after an attempt, or without one. */
export type DeliveryEnd =
  | { readonly state: 'PENDING'; readonly nextAttemptAt: Date }
  | { readonly state: 'DELIVERED' | 'EXHAUSTED' }
  | { readonly state: 'SKIPPED'; readonly detail: string };

/** A delivery that a resend has meanwhile given to another item is left as the resend made it. */
export async function setDeliveryStates(
  tx: Tx,
  changes: readonly { readonly delivery: DeliveryToSend; readonly end: DeliveryEnd }[],
  at: Date,
): Promise<void> {
  if (changes.length === 0) return;
  const ordered = inOrder(changes.map(({ delivery, end }) => ({ ...delivery, end })));
  await tx.query(
    `UPDATE webhook_deliveries AS d
     SET state = c.state, detail = c.detail, next_attempt_at = c.next_attempt_at, updated_at = $8
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
         $7::timestamptz[])
       AS c (business_id, event_id, endpoint_id, outbox_item_id, state, detail, next_attempt_at)
     WHERE d.business_id = c.business_id AND d.event_id = c.event_id
       AND d.endpoint_id = c.endpoint_id AND d.outbox_item_id = c.outbox_item_id
       AND d.state = 'PENDING'`,
    [
      ...keyColumns(ordered),
      ordered.map(({ outboxItemId }) => outboxItemId),
      ordered.map(({ end }) => end.state),
      ordered.map(({ end }) => (end.state === 'SKIPPED' ? end.detail : null)),
      ordered.map(({ end }) => (end.state === 'PENDING' ? end.nextAttemptAt : null)),
      at,
    ],
  );
}
