import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

/** What is known of one node's behaviour, and what follows from it. Kept in memory alone. */
export interface Standing {
  /** The lower, the sooner it is asked: 0 is well, 3 is in quarantine. */
  rank(): number;
  /** Whether its word counts for a quorum. */
  counts(): boolean;
  /**
   * Whether a question to all nodes may leave it out: it has just been silent. False once each time
   * that the wait is over, so that one question tries it out while others do not wait for it.
   */
  mayBeLeftOut(): boolean;
  /** Something came back, an error too. */
  answered(): void;
  /** Nothing came back. */
  fellSilent(reason: string): void;
  /** Work on it was done, unless it fell silent meanwhile. */
  didWell(): void;
  /** Work on it failed. */
  failed(reason: string): void;
  /** Passed over for reads while `reason` is not null. */
  passOver(reason: string | null): void;
  sawHead(head: SeenHead): void;
  /** For how long its newest block has been the same whenever it was asked. */
  stillForMs(): number;
  /** How long ago its newest block was seen to change; null: never. */
  movedAgoMs(): number | null;
  quarantine(reason: string): void;
  /** A quorum has spoken, and the node said the same or not. */
  weigh(agreed: boolean): void;
}

export interface SeenHead {
  readonly number: bigint;
  readonly hash: string;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** A failure alone is everyday; so many waits in a row are a node that is down. */
const DOWN_AFTER_FAILURES = 3;
/** So often in a row, over so long, must a node in quarantine say what a quorum says. */
export const AGREEMENTS_TO_RETURN = 20;
export const AGREEING_TO_RETURN_MS = 10 * 60_000;

export function createStanding(
  label: string,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Standing {
  const now = (): number => clock.now().getTime();
  const fields = { node: label };
  const alarm = (words: string): void => log.error({ ...fields, alarm: true }, words);
  const waits = trackFailures(label, { now, alarm, relieve: (words) => log.info(fields, words) });
  const movement = trackMovement(now);
  const doubt = trackDoubt(label, { now, alarm, relieve: (words) => log.warn(fields, words) });
  let passedOverFor: string | null = null;
  return {
    ...waits,
    ...movement,
    ...doubt,
    rank() {
      if (!doubt.counts()) return 3;
      if (waits.isWaiting()) return 2;
      return passedOverFor === null ? 0 : 1;
    },
    passOver(reason) {
      if (reason !== null && passedOverFor === null) {
        alarm(`${label} ${reason}; it is passed over for reads`);
      }
      if (reason === null && passedOverFor !== null) log.info(fields, `${label} keeps up again`);
      passedOverFor = reason;
    },
  };
}

interface Voice {
  readonly now: () => number;
  readonly alarm: (words: string) => void;
  readonly relieve: (words: string) => void;
}

type Waits = Pick<Standing, 'mayBeLeftOut' | 'answered' | 'fellSilent' | 'didWell' | 'failed'> & {
  isWaiting(): boolean;
};

/** Failures, and how long the node is spared for them: twice as long each time. */
function trackFailures(label: string, { now, alarm, relieve }: Voice): Waits {
  let failures = 0;
  let failedAt = 0;
  let silent = false;
  let triedOutAt: number | null = null;
  const isBetween = (from: number, waitMs: number): boolean => {
    const sinceMs = now() - from;
    // A clock that was set back must not spare a node for longer.
    return sinceMs >= 0 && sinceMs < waitMs;
  };
  const isWaiting = (): boolean => {
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
    return failures > 0 && isBetween(failedAt, waitMs);
  };
  const failed = (reason: string): void => {
    // Many questions that fail together are one failure.
    if (isWaiting()) return;
    failures += 1;
    failedAt = now();
    if (failures === DOWN_AFTER_FAILURES) {
      alarm(`${label} fails again and again, and is asked last: ${reason}`);
    }
  };
  return {
    isWaiting,
    failed,
    mayBeLeftOut() {
      if (!silent) return false;
      if (isWaiting()) return true;
      if (triedOutAt !== null && isBetween(triedOutAt, LONGEST_WAIT_MS)) return true;
      triedOutAt = now();
      return false;
    },
    answered() {
      silent = false;
      triedOutAt = null;
    },
    fellSilent(reason) {
      silent = true;
      triedOutAt = null;
      failed(reason);
    },
    didWell() {
      if (silent) return;
      if (failures >= DOWN_AFTER_FAILURES) relieve(`${label} answers well again`);
      failures = 0;
    },
  };
}

type Movement = Pick<Standing, 'sawHead' | 'stillForMs' | 'movedAgoMs'>;

function trackMovement(now: () => number): Movement {
  let head: SeenHead | null = null;
  let seenAt = 0;
  let changedAt = 0;
  let movedAt: number | null = null;
  return {
    sawHead(seen) {
      seenAt = now();
      if (seen.hash === head?.hash) return;
      if (head !== null) movedAt = seenAt;
      changedAt = seenAt;
      head = seen;
    },
    stillForMs: () => seenAt - changedAt,
    movedAgoMs: () => (movedAt === null ? null : now() - movedAt),
  };
}

type Doubt = Pick<Standing, 'counts' | 'quarantine' | 'weigh'>;

function trackDoubt(label: string, { now, alarm, relieve }: Voice): Doubt {
  let doubted = false;
  let agreements = 0;
  let agreeingSince = 0;
  return {
    counts: () => !doubted,
    quarantine(reason) {
      agreements = 0;
      if (doubted) return;
      doubted = true;
      alarm(`${label} is in quarantine, its word counts for nothing: ${reason}`);
    },
    weigh(agreed) {
      if (!doubted) return;
      if (agreed && agreements === 0) agreeingSince = now();
      agreements = agreed ? agreements + 1 : 0;
      const agreedMs = now() - agreeingSince;
      if (agreements < AGREEMENTS_TO_RETURN || agreedMs < AGREEING_TO_RETURN_MS) return;
      doubted = false;
      const minutes = Math.floor(agreedMs / 60_000);
      relieve(`${label} is out of quarantine: it agreed ${agreements} times in ${minutes} minutes`);
    },
  };
}
