import type { Clock } from '../../base/clock.ts';
import type { Lookup } from '../../base/meter.ts';

type Look = () => Promise<void> | void;

export interface Looks {
  add(look: Look, lookup?: Lookup): void;
  /** Runs all that are due, side by side. Never throws, and takes no longer than {@link MOST_WAIT_MS}. */
  run(): Promise<void>;
}

/** Prometheus gives a target ten seconds unless it is told otherwise. */
const MOST_WAIT_MS = 4_000;

/** What runs before figures are read. `onFailure` hears of what fails or comes too late. */
export function createLooks(clock: Clock, onFailure: (error: unknown) => void): Looks {
  const all: (() => Promise<void>)[] = [];
  return {
    add: (look, lookup) => {
      const once = lookup === undefined ? look : rarely(clock, look, lookup);
      all.push(async () => {
        try {
          await inTime(clock, once);
        } catch (error) {
          for (const gauge of lookup?.gauges ?? []) gauge.clear();
          onFailure(error);
        }
      });
    },
    run: async () => {
      await Promise.all(all.map(async (look) => await look()));
    },
  };
}

/** While a look is out, nobody else looks; what it found holds for a while. */
function rarely(clock: Clock, look: Look, { everyMs }: Lookup): Look {
  let lastAt: number | undefined;
  let looking: Promise<void> | undefined;
  return async () => {
    const now = clock.now().getTime();
    const isFresh = lastAt !== undefined && now >= lastAt && now - lastAt < everyMs;
    if (looking === undefined && isFresh) return;
    looking ??= (async () => {
      try {
        await look();
        lastAt = now;
      } finally {
        looking = undefined;
      }
    })();
    await looking;
  };
}

/** A look that comes too late goes on by itself: its figures are for the next reader. */
async function inTime(clock: Clock, look: Look): Promise<void> {
  const done = (async () => {
    await look();
    return true;
  })();
  const patience = new AbortController();
  try {
    const isDone = await Promise.race([
      done,
      clock.sleep(MOST_WAIT_MS, patience.signal).then(() => false),
    ]);
    if (!isDone) {
      done.catch(() => undefined);
      throw new Error(`a look took longer than ${MOST_WAIT_MS} ms`);
    }
  } finally {
    patience.abort();
  }
}
