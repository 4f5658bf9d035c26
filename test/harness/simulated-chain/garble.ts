import type { Json } from '../../../src/base/json.ts';
import { isRecord } from '../../../src/networks/nodes/json-rpc.ts';
import type { SimulatedRandom } from './simulated-chain.ts';

/**
 * An answer that no reader can take for another: of another type, or an object of which one value is
 * nonsense. Never a value that could be true, which would be a lie.
 */
export function garble(result: Json, random: SimulatedRandom): Json {
  if (isRecord(result) && random.below(2) === 0) {
    const names = Object.keys(result);
    const name = names[random.below(names.length)] ?? 'hash';
    return { ...result, [name]: 'zz' };
  }
  const others: readonly Json[] = ['nonsense', {}, 12, [[]], true];
  return others[random.below(others.length)] ?? 'nonsense';
}
