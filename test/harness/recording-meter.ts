import type { Meter } from '../../src/base/meter.ts';

/** A meter whose figures a test reads. */
export interface RecordingMeter {
  readonly meter: Meter;
  /** Of one instrument, by the values of its labels joined with commas; of a histogram, how many were observed. */
  read(name: string): Promise<Readonly<Record<string, number>>>;
}

export function createRecordingMeter(): RecordingMeter {
  const figures = new Map<string, Map<string, number>>();
  const looks: (() => Promise<void> | void)[] = [];
  const seriesOf = (name: string): Map<string, number> => {
    const series = figures.get(name) ?? new Map<string, number>();
    figures.set(name, series);
    return series;
  };
  const add = (name: string, labels: object, value: number): void => {
    const series = seriesOf(name);
    series.set(keyOf(labels), (series.get(keyOf(labels)) ?? 0) + value);
  };
  return {
    meter: {
      counter: ({ name }) => ({ add: (labels, value = 1) => add(name, labels, value) }),
      gauge: ({ name }) => ({
        set: (labels, value) => void seriesOf(name).set(keyOf(labels), value),
        clear: () => seriesOf(name).clear(),
      }),
      histogram: ({ name }) => ({ observe: (labels) => add(name, labels, 1) }),
      beforeReading: (look) => void looks.push(look),
    },
    read: async (name) => {
      for (const look of looks) await look();
      return Object.fromEntries(seriesOf(name));
    },
  };
}

function keyOf(labels: object): string {
  return Object.values(labels).join(',');
}
