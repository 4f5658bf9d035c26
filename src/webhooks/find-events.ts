import { isUuid } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import type { PayoutEventType } from '../payouts/outbox-topics.ts';

/** An event with everything that was done to tell of it. */
export interface EventLog {
  readonly businessId: string;
  /** Also the webhook-id. */
  readonly eventId: string;
  readonly eventType: PayoutEventType;
  readonly payoutId: string;
  readonly createdAt: Date;
  /** By endpoint. */
  readonly deliveries: readonly DeliveryLog[];
}

export interface DeliveryLog {
  readonly endpointId: string;
  readonly url: string;
  readonly state: 'PENDING' | 'DELIVERED' | 'SKIPPED' | 'EXHAUSTED';
  /** Why it was skipped. */
  readonly detail: string | null;
  readonly nextAttemptAt: Date | null;
  /** The first one first. */
  readonly attempts: readonly AttemptLog[];
}

export interface AttemptLog {
  readonly number: number;
  readonly webhookId: string;
  readonly startedAt: Date;
  /** Null while it is being sent, and for ever where the process ended before it had an answer. */
  readonly durationMs: number | null;
  readonly responseStatus: number | null;
  readonly error: string | null;
  readonly responseBody: string | null;
}

/** A page of a business's events, newest first. `beforeId` is the keyset: the last id of the page before. */
export async function listEvents(
  db: Queryable,
  filter: {
    readonly businessId: string;
    readonly payoutId?: string | undefined;
    readonly beforeId?: string | undefined;
    readonly limit: number;
  },
): Promise<EventLog[]> {
  const { businessId } = filter;
  const rows = await db.query<EventRow>(
    `SELECT event_id, event_type, payout_id, created_at FROM webhook_events
     WHERE business_id = $1 AND ($2::uuid IS NULL OR payout_id = $2)
       AND ($3::uuid IS NULL OR event_id < $3)
     ORDER BY event_id DESC LIMIT $4`,
    [businessId, filter.payoutId, filter.beforeId, filter.limit],
  );
  return await withDeliveries(db, businessId, rows);
}

export async function findEvent(
  db: Queryable,
  businessId: string,
  eventId: string,
): Promise<EventLog | undefined> {
  if (!isUuid(eventId)) return undefined;
  const rows = await db.query<EventRow>(
    `SELECT event_id, event_type, payout_id, created_at FROM webhook_events
     WHERE business_id = $1 AND event_id = $2`,
    [businessId, eventId],
  );
  return (await withDeliveries(db, businessId, rows))[0];
}

interface EventRow {
  event_id: string;
  event_type: PayoutEventType;
  payout_id: string;
  created_at: Date;
}

interface DeliveryRow {
  event_id: string;
  endpoint_id: string;
  url: string;
  state: DeliveryLog['state'];
  detail: string | null;
  next_attempt_at: Date | null;
}

interface AttemptRow {
  event_id: string;
  endpoint_id: string;
  number: number;
  webhook_id: string;
  started_at: Date;
  duration_ms: number | null;
  response_status: number | null;
  error: string | null;
  response_body: string | null;
}

async function withDeliveries(
  db: Queryable,
  businessId: string,
  events: readonly EventRow[],
): Promise<EventLog[]> {
  const key = [businessId, events.map((event) => event.event_id)];
  const deliveries = await db.query<DeliveryRow>(
    `SELECT d.event_id, d.endpoint_id, p.url, d.state, d.detail, d.next_attempt_at
     FROM webhook_deliveries d
     JOIN webhook_endpoints p ON p.business_id = d.business_id AND p.endpoint_id = d.endpoint_id
     WHERE d.business_id = $1 AND d.event_id = ANY ($2)
     ORDER BY d.event_id, p.created_at, d.endpoint_id`,
    key,
  );
  const attempts = await db.query<AttemptRow>(
    `SELECT event_id, endpoint_id, number, webhook_id, started_at, duration_ms, response_status,
       error, response_body
     FROM webhook_attempts
     WHERE business_id = $1 AND event_id = ANY ($2)
     ORDER BY event_id, endpoint_id, number`,
    key,
  );
  const attemptsOf = Map.groupBy(attempts, pairKey);
  const deliveriesOf = Map.groupBy(deliveries, (row) => row.event_id);
  return events.map((event) => ({
    businessId,
    eventId: event.event_id,
    eventType: event.event_type,
    payoutId: event.payout_id,
    createdAt: event.created_at,
    deliveries: (deliveriesOf.get(event.event_id) ?? []).map((row) =>
      toDelivery(row, attemptsOf.get(pairKey(row)) ?? []),
    ),
  }));
}

function pairKey(row: { event_id: string; endpoint_id: string }): string {
  return `${row.event_id} ${row.endpoint_id}`;
}

function toDelivery(row: DeliveryRow, attempts: readonly AttemptRow[]): DeliveryLog {
  return {
    endpointId: row.endpoint_id,
    url: row.url,
    state: row.state,
    detail: row.detail,
    nextAttemptAt: row.next_attempt_at,
    attempts: attempts.map((attempt) => ({
      number: attempt.number,
      webhookId: attempt.webhook_id,
      startedAt: attempt.started_at,
      durationMs: attempt.duration_ms,
      responseStatus: attempt.response_status,
      error: attempt.error,
      responseBody: attempt.response_body,
    })),
  };
}
