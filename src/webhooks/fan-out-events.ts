import type { Clock } from '../base/clock.ts';
import { momentOfId, type IdSource } from '../base/id.ts';
import type { Log } from '../base/log.ts';
import type { Database, Tx } from '../database/database.ts';
import { claim, finishAll, type ClaimedItem } from '../outbox/outbox.ts';
import { EVENT_TOPIC, type PayoutEventType } from '../payouts/outbox-topics.ts';
import { queueDeliveries } from './queue-deliveries.ts';

export interface FanOutDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

const LEASE_MS = 30_000;
const BATCH = 100;

/**
 * One step: claims what payouts have reported and makes of each an event and a delivery for every
 * endpoint that subscribes to it, in one transaction a business. Doing it again changes nothing. Gives
 * the number of items claimed; one that failed comes back when its lease ends.
 */
export async function fanOutEvents(deps: FanOutDeps): Promise<number> {
  const items = await claim(deps.database, {
    topic: EVENT_TOPIC,
    lane: 'all',
    limit: BATCH,
    leaseMs: LEASE_MS,
    now: deps.clock.now(),
  });
  for (const [businessId, ofBusiness] of Map.groupBy(items, (item) => item.businessId)) {
    try {
      const events = ofBusiness.flatMap((item) => toEvent(deps, item));
      await deps.database.transaction(async (tx) => await fanOut(tx, deps, { businessId, events }));
    } catch (error) {
      // One business's failure is its own: the others' events go on.
      deps.log.error({ err: error, businessId }, 'events could not be fanned out');
    }
  }
  return items.length;
}

interface NewEvent {
  readonly item: ClaimedItem;
  readonly eventId: string;
  readonly eventType: PayoutEventType;
  readonly payoutId: string;
}

/** Nothing for an item that this version cannot read: it stays, and does not stop the others. */
function toEvent(deps: FanOutDeps, item: ClaimedItem): NewEvent[] {
  const { eventType, payoutId } = item.payload as Record<string, unknown>;
  const isType = eventType === 'PAYOUT_SUCCESSFUL' || eventType === 'PAYOUT_FAILED';
  if (isType && typeof payoutId === 'string') {
    return [{ item, eventId: item.itemId, eventType, payoutId }];
  }
  const { businessId, itemId } = item;
  deps.log.error({ businessId, itemId, eventType }, 'an event cannot be read');
  return [];
}

async function fanOut(
  tx: Tx,
  deps: FanOutDeps,
  work: { businessId: string; events: readonly NewEvent[] },
): Promise<void> {
  const { businessId } = work;
  const items = work.events.map(({ item }) => item);
  const ended = new Set(await finishAll(tx, items));
  const owned = work.events.filter(({ item }) => ended.has(item));
  if (owned.length === 0) return;
  await insertEvents(tx, businessId, owned);
  const endpoints = await tx.query<{ endpoint_id: string; event_types: string[] }>(
    `SELECT endpoint_id, event_types FROM webhook_endpoints
     WHERE business_id = $1 AND disabled_at IS NULL`,
    [businessId],
  );
  const at = deps.clock.now();
  const deliveries = owned.flatMap(({ eventId, eventType }) =>
    endpoints
      .filter(({ event_types }) => event_types.includes(eventType))
      .map((row) => ({ eventId, endpointId: row.endpoint_id, itemId: deps.ids.next() })),
  );
  const fresh = await insertDeliveries(tx, businessId, { deliveries, at });
  await queueDeliveries(
    tx,
    fresh.map((delivery) => ({ businessId, ...delivery, at })),
  );
}

async function insertEvents(
  tx: Tx,
  businessId: string,
  events: readonly NewEvent[],
): Promise<void> {
  await tx.query(
    `INSERT INTO webhook_events (business_id, event_id, event_type, payout_id, created_at)
     SELECT $1::uuid, e.event_id, e.event_type, e.payout_id, e.created_at
     FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
       AS e (event_id, event_type, payout_id, created_at)
     ON CONFLICT (business_id, event_id) DO NOTHING`,
    [
      businessId,
      events.map((event) => event.eventId),
      events.map((event) => event.eventType),
      events.map((event) => event.payoutId),
      events.map((event) => momentOfId(event.eventId)),
    ],
  );
}

interface NewDelivery {
  readonly eventId: string;
  readonly endpointId: string;
  readonly itemId: string;
}

/** Gives those that were not there yet: only they are queued. */
async function insertDeliveries(
  tx: Tx,
  businessId: string,
  fresh: { deliveries: readonly NewDelivery[]; at: Date },
): Promise<NewDelivery[]> {
  const { deliveries, at } = fresh;
  if (deliveries.length === 0) return [];
  const rows = await tx.query<{ event_id: string; endpoint_id: string; outbox_item_id: string }>(
    `INSERT INTO webhook_deliveries
       (business_id, event_id, endpoint_id, state, outbox_item_id, attempts, schedule_start,
        next_attempt_at, created_at, updated_at)
     SELECT $1::uuid, d.event_id, d.endpoint_id, 'PENDING', d.item_id, 0, 0, $5, $5, $5
     FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS d (event_id, endpoint_id, item_id)
     ON CONFLICT (business_id, event_id, endpoint_id) DO NOTHING
     RETURNING event_id, endpoint_id, outbox_item_id`,
    [
      businessId,
      deliveries.map((delivery) => delivery.eventId),
      deliveries.map((delivery) => delivery.endpointId),
      deliveries.map((delivery) => delivery.itemId),
      at,
    ],
  );
  return rows.map((row) => ({
    eventId: row.event_id,
    endpointId: row.endpoint_id,
    itemId: row.outbox_item_id,
  }));
}
