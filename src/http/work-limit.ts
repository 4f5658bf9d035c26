import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Counter, Meter } from '../base/meter.ts';

/** A request's place among those that are worked on. Given back once, however often that is asked. */
export interface Place {
  isHeld: boolean;
}

/**
 * How many requests are worked on at once. One that waits for its own body, or whose answer waits for a slow
 * reader, is not worked on and holds no place.
 */
export interface WorkLimit {
  /** Takes a place; false where none is free. */
  take(place: Place): boolean;
  give(place: Place): void;
  isFull(): boolean;
  /** Counts and tells of a request that was refused. */
  noteRefused(): void;
}

/** So often at most the log tells of what was refused. */
const TELL_EVERY_MS = 10_000;

export function createWorkLimit(
  deps: { readonly clock: Clock; readonly log: Log; readonly meter: Meter },
  most: number,
): WorkLimit {
  let taken = 0;
  const gauge = deps.meter.gauge({
    name: 'http_requests_in_flight',
    help: 'Requests that are worked on at this moment.',
  });
  deps.meter.beforeReading(() => gauge.set({}, taken));
  const tell = createTeller(deps, most);
  const shed = shedCounter(deps.meter);
  const noteRefused = (): void => {
    shed.add({ reason: 'in_flight' });
    tell();
  };
  return {
    isFull: () => taken >= most,
    noteRefused,
    take: (place) => {
      if (place.isHeld) return true;
      if (taken >= most) {
        noteRefused();
        return false;
      }
      taken += 1;
      place.isHeld = true;
      return true;
    },
    give: (place) => {
      if (!place.isHeld) return;
      taken -= 1;
      place.isHeld = false;
    },
  };
}

/** Requests and connections that were refused because there were too many of them. */
export function shedCounter(meter: Meter): Counter<'reason'> {
  return meter.counter({
    name: 'http_requests_shed_total',
    help: 'Requests refused because too many were in flight, and connections because too many were open.',
    labels: ['reason'],
  });
}

/** A line for each refused request would be the flood that the refusals are there against. */
function createTeller(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  most: number,
): () => void {
  let refused = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    refused += 1;
    const nowMs = clock.now().getTime();
    if (nowMs - toldAtMs < TELL_EVERY_MS) return;
    log.warn({ refused, most }, 'requests are refused: as many are in flight as may be');
    refused = 0;
    toldAtMs = nowMs;
  };
}
