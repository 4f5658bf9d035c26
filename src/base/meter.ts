/** What names an instrument. Names and units follow Prometheus: a base unit and `_total` for what is counted. */
export interface Instrument<L extends string> {
  readonly name: string;
  readonly help: string;
  /** Few values each, known before: never an id, an address or anything else that a caller chooses. */
  readonly labels?: readonly L[];
}

export type LabelValues<L extends string> = Readonly<Record<L, string>>;

/** Only grows. */
export interface Counter<L extends string = never> {
  add(labels: LabelValues<L>, value?: number): void;
}

/** What is so at this moment. */
export interface Gauge<L extends string = never> {
  set(labels: LabelValues<L>, value: number): void;
  /** Forgets every series, so that one which is no longer there is not told of for ever. */
  clear(): void;
}

/** How values are spread. */
export interface Histogram<L extends string = never> {
  observe(labels: LabelValues<L>, value: number): void;
}

/**
 * Makes the instruments of a room, once, when the room's part is made. Two parts may ask for one name: they
 * share the instrument.
 */
export interface Meter {
  counter<L extends string = never>(about: Instrument<L>): Counter<L>;
  gauge<L extends string = never>(about: Instrument<L>): Gauge<L>;
  histogram<L extends string = never>(
    about: Instrument<L> & { readonly buckets: readonly number[] },
  ): Histogram<L>;
  /** Runs before the figures are read: sets gauges of what is only known by looking. */
  beforeReading(look: () => Promise<void> | void, lookup?: Lookup): void;
}

/** A look that costs something: it asks the database. */
export interface Lookup {
  /** In any such time it runs once, however many read. */
  readonly everyMs: number;
  /** Emptied where the look fails or is not done in time: nothing is better than what was so. */
  readonly gauges: readonly { clear(): void }[];
}

/** How long what was looked up in the database is told of again. */
export const LOOK_EVERY_MS = 10_000;

/** Measures nothing. */
export const noMeter: Meter = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined, clear: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  beforeReading: () => undefined,
};
