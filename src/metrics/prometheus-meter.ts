import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type Metric,
} from '@prometheus-io/client';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Instrument, Lookup, Meter } from '../base/meter.ts';
import { createLooks } from './internal/looks.ts';

/** What a reader of figures gets: the text format of Prometheus, version 0.0.4. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export interface PrometheusMeter extends Meter {
  /** All figures of this process. Readers at the same time share one reading. */
  read(): Promise<Exposition>;
}

/** How finely the delay of the event loop is measured. */
const LOOP_PRECISION_MS = 20;

/** How often its use is noted. The library's ten times a second take 1 % of a core: 0.7 ms each. */
const LOOP_USE_EVERY_MS = 1000;

/**
 * Keeps what is measured for Prometheus, with the usual process_ and nodejs_ figures of this process.
 * `onFailedLook` hears of what could not be looked up. A value that no figure can have is left out: what
 * measures must not end what it measures.
 */
export function createPrometheusMeter(deps: {
  readonly clock: Clock;
  readonly onFailedLook?: (error: unknown) => void;
}): PrometheusMeter {
  const registry = new Registry();
  collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: LOOP_PRECISION_MS,
    eventLoopUtilizationTimeout: LOOP_USE_EVERY_MS,
  });
  const lookFailures = new Counter({
    name: 'knit_metrics_look_failures_total',
    help: 'Looks at the database for figures that failed or were not done in time.',
    registers: [registry],
  });
  const looks = createLooks(deps.clock, (error) => {
    lookFailures.inc();
    deps.onFailedLook?.(error);
  });
  let reading: Promise<Exposition> | undefined;
  const read = async (): Promise<Exposition> => {
    await looks.run();
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
  return {
    ...instruments(registry),
    beforeReading: (look: () => Promise<void> | void, lookup?: Lookup) => looks.add(look, lookup),
    read: async () => {
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return await reading;
    },
  };
}

function instruments(registry: Registry): Pick<Meter, 'counter' | 'gauge' | 'histogram'> {
  return {
    counter: (about) => {
      const metric = once(registry, about, (config) => new Counter<string>(config));
      assert(metric instanceof Counter, `${about.name} is a counter`);
      return {
        add: (labels, value = 1) => {
          if (Number.isFinite(value) && value >= 0) metric.inc(labels, value);
        },
      };
    },
    gauge: (about) => {
      const metric = once(registry, about, (config) => new Gauge<string>(config));
      assert(metric instanceof Gauge, `${about.name} is a gauge`);
      return {
        set: (labels, value) => {
          if (Number.isFinite(value)) metric.set(labels, value);
        },
        clear: () => {
          metric.reset();
          // The library gives a gauge without labels a zero, which would be a figure.
          if (about.labels === undefined) metric.remove({});
        },
      };
    },
    histogram: (about) => {
      const buckets = [...about.buckets];
      const make = (config: Config): Histogram<string> =>
        new Histogram<string>({ ...config, buckets });
      const metric = once(registry, about, make);
      assert(metric instanceof Histogram, `${about.name} is a histogram`);
      return {
        observe: (labels, value) => {
          if (Number.isFinite(value)) metric.observe(labels, value);
        },
      };
    },
  };
}

interface Config {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
}

/** Two parts that ask for one name share it, and must mean the same by it. */
function once(
  registry: Registry,
  about: Instrument<string>,
  make: (config: Config) => Metric<string>,
): Metric<string> {
  const { name, help } = about;
  const labelNames = [...(about.labels ?? [])];
  const known = registry.getSingleMetric<string>(name);
  if (known === undefined) return make({ name, help, labelNames, registers: [registry] });
  // The library's types leave out what every metric has.
  const names = (known as unknown as { readonly labelNames: readonly string[] }).labelNames;
  assert(
    names.join() === labelNames.join(),
    `${name} has the same labels wherever it is asked for`,
  );
  return known;
}
