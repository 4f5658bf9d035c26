import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/harness/manual-clock.ts';
import { createReadiness } from './readiness.ts';

describe('readiness', () => {
  it('is there when every check is well, and says which is not', async () => {
    const clock = createManualClock();
    let words = 'ok';
    const source = createReadiness(clock, { database: () => 'ok', chain: () => words });
    expect(await source.check()).toEqual({
      isReady: true,
      checks: { database: 'ok', chain: 'ok' },
    });
    words = 'was not reached yet';
    clock.advance(200);
    expect(await source.check()).toEqual({
      isReady: false,
      checks: { database: 'ok', chain: 'was not reached yet' },
    });
  });

  it('ends at once when the process stops', async () => {
    const source = createReadiness(createManualClock(), { database: () => 'ok' });
    expect((await source.check()).isReady).toBe(true);
    source.stop();
    expect(await source.check()).toEqual({
      isReady: false,
      checks: { process: 'is stopping', database: 'ok' },
    });
  });

  it('tells of an error by its code alone', async () => {
    const refused = Object.assign(new Error('connect postgres://knit:secret@db'), {
      code: 'ECONNREFUSED',
    });
    const source = createReadiness(createManualClock(), {
      database: async () => await Promise.reject(new Error('lost', { cause: refused })),
      chain: () => {
        throw new Error('https://node/secret');
      },
    });
    expect((await source.check()).checks).toEqual({
      database: 'is not reachable (ECONNREFUSED)',
      chain: 'is not reachable',
    });
  });

  it('asks once for all who ask at a time, and waits for what hangs no longer than two seconds', async () => {
    const clock = createManualClock();
    let asked = 0;
    let answer = (): void => undefined;
    const source = createReadiness(clock, {
      database: async () => {
        asked += 1;
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return 'ok';
      },
    });
    const all = Promise.all([source.check(), source.check()]);
    clock.advance(2_000);
    const late = { isReady: false, checks: { database: 'has not answered in 2000 ms' } };
    expect(await all).toEqual([late, late]);
    const next = source.check();
    clock.advance(2_000);
    expect([await next, asked]).toEqual([late, 1]);
    answer();
    await Promise.resolve();
    clock.advance(200);
    const after = source.check();
    answer();
    expect((await after).isReady).toBe(true);
  });
});
