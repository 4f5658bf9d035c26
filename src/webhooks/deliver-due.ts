import { claimLanes, type LaneClaims, type LaneItem } from '../outbox/claim-lanes.ts';
import { deliver, openDesk, type DeliverDeps } from './deliver.ts';
import { createDueLanes } from './internal/due-lanes.ts';
import { createPlaces, type LaneResult, type PlaceLimits } from './internal/share-places.ts';
import { DELIVERY_TOPIC } from './queue-deliveries.ts';

/** How much is sent at one time. */
export type DeliveryLimits = PlaceLimits;

/**
 * As many places keep a worker busy with receivers that take some 100 ms, and make batches of one or two
 * hundred where they are quicker. An endpoint gets what a small server bears, and in time, while it is quick,
 * a sixteenth of all: 300 a second where an answer takes 100 ms.
 */
export const STANDARD_LIMITS: DeliveryLimits = {
  overall: 512,
  perEndpoint: 8,
  perQuickEndpoint: 32,
};

/** Longer than an attempt can take, so that a lease ends early only for a process that has died. */
const LEASE_MS = 60_000;

/** So often at once a worker that was too late for what it wanted tries for what comes next. */
const MAX_TRIES = 3;

/** Sends what is due; each endpoint is a lane of its own. */
export interface Deliverer {
  /**
   * Claims what is due, no more than there are places free, and starts to send it without waiting for
   * the answers. Gives the number started. One call at a time.
   */
  startDue(): Promise<number>;
  /** How many are being sent. */
  inFlight(): number;
  /** Resolves when one more of those being sent has ended; at once where there are none. */
  next(): Promise<void>;
}

export function createDeliverer(
  deps: DeliverDeps,
  limits: DeliveryLimits = STANDARD_LIMITS,
): Deliverer {
  const desk = openDesk(deps);
  const lanes = createDueLanes(deps, DELIVERY_TOPIC);
  const places = createPlaces(limits);
  const endings = createEndings();
  const begin = (items: readonly LaneItem[]): void => {
    for (const { lane, businessId } of items) places.begin(lane, businessId);
    desk.metrics.inFlight.set({}, places.inFlight());
  };
  const end = (lane: string, result: LaneResult): void => {
    places.end(lane, result);
    desk.metrics.inFlight.set({}, places.inFlight());
    endings.tell();
  };
  const fill = async (): Promise<number> => {
    for (let tries = 1; ; tries += 1) {
      const wanted = places.share(lanes.inTurn());
      const { items, emptied, lost } = await claimWanted(deps, wanted);
      lanes.served(wanted.keys(), emptied);
      begin(items);
      if (items.length > 0) await deliver(desk, items, end);
      if (items.length > 0 || lost === 0 || tries === MAX_TRIES) return items.length;
    }
  };
  return {
    startDue: async () => {
      if (places.free() <= 0) return 0;
      const hasLooked = await lanes.look();
      const started = await fill();
      if (started > 0 || hasLooked || !lanes.isEmpty()) return started;
      await lanes.look();
      return await fill();
    },
    inFlight: places.inFlight,
    next: async () => {
      if (places.inFlight() > 0) await endings.next();
    },
  };
}

async function claimWanted(
  deps: DeliverDeps,
  wanted: ReadonlyMap<string, number>,
): Promise<LaneClaims> {
  return await claimLanes(deps.database, {
    topic: DELIVERY_TOPIC,
    wanted,
    leaseMs: LEASE_MS,
    now: deps.clock.now(),
  });
}

/**
 * One step: sends everything that is due now, each endpoint in its own lane, and returns when all of
 * it has ended. Gives the number of items.
 */
export async function deliverDue(
  deps: DeliverDeps,
  limits: DeliveryLimits = STANDARD_LIMITS,
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

interface Endings {
  tell(): void;
  next(): Promise<void>;
}

/** Many end in one turn of the loop, because they were written down together: they are told of as one. */
function createEndings(): Endings {
  const waiting: (() => void)[] = [];
  let isTelling = false;
  return {
    tell: () => {
      if (isTelling) return;
      isTelling = true;
      setImmediate(() => {
        isTelling = false;
        for (const resolve of waiting.splice(0)) resolve();
      });
    },
    next: async () =>
      await new Promise((resolve) => {
        waiting.push(resolve);
      }),
  };
}
