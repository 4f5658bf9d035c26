import { later, type Clock } from '../../src/base/clock.ts';

/** A clock that moves only when it is told to, backwards too. */
export interface ManualClock extends Clock {
  readonly advance: (ms: number) => void;
}

/** Starts at the present, because PostgreSQL and the chain live in it. */
export function createManualClock(): ManualClock {
  let now = new Date();
  let sleepers: { readonly until: Date; readonly wake: () => void }[] = [];
  const wakeDue = (): void => {
    const due = sleepers.filter(({ until }) => until <= now);
    sleepers = sleepers.filter(({ until }) => until > now);
    for (const { wake } of due) wake();
  };
  return {
    now: () => now,
    advance: (ms) => {
      now = later(now, ms);
      wakeDue();
    },
    sleep: async (ms, signal) => {
      if (signal?.aborted === true) return;
      await new Promise<void>((resolve) => {
        sleepers.push({ until: later(now, ms), wake: resolve });
        signal?.addEventListener('abort', () => resolve(), { once: true });
        wakeDue();
      });
    },
  };
}
