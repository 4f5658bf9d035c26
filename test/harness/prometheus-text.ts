/** What a process tells: of each series name, the label names that it has; undefined where it has no series yet. */
export type KnownSeries = ReadonlyMap<string, ReadonlySet<string> | undefined>;

/** Reads the text format of Prometheus, of any number of processes. A histogram has three series. */
export function readExposition(texts: readonly string[]): KnownSeries {
  const known = new Map<string, Set<string> | undefined>();
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, name = '', type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (type === undefined) {
      noteSeries(known, line);
      continue;
    }
    const names =
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    for (const each of names) if (!known.has(each)) known.set(each, undefined);
  }
  return known;
}

function noteSeries(known: Map<string, Set<string> | undefined>, line: string): void {
  const [, name, labels = ''] = /^([a-z_]\w*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
  if (name === undefined) return;
  const seen = known.get(name) ?? new Set();
  for (const [, label = ''] of labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) seen.add(label);
  known.set(name, seen);
}

/** The metrics that a query of PromQL asks for, each with the labels that it names for them. */
export interface AskedMetric {
  readonly name: string;
  readonly labels: readonly string[];
}

const WORDS = new Set(['and', 'or', 'unless', 'by', 'without', 'on', 'ignoring', 'bool', 'offset']);

/** Enough of PromQL for the queries in this repository: functions, selectors, ranges and groupings. */
export function metricsAsked(query: string): AskedMetric[] {
  const bare = query.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').replaceAll(/\[[^\]]*\]/g, '');
  const grouped = [...bare.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
  const selectors = bare
    .replaceAll(/\bby \([^)]*\)/g, '')
    .matchAll(/([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(?!\s*\(|\w)/g);
  return [...selectors]
    .filter(([, name = '']) => !WORDS.has(name))
    .map(([, name = '', matchers = '']) => {
      const matched = [...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label);
      return { name, labels: [...matched, ...grouped] };
    });
}
