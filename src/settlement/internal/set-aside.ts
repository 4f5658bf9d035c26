import { later } from '../../base/clock.ts';

/**
 * What could not be done although everything around it could, and is left alone for a while: longer each
 * time, so that any number of such items keeps back no other. Kept in the memory of one worker: another,
 * and one that starts, tries each of them once too.
 */
export interface SetAside {
  /** Those that are not to be tried now. */
  readonly waiting: (now: Date) => string[];
  readonly isWaiting: (id: string, now: Date) => boolean;
  /** It has failed, again. */
  readonly add: (id: string, now: Date) => void;
  /** They have been done. */
  readonly forget: (ids: Iterable<string>) => void;
}

const FIRST_MS = 10_000;
const LONGEST_MS = 300_000;

/** Of more than these the oldest are tried as if they had not failed. */
const MOST = 10_000;

interface Failure {
  readonly waitMs: number;
  readonly until: Date;
}

export function createSetAside(): SetAside {
  const failures = new Map<string, Failure>();
  const isWaiting = (id: string, now: Date): boolean => {
    const until = failures.get(id)?.until;
    // A time beyond the longest wait is from a clock that ran ahead.
    return until !== undefined && until > now && until <= later(now, LONGEST_MS);
  };
  return {
    isWaiting,
    waiting: (now) => [...failures.keys()].filter((id) => isWaiting(id, now)),
    add: (id, now) => {
      const before = failures.get(id)?.waitMs;
      const waitMs = before === undefined ? FIRST_MS : Math.min(2 * before, LONGEST_MS);
      // The newest failure comes last.
      failures.delete(id);
      failures.set(id, { waitMs, until: later(now, waitMs) });
      const [oldest] = failures.keys();
      if (failures.size > MOST && oldest !== undefined) failures.delete(oldest);
    },
    forget: (ids) => {
      if (failures.size === 0) return;
      for (const id of ids) failures.delete(id);
    },
  };
}
