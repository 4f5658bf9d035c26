import { claim, dueLanes, type ClaimedItem } from '../outbox/outbox.ts';
import { deliver, type DeliverDeps, type DeliverResult } from './deliver.ts';
import { DELIVERY_TOPIC } from './queue-deliveries.ts';

/** How much is sent at one time. */
export interface DeliveryLimits {
  readonly overall: number;
  readonly perEndpoint: number;
}

/**
 * An endpoint is poor while its last attempt was slow or failed. All poor ones together hold at most a
 * quarter of the places, so that however many hang, the others find places free; and one that fails
 * is sent one at a time until it answers again.
 */
const POOR_SHARE = 0.25;
const SLOW_MS = 2000;
const PER_FAILING_ENDPOINT = 1;

/** Longer than an attempt can take, so that a lease ends early only for a process that has died. */
const LEASE_MS = 60_000;

const DEFAULT_LIMITS: DeliveryLimits = { overall: 64, perEndpoint: 4 };

/** Sends what is due; each endpoint is a lane of its own. */
export interface Deliverer {
  /**
   * Claims what is due, no more than there are places free, and starts to send it without waiting for
   * the answers. Gives the number started.
   */
  startDue(): Promise<number>;
  /** How many are being sent. */
  inFlight(): number;
  /** Resolves when one more of those being sent has ended; at once where there are none. */
  next(): Promise<void>;
}

export function createDeliverer(
  deps: DeliverDeps,
  limits: DeliveryLimits = DEFAULT_LIMITS,
): Deliverer {
  const lanes = createLanes(limits);
  const running = new Set<Promise<void>>();
  const start = (lane: string, item: ClaimedItem): void => {
    lanes.begin(lane);
    const work = deliverSafely(deps, item).then((result) => {
      lanes.end(lane, result);
      running.delete(work);
    });
    running.add(work);
  };
  return {
    startDue: async () => {
      if (!lanes.hasRoom()) return 0;
      const now = deps.clock.now();
      const due = lanes.inTurn(await dueLanes(deps.database, { topic: DELIVERY_TOPIC, now }));
      let started = 0;
      for (const [index, lane] of due.entries()) {
        const limit = lanes.placesFor(lane, due.length - index);
        if (limit === 0) continue;
        const items = await claimLane(deps, lane, limit);
        for (const item of items) start(lane, item);
        started += items.length;
      }
      return started;
    },
    inFlight: () => running.size,
    next: async () => {
      if (running.size > 0) await Promise.race(running);
    },
  };
}

/**
 * One step: sends everything that is due now, each endpoint in its own lane, and returns when all of
 * it has ended. Gives the number of items.
 */
export async function deliverDue(
  deps: DeliverDeps,
  limits: DeliveryLimits = DEFAULT_LIMITS,
): Promise<number> {
  const deliverer = createDeliverer(deps, limits);
  let total = 0;
  for (;;) {
    const started = await deliverer.startDue();
    total += started;
    if (started > 0) continue;
    if (deliverer.inFlight() === 0) return total;
    await deliverer.next();
  }
}

async function claimLane(deps: DeliverDeps, lane: string, limit: number): Promise<ClaimedItem[]> {
  return await claim(deps.database, {
    topic: DELIVERY_TOPIC,
    lane,
    limit,
    leaseMs: LEASE_MS,
    now: deps.clock.now(),
  });
}

/** What fails on our side is left to the lease: the item comes back when it ends. */
async function deliverSafely(deps: DeliverDeps, item: ClaimedItem): Promise<DeliverResult> {
  try {
    return await deliver(deps, item);
  } catch (error) {
    const { businessId, itemId } = item;
    deps.log.error({ err: error, businessId, itemId }, 'a webhook could not be handled');
    return { kind: 'idle', durationMs: 0 };
  }
}

interface Lanes {
  hasRoom(): boolean;
  /** The lanes in a fixed order that begins after the one served last. */
  inTurn(due: readonly string[]): string[];
  /** How many may be started for a lane, when `waiting` lanes (itself included) share the places. */
  placesFor(lane: string, waiting: number): number;
  begin(lane: string): void;
  end(lane: string, result: DeliverResult): void;
}

function createLanes(limits: DeliveryLimits): Lanes {
  const inFlight = new Map<string, number>();
  const poor = new Map<string, 'slow' | 'failing'>();
  const poorPlaces = Math.max(1, Math.floor(limits.overall * POOR_SHARE));
  let last = '';
  const freeOverall = (): number => limits.overall - sum(inFlight.values());
  const freeForPoor = (): number =>
    poorPlaces - sum([...poor.keys()].map((lane) => inFlight.get(lane) ?? 0));
  return {
    hasRoom: () => freeOverall() > 0,
    inTurn: (due) => {
      const ordered = [...due].sort();
      const next = ordered.findIndex((lane) => lane > last);
      return next === -1 ? ordered : [...ordered.slice(next), ...ordered.slice(0, next)];
    },
    placesFor: (lane, waiting) => {
      const standing = poor.get(lane);
      const most = standing === 'failing' ? PER_FAILING_ENDPOINT : limits.perEndpoint;
      const own = most - (inFlight.get(lane) ?? 0);
      const free = freeOverall();
      const share = free <= 0 ? 0 : Math.max(1, Math.floor(free / waiting));
      return Math.max(0, Math.min(own, share, standing === undefined ? share : freeForPoor()));
    },
    begin: (lane) => {
      inFlight.set(lane, (inFlight.get(lane) ?? 0) + 1);
      last = lane;
    },
    end: (lane, result) => {
      const left = (inFlight.get(lane) ?? 0) - 1;
      if (left > 0) inFlight.set(lane, left);
      else inFlight.delete(lane);
      if (result.kind === 'failed') poor.set(lane, 'failing');
      else if (result.durationMs > SLOW_MS) poor.set(lane, 'slow');
      else if (result.kind === 'delivered') poor.delete(lane);
    },
  };
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
