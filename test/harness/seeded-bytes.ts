import type { Random } from '../../src/base/random.ts';
import { createSeededRandom } from './seeded-random.ts';

/** Bytes that a seed decides. */
export function seededBytes(seed: number): Random {
  const source = createSeededRandom(seed);
  return { bytes: (length) => Uint8Array.from({ length }, () => source.between(0, 255)) };
}
