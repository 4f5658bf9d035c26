import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';

/** The fault RATE_LIMITED, with the whole seconds after which the next request will be taken. */
export class RateLimited extends Fault {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super('RATE_LIMITED', 'Too many requests. Try again later.');
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Counts by key: an address, a business. */
export interface RateLimiter {
  /** Takes one from the key's share. Throws {@link RateLimited} where nothing is left of it. */
  take(key: string): void;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Above so many keys the full buckets, which say nothing, are dropped. */
const MAX_BUCKETS = 10_000;

/**
 * A token bucket a key: `perMinute` at once, and refilled evenly. 0 is no limit. The buckets are of
 * this process: behind several processes a caller has the share of each.
 */
export function createRateLimiter(clock: Clock, perMinute: number): RateLimiter {
  if (perMinute === 0) return { take: () => undefined };
  const buckets = new Map<string, Bucket>();
  const perMs = perMinute / 60_000;
  const fill = (bucket: Bucket, nowMs: number): void => {
    const passedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(perMinute, bucket.tokens + passedMs * perMs);
    bucket.filledAtMs = nowMs;
  };
  return {
    take: (key) => {
      const nowMs = clock.now().getTime();
      const bucket = buckets.get(key) ?? { tokens: perMinute, filledAtMs: nowMs };
      fill(bucket, nowMs);
      if (buckets.size >= MAX_BUCKETS) dropFull(buckets, perMinute, (each) => fill(each, nowMs));
      buckets.set(key, bucket);
      if (bucket.tokens < 1) {
        throw new RateLimited(Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1000)));
      }
      bucket.tokens -= 1;
    },
  };
}

/** Where no bucket is full all are dropped: memory is bounded even when a limit has to be forgotten. */
function dropFull(
  buckets: Map<string, Bucket>,
  full: number,
  fill: (bucket: Bucket) => void,
): void {
  for (const [key, bucket] of buckets) {
    fill(bucket);
    if (bucket.tokens >= full) buckets.delete(key);
  }
  if (buckets.size >= MAX_BUCKETS) buckets.clear();
}
