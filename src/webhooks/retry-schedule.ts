import type { Random } from '../base/random.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * The waits after the first failed attempt, the second, and so on, in milliseconds. Their sum is
 * 13 h 42 min 35 s: jitter and Retry-After only lengthen a wait, so no schedule is shorter.
 */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  6 * HOUR,
];

/** A wait grows by up to this share, so that what failed together does not come back together. */
const JITTER = 0.2;

/** The longest wait that a Retry-After is followed for. */
export const MAX_RETRY_AFTER_MS = 6 * HOUR;

/**
 * How long to wait after the `failures`-th failed attempt of a schedule (1 or more), in
 * milliseconds; undefined after the last. `retryAfter` is the header of a 429 or a 503.
 */
export function retryDelayMs(
  failures: number,
  random: Random,
  hint: { readonly now: Date; readonly retryAfter?: string | undefined },
): number | undefined {
  const planned = RETRY_DELAYS_MS[failures - 1];
  if (planned === undefined) return undefined;
  const jittered = Math.round(planned * (1 + JITTER * fraction(random)));
  const asked = hint.retryAfter === undefined ? 0 : retryAfterMs(hint.retryAfter, hint.now);
  return Math.max(jittered, Math.min(asked, MAX_RETRY_AFTER_MS));
}

/** Retry-After as seconds or as an HTTP date (RFC 9110 §10.2.3); 0 for anything else. */
function retryAfterMs(header: string, now: Date): number {
  const text = header.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * SECOND;
  // Date.parse also reads forms that are no HTTP date, such as "-5": those begin with no weekday.
  if (!/^[A-Z][a-z]{2}/.test(text)) return 0;
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? 0 : Math.max(0, moment - now.getTime());
}

/** At least 0, less than 1. */
function fraction(random: Random): number {
  return Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32;
}
