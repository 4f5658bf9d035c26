import { describe, expect, it } from 'vitest';
import { metricsAsked, readExposition } from './prometheus-text.ts';

describe('a query', () => {
  it.each([
    ['max(a_b)', [['a_b', []]]],
    ['sum by (x) (rate(a_total{job=~"$job", y!="1"}[5m]))', [['a_total', ['job', 'y', 'x']]]],
    [
      'sum(rate(a_total{s=~"5.."}[5m])) > 0.01 * sum(rate(b_total[5m]))',
      [
        ['a_total', ['s']],
        ['b_total', []],
      ],
    ],
    [
      'histogram_quantile(0.99, sum by (le, network) (rate(c_bucket{job=~"{b}"}[$__rate_interval])))',
      [['c_bucket', ['job', 'le', 'network']]],
    ],
    [
      'a == 1 and on (x) b{}',
      [
        ['a', []],
        ['b', []],
      ],
    ],
  ])('%s', (query, asked) => {
    const found = metricsAsked(query).filter(({ name }) => name !== 'x');
    expect(found.map(({ name, labels }) => [name, labels])).toEqual(asked);
  });
});

describe('the text of several processes', () => {
  it('gives each series with its labels', () => {
    const known = readExposition([
      '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1",y="a\\"b}"} 3\n',
      '# TYPE b histogram\nb_bucket{le="1"} 0\nb_sum 0\nb_count 0\n# TYPE c gauge\n',
    ]);
    expect([...known].map(([name, labels]) => [name, labels && [...labels]])).toEqual([
      ['a_total', ['x', 'y']],
      ['b_bucket', ['le']],
      ['b_sum', []],
      ['b_count', []],
      ['c', undefined],
    ]);
  });
});
