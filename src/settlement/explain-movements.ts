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
 * units are the payout's, nothing proves that it was not paid, and it explains no other transfer. Where the
 * transaction names its payouts, the name decides in place of the recipient. What is missing from the answer
 * is explained by nothing. `offered` in the order of their position.
 */
export function explainMovements<M extends Movement>(
  network: NetworkId,
  movements: readonly M[],
  offered: readonly Explanation[],
): ReadonlyMap<M, Explanation> {
  const left = Map.groupBy(
    offered.filter(({ fate }) => fate === 'OPEN' || fate === 'PAID'),
    (explanation) => kindOf(explanation, explanation.units),
  );
  const explained = new Map<M, Explanation>();
  for (const movement of movements) {
    if (movement.kind !== 'transfer' || movement.direction !== 'out') continue;
    if (movement.carried === null) continue;
    const alike = left.get(kindOf(movement.carried, movement.units)) ?? [];
    const { counterparty, payoutId } = movement;
    const index = alike.findIndex((explanation) =>
      payoutId === undefined
        ? sameAddress(network, counterparty, explanation.toAddress)
        : explanation.payoutId === payoutId,
    );
    const [found] = index < 0 ? [] : alike.splice(index, 1);
    if (found !== undefined) explained.set(movement, found);
  }
  return explained;
}

/** Of the same attempt, and of the same size: a range of blocks can hold very many. */
function kindOf(carried: NonNullable<Movement['carried']>, units: bigint): string {
  return `${carried.fence} ${carried.authorityHash} ${units}`;
}
