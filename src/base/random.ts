import { randomBytes } from 'node:crypto';

/** Randomness as an argument, so that a simulation can own it. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** The operating system's cryptographic randomness. */
export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
