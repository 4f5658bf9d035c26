import { randomBytes, randomFillSync } from 'node:crypto';

/** Randomness as an argument, so that a simulation can own it. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** Ids and traces are made several times a request, and a call of the generator costs more than the bytes. */
const POOL_BYTES = 4096;
/** More than this is asked for by itself: it is asked for seldom. */
const MOST_FROM_POOL = 24;

const pool = new Uint8Array(POOL_BYTES);
let taken = POOL_BYTES;

/** The operating system's cryptographic randomness. */
export const systemRandom: Random = {
  bytes: (length) =>
    length > MOST_FROM_POOL ? new Uint8Array(randomBytes(length)) : fromPool(length),
};

/** Bytes that are given once: what has been given out is wiped from the pool. */
function fromPool(length: number): Uint8Array {
  if (taken + length > POOL_BYTES) {
    randomFillSync(pool);
    taken = 0;
  }
  const bytes = pool.slice(taken, taken + length);
  pool.fill(0, taken, taken + length);
  taken += length;
  return bytes;
}
