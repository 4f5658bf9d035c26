import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { isUuid, lowestIdAt, type IdSource } from '../base/id.ts';
import type { Database, Tx } from '../database/database.ts';
import { findEndpoint } from './endpoint.ts';
import { queueDeliveries } from './queue-deliveries.ts';

export interface ResendDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly ids: IdSource;
}

const PAGE = 200;

/**
 * Sends an event to an endpoint again, or for the first time, by the same road as every delivery: the
 * same webhook-id and body, a new schedule of retries, and skipped if the payout forbids it. Throws
 * NOT_FOUND for the event or the endpoint, VALIDATION_FAILED where the endpoint is disabled or does
 * not subscribe to that type.
 */
export async function resendDelivery(
  deps: ResendDeps,
  order: { readonly businessId: string; readonly eventId: string; readonly endpointId: string },
): Promise<void> {
  const { businessId, eventId, endpointId } = order;
  await deps.database.transaction(async (tx) => {
    const eventTypes = await eventTypesOf(tx, businessId, endpointId);
    const eventType = await findEventType(tx, businessId, eventId);
    if (eventType === undefined) throw new Fault('NOT_FOUND', 'Webhook event not found');
    if (!eventTypes.includes(eventType)) {
      throw new Fault('VALIDATION_FAILED', `The endpoint does not subscribe to ${eventType}.`);
    }
    await requeue(tx, deps, { businessId, pairs: [{ eventId, endpointId }] });
  });
}

/**
 * Sends again every event since a moment (inclusive): to the places of the first sending that are
 * still enabled, or, where an endpoint is named, all that it subscribes to, to it alone, even what it
 * has never been sent. Gives the number of deliveries. Throws as {@link resendDelivery} for the endpoint.
 */
export async function resendSince(
  deps: ResendDeps,
  order: {
    readonly businessId: string;
    readonly since: Date;
    readonly endpointId?: string | undefined;
  },
): Promise<number> {
  let total = 0;
  let after: Pair | undefined;
  for (;;) {
    const page = await deps.database.transaction(async (tx) => {
      const pairs = await pairsSince(tx, order, after);
      await requeue(tx, deps, { businessId: order.businessId, pairs });
      return pairs;
    });
    total += page.length;
    after = page.at(-1);
    if (page.length < PAGE) return total;
  }
}

interface Pair {
  readonly eventId: string;
  readonly endpointId: string;
}

async function findEventType(
  tx: Tx,
  businessId: string,
  eventId: string,
): Promise<string | undefined> {
  if (!isUuid(eventId)) return undefined;
  const [row] = await tx.query<{ event_type: string }>(
    `SELECT event_type FROM webhook_events WHERE business_id = $1 AND event_id = $2`,
    [businessId, eventId],
  );
  return row?.event_type;
}

async function eventTypesOf(tx: Tx, businessId: string, endpointId: string): Promise<string[]> {
  const endpoint = await findEndpoint(tx, businessId, endpointId);
  if (endpoint === undefined) throw new Fault('NOT_FOUND', 'Webhook endpoint not found');
  if (endpoint.disabledAt !== null) {
    throw new Fault('VALIDATION_FAILED', 'The webhook endpoint is disabled.');
  }
  return [...endpoint.eventTypes];
}

/** The next page in the order (event, endpoint). */
async function pairsSince(
  tx: Tx,
  order: { businessId: string; since: Date; endpointId?: string | undefined },
  after: Pair | undefined,
): Promise<Pair[]> {
  const { businessId, endpointId } = order;
  const firstId = lowestIdAt(order.since);
  if (endpointId !== undefined) {
    const eventTypes = await eventTypesOf(tx, businessId, endpointId);
    const rows = await tx.query<{ event_id: string }>(
      `SELECT event_id FROM webhook_events
       WHERE business_id = $1 AND event_id >= $2 AND event_id > coalesce($3::uuid, $4::uuid)
         AND event_type = ANY ($5)
       ORDER BY event_id LIMIT $6`,
      [businessId, firstId, after?.eventId, NIL, eventTypes, PAGE],
    );
    return rows.map((row) => ({ eventId: row.event_id, endpointId }));
  }
  const rows = await tx.query<{ event_id: string; endpoint_id: string }>(
    `SELECT d.event_id, d.endpoint_id FROM webhook_deliveries d
     JOIN webhook_endpoints p ON p.business_id = d.business_id AND p.endpoint_id = d.endpoint_id
     WHERE d.business_id = $1 AND d.event_id >= $2 AND p.disabled_at IS NULL
       AND (d.event_id, d.endpoint_id) > (coalesce($3::uuid, $5::uuid), coalesce($4::uuid, $5::uuid))
     ORDER BY d.event_id, d.endpoint_id LIMIT $6`,
    [businessId, firstId, after?.eventId, after?.endpointId, NIL, PAGE],
  );
  return rows.map((row) => ({ eventId: row.event_id, endpointId: row.endpoint_id }));
}

const NIL = '00000000-0000-0000-0000-000000000000';

/**
 * Gives each delivery to a new outbox item that is due at once. The item that carried it until now, if
 * there is one, is no longer named by the delivery and ends by itself.
 */
async function requeue(
  tx: Tx,
  deps: ResendDeps,
  work: { businessId: string; pairs: readonly Pair[] },
): Promise<void> {
  const { businessId, pairs } = work;
  const at = deps.clock.now();
  const fresh = pairs.map((pair) => ({ ...pair, itemId: deps.ids.next() }));
  if (fresh.length === 0) return;
  await tx.query(
    `INSERT INTO webhook_deliveries AS d
       (business_id, event_id, endpoint_id, state, outbox_item_id, attempts, schedule_start,
        next_attempt_at, created_at, updated_at)
     SELECT $1::uuid, f.event_id, f.endpoint_id, 'PENDING', f.item_id, 0, 0, $5, $5, $5
     FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS f (event_id, endpoint_id, item_id)
     ON CONFLICT (business_id, event_id, endpoint_id) DO UPDATE
     SET state = 'PENDING', detail = NULL, outbox_item_id = excluded.outbox_item_id,
         schedule_start = d.attempts, next_attempt_at = excluded.next_attempt_at,
         updated_at = excluded.updated_at`,
    [
      businessId,
      fresh.map((delivery) => delivery.eventId),
      fresh.map((delivery) => delivery.endpointId),
      fresh.map((delivery) => delivery.itemId),
      at,
    ],
  );
  await queueDeliveries(
    tx,
    fresh.map((delivery) => ({ businessId, ...delivery, at })),
  );
}
