import { expect, test } from 'vitest';
import { createPlaces, type LaneResult, type Places } from './share-places.ts';

const good: LaneResult = { kind: 'delivered', durationMs: 5 };
const failed: LaneResult = { kind: 'failed', durationMs: 5 };
const slow: LaneResult = { kind: 'delivered', durationMs: 2001 };

/** Lanes of a business that have each been heard `result` of. */
function heard(places: Places, owner: string, count: number, result = good): string[] {
  const lanes = Array.from({ length: count }, (_, index) => `${owner}-${index}`);
  for (const lane of lanes) {
    places.begin(lane, owner);
    places.end(lane, result);
  }
  return lanes;
}

function take(places: Places, due: readonly string[]): Record<string, number> {
  const shares = places.share(due);
  for (const [lane, count] of shares) {
    const owner = lane.replace(/-\d+$/, '');
    for (let taken = 0; taken < count; taken += 1) places.begin(lane, owner);
  }
  return Object.fromEntries(shares);
}

test('each business gets the same, however many endpoints it has', () => {
  const places = createPlaces({ overall: 12, perEndpoint: 8 });
  const many = heard(places, 'many', 50);
  const one = heard(places, 'one', 1);
  const shares = take(places, [...many, ...one]);
  expect(shares['one-0']).toBe(6);
  expect(Object.keys(shares)).toHaveLength(7);
  expect(places.free()).toBe(0);
});

test('what is under way counts: a place that falls free goes to who holds the fewest', () => {
  const places = createPlaces({ overall: 8, perEndpoint: 8 });
  const many = heard(places, 'many', 50);
  const one = heard(places, 'one', 1);
  take(places, many);
  expect(take(places, one)).toEqual({});
  places.end('many-0', good);
  places.end('many-1', good);
  expect(take(places, [...many, ...one])).toEqual({ 'one-0': 2 });
});

test('a business alone has all the places that its endpoints bear', () => {
  const places = createPlaces({ overall: 100, perEndpoint: 8 });
  expect(take(places, heard(places, 'alone', 3))).toEqual({
    'alone-0': 8,
    'alone-1': 8,
    'alone-2': 8,
  });
});

test('lanes are served in the order given where places are few', () => {
  const places = createPlaces({ overall: 2, perEndpoint: 8 });
  const lanes = heard(places, 'alone', 4);
  expect(take(places, lanes.toReversed())).toEqual({ 'alone-3': 1, 'alone-2': 1 });
});

test.each([
  ['that fail hold a quarter together and one each', failed, { perLane: 1, all: 4 }],
  ['that are slow hold a quarter together', slow, { perLane: 1, all: 4 }],
])('endpoints %s', (_name, result, most) => {
  const places = createPlaces({ overall: 16, perEndpoint: 4 });
  const shares = take(places, heard(places, 'poor', 10, result));
  expect(Math.max(...Object.values(shares))).toBe(most.perLane);
  expect(Object.keys(shares)).toHaveLength(most.all);
  const healthy = heard(places, 'healthy', 3);
  expect(take(places, healthy)).toEqual({ 'healthy-0': 4, 'healthy-1': 4, 'healthy-2': 4 });
});

test('a hundred dead endpoints that begin at once leave half of the places to who was heard', () => {
  const places = createPlaces({ overall: 16, perEndpoint: 4 });
  const healthy = heard(places, 'healthy', 2);
  const fresh = Array.from({ length: 100 }, (_, index) => `fresh-${index}`);
  expect(Object.keys(take(places, fresh))).toHaveLength(8);
  expect(take(places, fresh)).toEqual({});
  expect(take(places, healthy)).toEqual({ 'healthy-0': 4, 'healthy-1': 4 });
});

test('who was slow or failed is believed again after one good answer', () => {
  const places = createPlaces({ overall: 16, perEndpoint: 4 });
  const [lane = ''] = heard(places, 'poor', 1, failed);
  expect(take(places, [lane])).toEqual({ [lane]: 1 });
  places.end(lane, good);
  expect(take(places, [lane])).toEqual({ [lane]: 4 });
});

test('a place is given back once', () => {
  const places = createPlaces({ overall: 1, perEndpoint: 1 });
  places.begin('lane', 'owner');
  places.end('lane', good);
  expect(() => places.end('lane', good)).toThrow('given back once');
});

test('an endpoint that goes on answering quickly has more places, and loses them at once', () => {
  const places = createPlaces({ overall: 100, perEndpoint: 4, perQuickEndpoint: 10 });
  const [lane = ''] = heard(places, 'quick', 1);
  const most = (): number => {
    const { [lane]: count = 0 } = take(places, [lane]);
    for (let ended = 0; ended < count; ended += 1) {
      places.end(lane, { kind: 'idle', durationMs: 0 });
    }
    return count;
  };
  const answer = (times: number, result: LaneResult): void => {
    for (let answered = 0; answered < times; answered += 1) {
      places.begin(lane, 'quick');
      places.end(lane, result);
    }
  };
  expect(most()).toBe(4);
  answer(4, good);
  expect(most()).toBe(5);
  answer(100, { kind: 'delivered', durationMs: 501 });
  expect(most()).toBe(5);
  answer(100, good);
  expect(most()).toBe(10);
  answer(1, slow);
  answer(1, { kind: 'delivered', durationMs: 501 });
  expect(most()).toBe(4);
  answer(100, good);
  answer(1, failed);
  expect(most()).toBe(1);
});
