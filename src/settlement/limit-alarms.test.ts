import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/harness/manual-clock.ts';
import type { Log } from '../base/log.ts';
import { limitAlarms } from './limit-alarms.ts';

function world(): { log: Log; lines: string[]; advance: (ms: number) => void } {
  const clock = createManualClock();
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push(`${level}${'alarm' in fields ? '!' : ''} ${message}`);
    };
  const raw: Log = {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: () => raw,
  };
  return { log: limitAlarms(raw, clock), lines, advance: clock.advance };
}

describe('an alarm', () => {
  it('is told once, and again after ten minutes while it lasts', () => {
    const { log, lines, advance } = world();
    log.error({ alarm: true, sender: 'a' }, 'the fee is 12');
    advance(1_000);
    log.error({ alarm: true, sender: 'a', err: new Error('x') }, 'the fee is 13');
    advance(599_000);
    log.error({ alarm: true, sender: 'a' }, 'the fee is 14');
    expect(lines).toEqual(['error! the fee is 12', 'warn the fee is 13', 'error! the fee is 14']);
  });

  it('is another one where it names something else', () => {
    const { log, lines } = world();
    log.error({ alarm: true, sender: 'a' }, 'stopped');
    log.error({ alarm: true, sender: 'b' }, 'stopped');
    log.error({ alarm: true, sender: 'a' }, 'gone');
    expect(lines).toEqual(['error! stopped', 'error! stopped', 'error! gone']);
  });

  it('is told again where the clock was set back', () => {
    const { log, lines, advance } = world();
    log.error({ alarm: true }, 'stopped');
    advance(-3_600_000);
    log.error({ alarm: true }, 'stopped');
    expect(lines).toEqual(['error! stopped', 'error! stopped']);
  });

  it('leaves every other line as it is', () => {
    const { log, lines } = world();
    for (let times = 0; times < 2; times += 1) {
      log.error({}, 'an error');
      log.warn({}, 'a warning');
      log.info({}, 'news');
      log.debug({}, 'detail');
    }
    const once = ['error an error', 'warn a warning', 'info news', 'debug detail'];
    expect(lines).toEqual([...once, ...once]);
  });
});
