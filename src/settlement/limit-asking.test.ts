import { beforeEach, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import type { Payout } from '../payouts/payout.ts';
import { limitAsking } from './limit-asking.ts';

let nowMs: number;
let asked: string[];
let answer: () => void;
let answered: Promise<void>;
beforeEach(() => {
  nowMs = 1_000_000;
  asked = [];
  answered = new Promise((resolve) => {
    answer = resolve;
  });
});

const clock: Clock = {
  now: () => new Date(nowMs),
  sleep: async () => await Promise.resolve(),
};
const payout = (payoutId: string): Payout => ({ payoutId }) as Payout;

function limited(): (payout: Payout) => Promise<void> {
  const ask = async ({ payoutId }: Payout): Promise<void> => {
    asked.push(payoutId);
    await answered;
  };
  return limitAsking(ask, { clock, everyMs: 1000, most: 2 });
}

it('shares one asking among those who ask about one payout at once', async () => {
  const ask = limited();
  const all = Promise.all([ask(payout('a')), ask(payout('a')), ask(payout('a'))]);
  answer();
  await all;
  expect(asked).toEqual(['a']);
});

it('asks about a payout again when the pause is over, also after the clock was set back', async () => {
  const ask = limited();
  answer();
  await ask(payout('a'));
  nowMs += 999;
  await ask(payout('a'));
  expect(asked).toEqual(['a']);
  nowMs += 1;
  await ask(payout('a'));
  expect(asked).toEqual(['a', 'a']);
  nowMs -= 3_600_000;
  await ask(payout('a'));
  expect(asked).toEqual(['a', 'a', 'a']);
});

it('does not let more than so many wait for the nodes', async () => {
  const ask = limited();
  const first = [ask(payout('a')), ask(payout('b'))];
  await ask(payout('c'));
  expect(asked).toEqual(['a', 'b']);
  answer();
  await Promise.all(first);
  await ask(payout('c'));
  expect(asked).toEqual(['a', 'b', 'c']);
});

it('goes on after an asking that failed', async () => {
  const ask = limitAsking(async () => await Promise.reject(new Error('no')), {
    clock,
    everyMs: 0,
    most: 1,
  });
  await expect(ask(payout('a'))).rejects.toThrow('no');
  await expect(ask(payout('b'))).rejects.toThrow('no');
});
