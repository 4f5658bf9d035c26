import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/harness/manual-clock.ts';
import { createPrometheusMeter, type PrometheusMeter } from './prometheus-meter.ts';

async function seriesOf(meter: PrometheusMeter, name: string): Promise<string[]> {
  const { text } = await meter.read();
  return text.split('\n').filter((line) => new RegExp(`^${name}[ {_]`).test(line));
}

const clock = createManualClock();

describe('the figures', () => {
  it('are counted, set and spread in the text format', async () => {
    const meter = createPrometheusMeter({ clock });
    const counter = meter.counter({ name: 'a_total', help: 'A.', labels: ['kind'] });
    counter.add({ kind: 'x' });
    counter.add({ kind: 'x' }, 2);
    counter.add({ kind: 'y"\n' });
    meter.gauge({ name: 'b', help: 'B.' }).set({}, -1.5);
    const spread = meter.histogram({ name: 'c_seconds', help: 'C.', buckets: [0.1, 1] });
    for (const value of [0.05, 0.5, 5]) spread.observe({}, value);
    expect(await seriesOf(meter, 'a_total')).toEqual([
      'a_total{kind="x"} 3',
      'a_total{kind="y\\"\\n"} 1',
    ]);
    expect(await seriesOf(meter, 'b')).toEqual(['b -1.5']);
    expect(await seriesOf(meter, 'c_seconds')).toEqual([
      'c_seconds_bucket{le="0.1"} 1',
      'c_seconds_bucket{le="1"} 2',
      'c_seconds_bucket{le="+Inf"} 3',
      'c_seconds_sum 5.55',
      'c_seconds_count 3',
    ]);
    expect((await meter.read()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect((await seriesOf(meter, 'process_cpu_seconds_total')).length).toBe(1);
  });

  it('leave out what is no figure, and never throw into what is measured', async () => {
    const meter = createPrometheusMeter({ clock });
    meter.counter({ name: 'a_total', help: 'A.' }).add({}, -1);
    meter.gauge({ name: 'b', help: 'B.' }).set({}, Number.NaN);
    const spread = meter.histogram({ name: 'c', help: 'C.', buckets: [1] });
    spread.observe({}, Number.POSITIVE_INFINITY);
    expect(await seriesOf(meter, 'a_total')).toEqual(['a_total 0']);
    expect(await seriesOf(meter, 'b')).toEqual(['b 0']);
    expect(await seriesOf(meter, 'c')).toContain('c_count 0');
  });

  it('are shared by those who ask for one name, who must mean the same', async () => {
    const meter = createPrometheusMeter({ clock });
    const about = { name: 'a_total', help: 'A.', labels: ['kind'] as const };
    meter.counter(about).add({ kind: 'x' });
    meter.counter(about).add({ kind: 'x' });
    expect(await seriesOf(meter, 'a_total')).toEqual(['a_total{kind="x"} 2']);
    expect(() => meter.counter({ ...about, labels: ['other'] })).toThrow('the same labels');
    expect(() => meter.gauge(about)).toThrow('is a gauge');
  });

  it('are not told of once they are cleared', async () => {
    const meter = createPrometheusMeter({ clock });
    const labelled = meter.gauge({ name: 'a', help: 'A.', labels: ['lane'] });
    const plain = meter.gauge({ name: 'b', help: 'B.' });
    labelled.set({ lane: 'x' }, 1);
    plain.set({}, 1);
    labelled.clear();
    plain.clear();
    expect(await seriesOf(meter, 'a')).toEqual([]);
    expect(await seriesOf(meter, 'b')).toEqual([]);
    plain.set({}, 2);
    expect(await seriesOf(meter, 'b')).toEqual(['b 2']);
  });
});

describe('what is looked up', () => {
  it('is looked up once for all who read at a time, and holds for as long as it says', async () => {
    const time = createManualClock();
    const meter = createPrometheusMeter({ clock: time });
    let looks = 0;
    const look = async (): Promise<void> => {
      await Promise.resolve();
      looks += 1;
    };
    meter.beforeReading(look, { everyMs: 10_000, gauges: [] });
    await Promise.all([meter.read(), meter.read(), meter.read()]);
    await meter.read();
    expect(looks).toBe(1);
    time.advance(9_999);
    await meter.read();
    expect(looks).toBe(1);
    time.advance(1);
    await meter.read();
    expect(looks).toBe(2);
  });

  it('takes its figures along where it fails, and leaves the others', async () => {
    const failures: unknown[] = [];
    const meter = createPrometheusMeter({ clock, onFailedLook: (error) => failures.push(error) });
    const gauge = meter.gauge({ name: 'backlog', help: 'B.' });
    const other = meter.gauge({ name: 'other', help: 'O.' });
    let isAway = false;
    const look = (): void => {
      if (isAway) throw new Error('the database is away');
      gauge.set({}, 5);
    };
    meter.beforeReading(look, { everyMs: 0, gauges: [gauge] });
    meter.beforeReading(() => other.set({}, 1));
    expect(await seriesOf(meter, 'backlog')).toEqual(['backlog 5']);
    isAway = true;
    expect(await seriesOf(meter, 'backlog')).toEqual([]);
    expect(await seriesOf(meter, 'other')).toEqual(['other 1']);
    expect(await seriesOf(meter, 'knit_metrics_look_failures_total')).toEqual([
      'knit_metrics_look_failures_total 3',
    ]);
    expect(failures.map(String)).toContain('Error: the database is away');
  });

  it('keeps no reader for long', async () => {
    const time = createManualClock();
    const meter = createPrometheusMeter({ clock: time });
    const gauge = meter.gauge({ name: 'backlog', help: 'B.' });
    let answer = (): void => undefined;
    const look = async (): Promise<void> => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      gauge.set({}, 7);
    };
    meter.beforeReading(look, { everyMs: 10_000, gauges: [gauge] });
    const reading = seriesOf(meter, 'backlog');
    time.advance(4_000);
    expect(await reading).toEqual([]);
    // What comes late is there for the next one, who does not ask again.
    answer();
    expect(await seriesOf(meter, 'backlog')).toEqual(['backlog 7']);
  });
});
