import { describe, expect, it } from 'vitest';
import { later } from '../../base/clock.ts';
import { createSetAside } from './set-aside.ts';

const now = new Date('2026-01-01T00:00:00Z');

describe('what is set aside', () => {
  it('waits twice as long each time, and five minutes at most', () => {
    const aside = createSetAside();
    let at = now;
    const waits: number[] = [];
    for (let tries = 1; tries <= 7; tries += 1) {
      aside.add('a', at);
      let waitMs = 0;
      while (aside.isWaiting('a', later(at, waitMs))) waitMs += 1_000;
      waits.push(waitMs / 1_000);
      at = later(at, waitMs);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });

  it('is named while it waits', () => {
    const aside = createSetAside();
    aside.add('a', now);
    aside.add('b', later(now, 5_000));
    expect(aside.waiting(later(now, 9_999))).toEqual(['a', 'b']);
    expect(aside.waiting(later(now, 10_000))).toEqual(['b']);
    expect(aside.isWaiting('c', now)).toBe(false);
  });

  it('begins anew once it has been done', () => {
    const aside = createSetAside();
    for (let tries = 1; tries <= 6; tries += 1) aside.add('a', now);
    aside.forget(['a', 'b']);
    expect(aside.waiting(now)).toEqual([]);
    aside.add('a', now);
    expect(aside.isWaiting('a', later(now, 10_000))).toBe(false);
  });

  it('is not kept back by a clock that ran ahead', () => {
    const aside = createSetAside();
    aside.add('a', later(now, 3_600_000));
    expect(aside.isWaiting('a', now)).toBe(false);
  });

  it('is bounded: the oldest is tried again', () => {
    const aside = createSetAside();
    for (let count = 0; count <= 10_000; count += 1) aside.add(`${count}`, now);
    expect(aside.waiting(now)).toHaveLength(10_000);
    expect(aside.isWaiting('0', now)).toBe(false);
  });
});
