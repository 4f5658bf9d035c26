import { assert } from '../../base/assert.ts';
import type { SigningPlan } from '../network.ts';
import { parseOutpoint, type Coin } from './coin.ts';

/** What an inspection has chosen, as it goes through settlement to signing. */
export interface SpendingPlan {
  /** In the order of the inputs: the first is the fence. */
  readonly coins: readonly Coin[];
  /** Satoshis of each change output. */
  readonly change: readonly bigint[];
  readonly satPerKvb: bigint;
}

/** Lists as words of one text. */
export function writePlan({
  coins,
  change,
  satPerKvb,
}: SpendingPlan): Readonly<Record<'coins' | 'change' | 'satPerKvb', string>> {
  return {
    coins: coins.map(({ outpoint, units }) => `${outpoint}=${units}`).join(' '),
    change: change.join(' '),
    satPerKvb: satPerKvb.toString(),
  };
}

/** Asserts that it is one of {@link writePlan}'s. */
export function readPlan(plan: SigningPlan): SpendingPlan {
  return {
    coins: wordsOf(plan, 'coins').map(readCoin),
    change: wordsOf(plan, 'change').map(readUnits),
    satPerKvb: readUnits(wordsOf(plan, 'satPerKvb').join(' ')),
  };
}

function wordsOf(plan: SigningPlan, name: string): readonly string[] {
  const text = plan[name];
  assert(typeof text === 'string', 'the plan is of this driver');
  return text === '' ? [] : text.split(' ');
}

function readCoin(text: string): Coin {
  const [outpoint = '', units = '', ...rest] = text.split('=');
  assert(rest.length === 0, 'a coin of the plan is malformed');
  parseOutpoint(outpoint);
  return { outpoint, units: readUnits(units) };
}

function readUnits(text: string): bigint {
  assert(/^[1-9]\d*$/.test(text), 'an amount of the plan is malformed');
  return BigInt(text);
}
