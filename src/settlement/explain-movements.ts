import type { NetworkId } from '../money/asset.ts';
import { sameAddress } from '../networks/address.ts';
import type { Movement } from '../networks/network.ts';

/** One payout of an attempt, as a reason for a transfer. */
export interface Explanation {
  readonly attemptId: string;
  readonly fence: string;
  readonly authorityHash: string;
  readonly payoutId: string;
  readonly toAddress: string;
  readonly units: bigint;
  readonly fate: 'OPEN' | 'PAID' | 'REFUSED' | 'DEAD';
}

/**
 * Which payout explains which transfer: the transaction carried out the payout's attempt, recipient and
 * units are the payout's, nothing proves that it was not paid, and it explains no other transfer. What
 * is missing from the answer is explained by nothing. `offered` in the order of their position.
 */
export function explainMovements<M extends Movement>(
  network: NetworkId,
  movements: readonly M[],
  offered: readonly Explanation[],
): ReadonlyMap<M, Explanation> {
  const left = new Set(offered.filter(({ fate }) => fate === 'OPEN' || fate === 'PAID'));
  const explained = new Map<M, Explanation>();
  for (const movement of movements) {
    const found = [...left].find((explanation) => explains(network, explanation, movement));
    if (found === undefined) continue;
    left.delete(found);
    explained.set(movement, found);
  }
  return explained;
}

function explains(network: NetworkId, explanation: Explanation, movement: Movement): boolean {
  const { carried } = movement;
  return (
    movement.direction === 'out' &&
    carried !== null &&
    carried.fence === explanation.fence &&
    carried.authorityHash === explanation.authorityHash &&
    movement.units === explanation.units &&
    sameAddress(network, movement.counterparty, explanation.toAddress)
  );
}
