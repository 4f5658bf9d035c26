import { later, type Clock } from '../base/clock.ts';
import { CHECK_OK } from '../base/readiness.ts';

/** The steps of a settlement worker that come round by themselves, again and again. */
export type Round = 'accept' | 'submit' | 'confirm' | 'settle' | 'tend' | 'head';

const ROUNDS: readonly Round[] = ['accept', 'submit', 'confirm', 'settle', 'tend', 'head'];

/** Whether a worker's rounds on a network come round. */
export interface Pulse {
  /** Where the worker stands before its rounds begin. */
  note(words: string): void;
  /** A round has ended without an error. */
  beat(round: Round): void;
  /** `ok`, or what is wrong: for a readiness check. */
  words(): string;
}

/** A round that did not end well for longer than `withinMs` is told of. */
export function createPulse(clock: Clock, withinMs: number): Pulse {
  const startedAt = clock.now();
  const beatAt = new Map<Round, Date>();
  let standing: string | undefined = 'is starting';
  return {
    note: (words) => {
      standing = words;
    },
    beat: (round) => {
      beatAt.set(round, clock.now());
      // Payouts are signed for: all that comes before has been done.
      if (round === 'submit') standing = undefined;
    },
    words: () => {
      if (standing !== undefined) return standing;
      const now = clock.now();
      const late = ROUNDS.filter((round) => {
        const at = beatAt.get(round) ?? startedAt;
        // A time to come is from before the clock was set back.
        return at <= now && later(at, withinMs) < now;
      });
      if (late.length === 0) return CHECK_OK;
      return `${late.join(', ')}: no round has ended well for ${Math.round(withinMs / 1000)} s`;
    },
  };
}
