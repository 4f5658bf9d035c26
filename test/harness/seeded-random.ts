import { createHash } from 'node:crypto';
import { assert, present } from '../../src/base/assert.ts';
import type { Random } from '../../src/base/random.ts';

/** Randomness that is the same for the same seed. Only for tests and measurements: not for keys. */
export interface SeededRandom extends Random {
  /** From 0 up to, and without, 1. */
  fraction(): number;
  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** True in `share` of all cases; a share of 0 draws nothing, so that what is off changes nothing. */
  chance(share: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Another stream, which depends on the seed and the label and on nothing drawn before. */
  fork(label: string): SeededRandom;
}

const WORD = 2 ** 32;

/** The generator is sfc32 of PractRand, its state the SHA-256 of the seed. */
export function createSeededRandom(seed: string | number): SeededRandom {
  const hash = createHash('sha256').update(String(seed)).digest();
  const state = Uint32Array.from([0, 4, 8, 12].map((offset) => hash.readUInt32LE(offset)));
  const word = (): number => {
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const sum = (a + b + counter) >>> 0;
    state[3] = counter + 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    return sum;
  };
  const fraction = (): number => word() / WORD;
  const below = (bound: number): number => {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= WORD, 'a bound is 1 to 2^32');
    return Math.floor(fraction() * bound);
  };
  return {
    fraction,
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: (share) => share > 0 && fraction() < share,
    pick: (list) => present(list[below(list.length)], 'there is something to pick from'),
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
    fork: (label) => createSeededRandom(`${seed}/${label}`),
  };
}
