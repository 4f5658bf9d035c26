import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRateLimiter, RateLimited } from './limit-rate.ts';

function limiterAt(perMinute: number): {
  take: (key: string) => number;
  pass: (ms: number) => void;
} {
  let nowMs = 0;
  const clock = { now: () => new Date(nowMs), sleep: () => Promise.resolve() };
  const limiter = createRateLimiter(clock, perMinute);
  return {
    /** 0 where it was taken, else the seconds to wait. */
    take: (key) => {
      try {
        limiter.take(key);
        return 0;
      } catch (error) {
        if (error instanceof RateLimited) return error.retryAfterSeconds;
        throw error;
      }
    },
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

test('never more than the share at once and its refill, and a wait that is enough', () => {
  const steps = fc.array(fc.nat({ max: 5000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 120 }), steps, (perMinute, waits) => {
      const { take, pass } = limiterAt(perMinute);
      let taken = 0;
      let passedMs = 0;
      for (const waitMs of waits) {
        pass(waitMs);
        passedMs += waitMs;
        const seconds = take('a');
        if (seconds === 0) taken += 1;
        expect(taken).toBeLessThanOrEqual(perMinute + (passedMs * perMinute) / 60_000 + 1e-6);
        if (seconds === 0) continue;
        pass(seconds * 1000);
        passedMs += seconds * 1000;
        expect(take('a')).toBe(0);
        taken += 1;
      }
    }),
  );
});

test('keys do not share, and a clock that is set back gives nothing', () => {
  const { take, pass } = limiterAt(1);
  expect([take('a'), take('b'), take('a')]).toEqual([0, 0, 60]);
  pass(-3_600_000);
  expect(take('a')).toBe(60);
});

test('a flood of keys does not make the limiter forget who is limited', () => {
  const { take, pass } = limiterAt(1);
  take('limited');
  for (let key = 0; key < 9998; key += 1) take(`key ${key}`);
  pass(59_000);
  expect(take('limited')).toBe(1);
  pass(1000);
  for (let key = 0; key < 20_000; key += 1) expect(take(`other ${key}`)).toBe(0);
});
