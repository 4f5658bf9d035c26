import type { NodePool, PoolNode } from './node-pool.ts';

/**
 * What a question put to every node of a pool has proved.
 * `agreed`: as many nodes as the quorum say the same. `against`: those that said something else,
 * whether they count or not; the caller knows whether that is a lie or only lateness, and puts a
 * liar in quarantine.
 * `contradicted`: enough nodes spoke, and no answer has a quorum.
 * `not enough`: fewer nodes than a quorum spoke of those that count. Nothing is proved, nor doubted.
 */
export type QuorumAnswer<N extends PoolNode, T> =
  | {
      readonly kind: 'agreed';
      readonly value: T;
      /** Labels. */
      readonly by: readonly string[];
      readonly against: readonly { readonly node: N; readonly value: T }[];
    }
  | {
      readonly kind: 'contradicted';
      /** What was said, by whom: one entry for each different answer that counts. */
      readonly answers: readonly { readonly value: T; readonly by: readonly string[] }[];
    }
  | { readonly kind: 'not enough'; readonly reasons: readonly string[] };

/**
 * Asks every node in parallel, each wholly by itself. `same` says whether two answers are one; it
 * has to be an equivalence. Nodes in quarantine are asked as well: their word counts for nothing,
 * but those that say what a quorum says come nearer to the end of it. Throws no RpcFailure.
 */
export async function askQuorum<N extends PoolNode, T>(
  pool: NodePool<N>,
  question: (node: N) => Promise<T>,
  same: (a: T, b: T) => boolean,
): Promise<QuorumAnswer<N, T>> {
  const heard = await pool.hearAll(question);
  const spoken = heard.flatMap((it) => (it.kind === 'heard' ? [it] : []));
  const counted = spoken.filter(({ node }) => pool.counts(node));
  if (counted.length < pool.quorum) {
    const failures = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
    const unheard = spoken
      .filter(({ node }) => !pool.counts(node))
      .map(({ node }) => `${node.label} is in quarantine`);
    return { kind: 'not enough', reasons: [...failures, ...unheard] };
  }
  const answers = groupsOf(counted, same);
  const agreed = answers.find(({ nodes }) => nodes.length >= pool.quorum);
  if (agreed === undefined) {
    return {
      kind: 'contradicted',
      answers: answers.map(({ value, nodes }) => ({ value, by: nodes.map(labelOf) })),
    };
  }
  const { value } = agreed;
  for (const it of spoken) pool.weigh(it.node, same(it.value, value));
  const against = spoken.filter((it) => !same(it.value, value));
  return { kind: 'agreed', value, by: agreed.nodes.map(labelOf), against };
}

interface Spoken<N extends PoolNode, T> {
  readonly node: N;
  readonly value: T;
}

function groupsOf<N extends PoolNode, T>(
  spoken: readonly Spoken<N, T>[],
  same: (a: T, b: T) => boolean,
): { readonly value: T; readonly nodes: N[] }[] {
  const groups: { readonly value: T; readonly nodes: N[] }[] = [];
  for (const { node, value } of spoken) {
    const group = groups.find((it) => same(it.value, value));
    if (group === undefined) groups.push({ value, nodes: [node] });
    else group.nodes.push(node);
  }
  return groups;
}

function labelOf(node: PoolNode): string {
  return node.label;
}
