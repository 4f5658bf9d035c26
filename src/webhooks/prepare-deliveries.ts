import { assert, AssertionFailure } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../database/database.ts';
import { sqlState } from '../database/sql-failure.ts';
import type { LaneItem } from '../outbox/claim-lanes.ts';
import { finishAll } from '../outbox/outbox.ts';
import { findTracedPayouts, type TracedPayout } from '../payouts/find-traced-payouts.ts';
import type { Payout } from '../payouts/payout.ts';
import {
  beginAttempts,
  findDeliveries,
  nameOf,
  setDeliveryStates,
  type DeliveryKey,
  type DeliveryToSend,
} from './internal/delivery-store.ts';
import type { WebhookMetrics } from './internal/webhook-metrics.ts';
import type { Sign } from './sign.ts';
import type { Signing, SigningKeys } from './signing-secrets.ts';

export interface PrepareDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly keys: SigningKeys;
  readonly metrics: WebhookMetrics;
}

/** An attempt that has begun: its row is written, and all that it takes to send it is here. */
export interface Attempt {
  readonly item: LaneItem;
  readonly delivery: DeliveryToSend;
  readonly payout: Payout;
  readonly sign: Sign;
  readonly traceId: string | undefined;
  readonly number: number;
  readonly startedAt: Date;
}

/** What became of the items of a batch. */
export interface Prepared {
  readonly attempts: readonly Attempt[];
  /** Nothing had to be sent. */
  readonly idle: readonly LaneItem[];
  /** What failed on our side is left to the lease: the item comes back when it ends. */
  readonly broken: readonly LaneItem[];
}

/**
 * Looks at the deliveries and payouts of a batch of claimed items, ends what is not to be sent, and begins
 * an attempt of each other. An item that cannot be handled does not stop the rest: where the batch fails on
 * what may be one item's fault, each is handled alone.
 */
export async function prepareDeliveries(
  deps: PrepareDeps,
  items: readonly LaneItem[],
): Promise<Prepared> {
  try {
    return await prepareBatch(deps, items);
  } catch (error) {
    if (items.length > 1 && mayBeOneItem(error)) {
      const alone: Prepared[] = [];
      for (const item of items) alone.push(await prepareDeliveries(deps, [item]));
      return {
        attempts: alone.flatMap((each) => each.attempts),
        idle: alone.flatMap((each) => each.idle),
        broken: alone.flatMap((each) => each.broken),
      };
    }
    const [first] = items;
    const names =
      items.length === 1 ? { businessId: first?.businessId, itemId: first?.itemId } : {};
    const fields = { err: error, ...names, items: items.length };
    deps.log.error(fields, 'webhooks could not be prepared');
    return { attempts: [], idle: [], broken: items };
  }
}

/** Not that the database is away, which is nobody's fault and would be so for each of them. */
function mayBeOneItem(error: unknown): boolean {
  return error instanceof AssertionFailure || /^(22|23)/.test(sqlState(error) ?? '');
}

interface Look {
  readonly item: LaneItem;
  readonly delivery: DeliveryToSend;
}

interface Wanted extends Look, TracedPayout {
  readonly sign: Sign;
}

async function prepareBatch(deps: PrepareDeps, items: readonly LaneItem[]): Promise<Prepared> {
  const found = await findDeliveries(deps.database, items.map(keyOf));
  const looks: Look[] = [];
  const superseded: LaneItem[] = [];
  for (const item of items) {
    const delivery = found.get(nameOf(keyOf(item)));
    assert(delivery !== undefined, 'a queued delivery has a row');
    // Its delivery has ended, or is carried by another item since a resend.
    const isOver = delivery.state !== 'PENDING' || delivery.outboxItemId !== item.itemId;
    if (isOver) superseded.push(item);
    else looks.push({ item, delivery });
  }
  const [payouts, keys] = await readAbout(deps, looks);
  const wanted: Wanted[] = [];
  const skipped: (Look & { reason: string })[] = [];
  const broken: LaneItem[] = [];
  for (const look of looks) {
    const { businessId, payoutId } = look.delivery;
    const traced = payouts.get(`${businessId} ${payoutId}`);
    const reason = reasonToSkip(look.delivery, traced?.payout);
    const signing = keys.get(businessId);
    if (traced === undefined || reason !== undefined) {
      skipped.push({ ...look, reason: reason ?? 'the payout does not exist' });
    } else if (signing === undefined) broken.push(look.item);
    else wanted.push({ ...look, ...traced, sign: signing.sign });
  }
  await skip(deps, skipped);
  const startedAt = deps.clock.now();
  const numbers = await begin(deps, wanted, startedAt);
  const attempts: Attempt[] = [];
  for (const each of wanted) {
    const number = numbers.get(nameOf(each.delivery));
    if (number === undefined) superseded.push(each.item);
    else attempts.push({ ...each, number, startedAt });
  }
  await drop(deps, superseded);
  return { attempts, idle: [...superseded, ...skipped.map(({ item }) => item)], broken };
}

function keyOf(item: LaneItem): DeliveryKey {
  const { eventId, endpointId } = item.payload as Record<string, unknown>;
  assert(
    typeof eventId === 'string' && typeof endpointId === 'string',
    `delivery item ${item.itemId} names an event and an endpoint`,
  );
  return { businessId: item.businessId, eventId, endpointId };
}

async function readAbout(
  deps: PrepareDeps,
  looks: readonly Look[],
): Promise<[payouts: ReadonlyMap<string, TracedPayout>, keys: ReadonlyMap<string, Signing>]> {
  const deliveries = looks.map(({ delivery }) => delivery);
  const [payouts, keys] = await Promise.all([
    findTracedPayouts(deps.database, deliveries),
    deps.keys.of(deliveries.map(({ businessId }) => businessId)),
  ]);
  const byName = payouts.map(
    (each) => [`${each.payout.businessId} ${each.payout.payoutId}`, each] as const,
  );
  return [new Map(byName), keys];
}

function reasonToSkip(delivery: DeliveryToSend, payout: Payout | undefined): string | undefined {
  if (delivery.isDisabled) return 'the endpoint is disabled';
  const wanted = delivery.eventType === 'PAYOUT_SUCCESSFUL' ? 'COMPLETED' : 'FAILED';
  if (payout?.status === wanted) return undefined;
  return `the payout is ${payout?.status ?? 'missing'}, not ${wanted}`;
}

/** In a transaction of its own, so that it is done again after a deadlock with a resend. */
async function begin(
  deps: PrepareDeps,
  looks: readonly Look[],
  at: Date,
): Promise<ReadonlyMap<string, number>> {
  if (looks.length === 0) return new Map();
  return await deps.database.transaction(
    async (tx) =>
      await beginAttempts(
        tx,
        looks.map(({ delivery }) => delivery),
        at,
      ),
  );
}

/** One that cannot be dropped now comes back when its lease ends, and must not undo what has begun. */
async function drop(deps: PrepareDeps, items: readonly LaneItem[]): Promise<void> {
  if (items.length === 0) return;
  deps.metrics.deliveries.add({ outcome: 'superseded' }, items.length);
  try {
    await finishAll(deps.database, items);
  } catch (error) {
    deps.log.error({ err: error, items: items.length }, 'superseded webhooks were not dropped');
  }
}

async function skip(
  deps: PrepareDeps,
  skipped: readonly (Look & { readonly reason: string })[],
): Promise<void> {
  if (skipped.length === 0) return;
  await deps.database.transaction(async (tx) => {
    const items = skipped.map(({ item }) => item);
    const ended = new Set<object>(await finishAll(tx, items));
    const ends = skipped
      .filter(({ item }) => ended.has(item))
      .map(({ delivery, reason }) => ({
        delivery,
        end: { state: 'SKIPPED', detail: reason } as const,
      }));
    await setDeliveryStates(tx, ends, deps.clock.now());
  });
  deps.metrics.deliveries.add({ outcome: 'skipped' }, skipped.length);
  for (const { delivery, reason } of skipped) {
    const { businessId, eventId, endpointId, payoutId } = delivery;
    deps.log.warn({ businessId, eventId, endpointId, payoutId, reason }, 'webhook skipped');
  }
}
