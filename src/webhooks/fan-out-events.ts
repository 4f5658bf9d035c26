import type { Clock } from '../base/clock.ts';
import { momentOfId, type IdSource } from '../base/id.ts';
import type { Log } from '../base/log.ts';
import type { Database, Tx } from '../database/database.ts';
import { isUnavailable } from '../database/sql-failure.ts';
import { claimLanes } from '../outbox/claim-lanes.ts';
import { finishAll, type ClaimedItem } from '../outbox/outbox.ts';
import { EVENT_TOPIC, type PayoutEventType } from '../payouts/outbox-topics.ts';
import { createDueLanes, type DueLanes } from './internal/due-lanes.ts';
import { queueDeliveries } from './queue-deliveries.ts';

export interface FanOutDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

const LEASE_MS = 30_000;

/** Of a business in one step. Its events make as many deliveries as it has endpoints. */
const PER_BUSINESS = 100;
const BATCH = 500;

/** So often at once a worker that was too late for what it wanted tries for what comes next. */
const MAX_TRIES = 3;

/** Turns what payouts have reported into deliveries; each business is a lane of its own. */
export interface FanOut {
  /**
   * Claims what payouts have reported, of each business its part, and makes of each an event and a delivery
   * for every endpoint that subscribes to it. Doing it again changes nothing. Gives the number of items
   * claimed; one that failed comes back when its lease ends. One call at a time.
   */
  step(): Promise<number>;
}

export function createFanOut(deps: FanOutDeps): FanOut {
  const lanes = createDueLanes(deps, EVENT_TOPIC);
  const fill = async (): Promise<number> => {
    for (let tries = 1; ; tries += 1) {
      const wanted = shareOf(lanes);
      const want = { topic: EVENT_TOPIC, wanted, leaseMs: LEASE_MS, now: deps.clock.now() };
      const { items, emptied, lost } = await claimLanes(deps.database, want);
      lanes.served(wanted.keys(), emptied);
      if (items.length > 0) await fanOutSafely(deps, items);
      if (items.length > 0 || lost === 0 || tries === MAX_TRIES) return items.length;
    }
  };
  return {
    step: async () => {
      const hasLooked = await lanes.look();
      const count = await fill();
      if (count > 0 || hasLooked || !lanes.isEmpty()) return count;
      await lanes.look();
      return await fill();
    },
  };
}

/** {@link FanOut.step} once, by itself. */
export async function fanOutEvents(deps: FanOutDeps): Promise<number> {
  return await createFanOut(deps).step();
}

/** The same part for each of those in turn, in all about a batch. */
function shareOf(lanes: DueLanes): Map<string, number> {
  const inTurn = [...lanes.inTurn()].slice(0, BATCH);
  const each = Math.min(PER_BUSINESS, Math.ceil(BATCH / Math.max(1, inTurn.length)));
  return new Map(inTurn.map((lane) => [lane, each]));
}

/** What fails together is done apart: each business by itself, and in one that fails each event by itself. */
async function fanOutSafely(deps: FanOutDeps, items: readonly ClaimedItem[]): Promise<void> {
  const events = items.flatMap((item) => toEvent(deps, item));
  try {
    await deps.database.transaction(async (tx) => await fanOut(tx, deps, events));
  } catch (error) {
    if (items.length > 1 && !isUnavailable(error)) {
      for (const part of apart(items)) await fanOutSafely(deps, part);
      return;
    }
    const names = items.map(({ businessId, itemId }) => ({ businessId, itemId }))[0];
    const fields = { err: error, ...names, items: items.length };
    deps.log.error(fields, 'events could not be fanned out');
  }
}

function apart(items: readonly ClaimedItem[]): ClaimedItem[][] {
  const byBusiness = [...Map.groupBy(items, (item) => item.businessId).values()];
  return byBusiness.length > 1 ? byBusiness : items.map((item) => [item]);
}

interface NewEvent {
  readonly item: ClaimedItem;
  readonly businessId: string;
  readonly eventId: string;
  readonly eventType: PayoutEventType;
  readonly payoutId: string;
}

/** Nothing for an item that this version cannot read: it stays, and does not stop the others. */
function toEvent(deps: FanOutDeps, item: ClaimedItem): NewEvent[] {
  const { businessId, itemId } = item;
  const { eventType, payoutId } = item.payload as Record<string, unknown>;
  const isType = eventType === 'PAYOUT_SUCCESSFUL' || eventType === 'PAYOUT_FAILED';
  if (isType && typeof payoutId === 'string') {
    return [{ item, businessId, eventId: itemId, eventType, payoutId }];
  }
  deps.log.error({ businessId, itemId, eventType }, 'an event cannot be read');
  return [];
}

async function fanOut(tx: Tx, deps: FanOutDeps, events: readonly NewEvent[]): Promise<void> {
  const items = events.map(({ item }) => item);
  const ended = new Set(await finishAll(tx, items));
  const owned = events.filter(({ item }) => ended.has(item));
  if (owned.length === 0) return;
  await insertEvents(tx, owned);
  const endpoints = await readEndpoints(tx, owned);
  const at = deps.clock.now();
  const deliveries = owned.flatMap(({ businessId, eventId, eventType }) =>
    (endpoints.get(businessId) ?? [])
      .filter(({ event_types }) => event_types.includes(eventType))
      .map((row) => ({
        businessId,
        eventId,
        endpointId: row.endpoint_id,
        itemId: deps.ids.next(),
      })),
  );
  const fresh = await insertDeliveries(tx, deliveries, at);
  await queueDeliveries(
    tx,
    fresh.map((delivery) => ({ ...delivery, at })),
  );
}

interface EndpointRow {
  business_id: string;
  endpoint_id: string;
  event_types: string[];
}

async function readEndpoints(
  tx: Tx,
  events: readonly NewEvent[],
): Promise<ReadonlyMap<string, readonly EndpointRow[]>> {
  const rows = await tx.query<EndpointRow>(
    `SELECT p.business_id, p.endpoint_id, p.event_types
     FROM unnest($1::uuid[]) AS k (business_id)
     JOIN webhook_endpoints p ON p.business_id = k.business_id
     WHERE p.disabled_at IS NULL`,
    [[...new Set(events.map(({ businessId }) => businessId))]],
  );
  return Map.groupBy(rows, (row) => row.business_id);
}

async function insertEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  await tx.query(
    `INSERT INTO webhook_events (business_id, event_id, event_type, payout_id, created_at)
     SELECT e.business_id, e.event_id, e.event_type, e.payout_id, e.created_at
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
       AS e (business_id, event_id, event_type, payout_id, created_at)
     ON CONFLICT (business_id, event_id) DO NOTHING`,
    [
      events.map((event) => event.businessId),
      events.map((event) => event.eventId),
      events.map((event) => event.eventType),
      events.map((event) => event.payoutId),
      events.map((event) => momentOfId(event.eventId)),
    ],
  );
}

interface NewDelivery {
  readonly businessId: string;
  readonly eventId: string;
  readonly endpointId: string;
  readonly itemId: string;
}

/** Gives those that were not there yet: only they are queued. */
async function insertDeliveries(
  tx: Tx,
  deliveries: readonly NewDelivery[],
  at: Date,
): Promise<NewDelivery[]> {
  if (deliveries.length === 0) return [];
  const rows = await tx.query<{ outbox_item_id: string }>(
    `INSERT INTO webhook_deliveries
       (business_id, event_id, endpoint_id, state, outbox_item_id, attempts, schedule_start,
        next_attempt_at, created_at, updated_at)
     SELECT d.business_id, d.event_id, d.endpoint_id, 'PENDING', d.item_id, 0, 0, $5, $5, $5
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[])
       AS d (business_id, event_id, endpoint_id, item_id)
     ON CONFLICT (business_id, event_id, endpoint_id) DO NOTHING
     RETURNING outbox_item_id`,
    [
      deliveries.map((delivery) => delivery.businessId),
      deliveries.map((delivery) => delivery.eventId),
      deliveries.map((delivery) => delivery.endpointId),
      deliveries.map((delivery) => delivery.itemId),
      at,
    ],
  );
  const inserted = new Set(rows.map((row) => row.outbox_item_id));
  return deliveries.filter(({ itemId }) => inserted.has(itemId));
}
