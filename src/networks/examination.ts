import type { NetworkId } from '../money/asset.ts';
import { ChainMismatch } from './network.ts';
import { RpcFailure } from './nodes/json-rpc.ts';

/** One thing that was looked at, for an operator. Neither text shows a URL or a secret. */
export interface Finding {
  /** `fail`: payouts do not work, or are not safe, until it is mended. `warn`: they may stop. */
  readonly level: 'ok' | 'warn' | 'fail';
  readonly what: string;
  /** What to do about it; null where all is well. */
  readonly mend: string | null;
}

/** A finding, and the network that it is about; null where it is about all of the installation. */
export interface PlacedFinding extends Finding {
  readonly network: NetworkId | null;
}

/** Looks at what a network's configuration leads to, without a key. Throws for nothing that nodes do. */
export interface NetworkExaminer {
  /** Each node by itself, in the order of the setting. */
  examineNodes(): Promise<readonly NodeExamination[]>;
  /** What the treasury's own account lacks before it can pay. */
  examineTreasury(accounts: {
    readonly treasury: string;
    readonly gasAccounts: readonly string[];
  }): Promise<readonly Finding[]>;
  /** How far a node's newest block may be behind the others'. */
  readonly lagBlocks: bigint;
  /** How old the newest block of a node that keeps up can be. */
  readonly oldestNewestMs: number;
}

export interface NodeExamination {
  /** "node 1 of 3" */
  readonly label: string;
  /** Null where it does not answer, or is of another chain. */
  readonly newest: { readonly number: bigint; readonly time: Date } | null;
  readonly findings: readonly Finding[];
}

export function fine(what: string): Finding {
  return { level: 'ok', what, mend: null };
}

export function warning(what: string, mend: string): Finding {
  return { level: 'warn', what, mend };
}

export function wrong(what: string, mend: string): Finding {
  return { level: 'fail', what, mend };
}

/** Something that a node has to be able to do. */
export interface Ability {
  /** "the state at the finalized block" */
  readonly of: string;
  /** What is gone without it: a warning where payouts go on, else a failure. */
  readonly without: 'warn' | 'fail';
  readonly mend: string;
  /** Throws RpcFailure where the node cannot. */
  readonly tryOut: () => Promise<unknown>;
}

/** Looks at each node: first whether it answers and is of the chain, then what it can do. */
export async function examineNodes<N extends { readonly label: string }>(
  nodes: readonly N[],
  newest: (node: N) => Promise<{ readonly number: bigint; readonly time: Date }>,
  abilities: (node: N) => readonly Ability[],
): Promise<readonly NodeExamination[]> {
  return await Promise.all(
    nodes.map(
      async (node) =>
        await examineNode(node.label, async () => await newest(node), abilities(node)),
    ),
  );
}

async function examineNode(
  label: string,
  askNewest: () => Promise<{ readonly number: bigint; readonly time: Date }>,
  abilities: readonly Ability[],
): Promise<NodeExamination> {
  try {
    const newest = await askNewest();
    const found = await Promise.all(abilities.map(async (it) => await tryAbility(label, it)));
    const lacks = found.flat();
    const well = fine(`${label} answers, is of the chain and can do what is asked of it`);
    return { label, newest, findings: lacks.length === 0 ? [well] : lacks };
  } catch (error) {
    if (error instanceof ChainMismatch) {
      const mend = 'name a node of this chain in its place';
      return { label, newest: null, findings: [wrong(error.message, mend)] };
    }
    const mend = 'repair it, or name another node in its place';
    return { label, newest: null, findings: [wrong(messageOfNode(error), mend)] };
  }
}

async function tryAbility(label: string, ability: Ability): Promise<readonly Finding[]> {
  const { of, without, mend } = ability;
  try {
    await ability.tryOut();
    return [];
  } catch (error) {
    return [
      { level: without, what: `${label} does not give ${of}: ${messageOfNode(error)}`, mend },
    ];
  }
}

/** Rethrows what is no failure of a node: a mistake of ours must not look like one. */
export function messageOfNode(error: unknown): string {
  if (error instanceof RpcFailure || error instanceof ChainMismatch) return error.message;
  throw error;
}
