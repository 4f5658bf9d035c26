import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { shown, type BlockRecord } from './block.ts';
import type { Core } from './core.ts';
import type { ReorgOptions, ReorgReport, SimulatedRandom } from './simulated-chain.ts';
import type { ChainTransaction } from './transaction.ts';

export interface ReorgPlace {
  /** Of the clock, in whole seconds. */
  readonly now: () => bigint;
  readonly random: SimulatedRandom;
}

/** Replaces the newest blocks by a longer branch. */
export function reorganise(core: Core, order: ReorgOptions, place: ReorgPlace): ReorgReport {
  const depth = depthOf(core, order);
  if (depth <= 0) return { depth: 0, abandoned: [], added: [] };
  core.reorgs += 1;
  const abandoned = core.lineage.abandon(depth);
  const all = abandoned.flatMap(({ transactions }) => transactions.map((each) => each.transaction));
  // What needs no key is done again before anything else, in the same order.
  core.due.unshift(...all.filter(({ keyless }) => keyless));
  const signed = all.filter(({ keyless }) => !keyless);
  if (order.transactions !== 'dropped') bringBack(core, signed);
  const toMine = new Set(order.transactions === 'remined' ? signed.map(({ hash }) => hash) : []);
  const added: BlockRecord[] = [];
  const length = Math.max(order.blocks ?? 0, depth + 1);
  for (let index = 0; index < length; index += 1) {
    const timestamp = timeOf(core, abandoned[index], place);
    const isLast = index === length - 1;
    added.push(core.build({ timestamp, pick: picker(toMine, { isLast, random: place.random }) }));
  }
  return { depth, abandoned: abandoned.map(shown), added: added.map(shown) };
}

/** Not past what is final, unless it is asked for, and no deeper than states are kept. */
function depthOf(core: Core, { depth, pastFinal = false }: ReorgOptions): number {
  const head = core.lineage.head();
  const most = pastFinal ? head.number : head.number - head.finalNumber;
  return Math.min(depth, most);
}

/** Back to the pool, but for those whose nonce something else holds by now. */
function bringBack(core: Core, transactions: readonly ChainTransaction[]): void {
  for (const transaction of transactions) {
    if (!core.pool.has(transaction.from, transaction.nonce)) core.pool.put(transaction);
  }
}

/** As far as they go, the times of the blocks that went. */
function timeOf(core: Core, replaced: BlockRecord | undefined, { now }: ReorgPlace): bigint {
  const after = core.lineage.head().timestamp + 1n;
  const wanted = replaced?.timestamp ?? now();
  return wanted > after ? wanted : after;
}

/** One in three waits for a later block, and in the last block one in eight for another time. */
function picker(
  hashes: ReadonlySet<Hex>,
  { isLast, random }: { readonly isLast: boolean; readonly random: SimulatedRandom },
): (candidates: readonly ChainTransaction[]) => ChainTransaction | null {
  const decided = new Map<Hex, boolean>();
  const isTaken = (hash: Hex): boolean => {
    const taken = decided.get(hash) ?? random.below(isLast ? 8 : 3) > 0;
    decided.set(hash, taken);
    return taken;
  };
  return (candidates) => {
    const open = candidates.filter(({ hash }) => hashes.has(hash) && isTaken(hash));
    return open.length === 0 ? null : (open[random.below(open.length)] ?? null);
  };
}
