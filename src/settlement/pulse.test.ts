import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/harness/manual-clock.ts';
import { createPulse, type Round } from './pulse.ts';

const OTHERS: readonly Round[] = ['accept', 'confirm', 'settle', 'tend', 'head'];

describe('the pulse of a settlement worker', () => {
  it('says where the worker stands until payouts are signed for', () => {
    const pulse = createPulse(createManualClock(), 1_000);
    pulse.note('the chain was not reached yet');
    for (const round of OTHERS) pulse.beat(round);
    expect(pulse.words()).toBe('the chain was not reached yet');
    pulse.beat('submit');
    expect(pulse.words()).toBe('ok');
  });

  it('tells of each round that does not end well any more, until it does', () => {
    const clock = createManualClock();
    const pulse = createPulse(clock, 1_000);
    for (const round of ['submit', ...OTHERS] as const) pulse.beat(round);
    clock.advance(1_000);
    expect(pulse.words()).toBe('ok');
    for (const round of ['submit', 'accept', 'settle', 'tend'] as const) pulse.beat(round);
    clock.advance(1);
    expect(pulse.words()).toBe('confirm, head: no round has ended well for 1 s');
    pulse.beat('confirm');
    pulse.beat('head');
    expect(pulse.words()).toBe('ok');
  });

  it('does not take a clock that was set back for a standstill', () => {
    const clock = createManualClock();
    const pulse = createPulse(clock, 1_000);
    for (const round of ['submit', ...OTHERS] as const) pulse.beat(round);
    clock.advance(-3_600_000);
    expect(pulse.words()).toBe('ok');
  });
});
