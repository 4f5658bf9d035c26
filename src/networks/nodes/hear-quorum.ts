import { present } from '../../base/assert.ts';
import { RpcFailure } from './json-rpc.ts';
import type { NodePool, PoolNode } from './node-pool.ts';

/**
 * What each node that counts says, for questions whose answers differ rightly: nodes are not equally far
 * at one moment. Throws RpcFailure where fewer than a quorum answer.
 */
export async function hearQuorum<N extends PoolNode, T>(
  pool: NodePool<N>,
  question: (node: N) => Promise<T>,
): Promise<readonly T[]> {
  const heard = await pool.hearAll(question);
  const values = heard.flatMap((it) =>
    it.kind === 'heard' && pool.counts(it.node) ? [it.value] : [],
  );
  if (values.length >= pool.quorum) return values;
  const reasons = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
  throw new RpcFailure(`fewer nodes than a quorum answer: ${reasons.join('; ')}`);
}

/** Of what a quorum was heard to say: the highest value that a quorum has reached or passed. */
export function reachedByQuorum<T>(
  pool: { readonly quorum: number },
  values: readonly T[],
  order: (a: T, b: T) => number,
): T {
  const descending = values.toSorted((a, b) => order(b, a));
  return present(descending[pool.quorum - 1], 'a quorum was heard');
}
