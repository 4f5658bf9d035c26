import { assert } from '../base/assert.ts';

/** Splits units into so many whole shares that add up to them; the first ones take what is left over. */
export function shareOut(units: bigint, count: number): bigint[] {
  assert(units >= 0n && count > 0, 'something is shared among somebody');
  const share = units / BigInt(count);
  const left = units % BigInt(count);
  return Array.from({ length: count }, (_, index) => share + (BigInt(index) < left ? 1n : 0n));
}
