import { assert, present } from '../../../src/base/assert.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { BlockRecord } from './block.ts';
import type { JournaledState, StateView } from './state.ts';

/** A chain as one node sees it: up to some block, on some branch. */
export interface ChainView {
  readonly head: BlockRecord;
  at(number: number): BlockRecord | null;
  /** The state after a block of the view; null where it is forgotten. */
  stateAt(block: BlockRecord): StateView | null;
}

/** Where a block holds a transaction. */
export interface Place {
  readonly block: BlockRecord;
  readonly index: number;
}

/** All blocks there ever were, and the state after the newest. */
export interface Lineage {
  head(): BlockRecord;
  /** The chain up to this block, at most up to its newest. */
  view(headNumber: number): ChainView;
  /** The branch that the last reorganisation left; the chain where there was none. */
  abandonedView(): ChainView;
  append(block: BlockRecord): void;
  /** Takes the newest blocks back, state and all. Gives them, oldest first. */
  abandon(depth: number): readonly BlockRecord[];
  /** Where the transaction is on this view; null where it is not. */
  find(view: ChainView, hash: Hex): Place | null;
  byHash(hash: Hex): BlockRecord | null;
  isCanonical(block: BlockRecord): boolean;
  canonical(): readonly BlockRecord[];
  /** Every block, abandoned ones too, in the order in which they came. */
  all(): readonly BlockRecord[];
}

export function createLineage(
  genesis: BlockRecord,
  options: { readonly state: JournaledState; readonly keptStates: number },
): Lineage {
  const { state, keptStates } = options;
  const blocks = [genesis];
  const everything = [genesis];
  const byHash = new Map<Hex, BlockRecord>([[genesis.hash, genesis]]);
  const places = new Map<Hex, Place[]>();
  let abandoned: readonly BlockRecord[] = [];
  const head = (): BlockRecord => present(blocks.at(-1), 'a chain has a first block');
  const stateAt = (number: number): StateView | null => {
    const newest = head().number;
    if (number <= newest - keptStates) return null;
    if (number === newest) return state;
    // The first later block that changed a key knows what it held before.
    const undos = blocks.slice(number + 1).map(({ undo }) => undo);
    return {
      word(key) {
        for (const undo of undos) {
          const before = undo?.get(key);
          if (before !== undefined) return before;
        }
        return state.word(key);
      },
    };
  };
  const view = (headNumber: number): ChainView => {
    const newest = present(blocks[Math.min(headNumber, head().number)], 'the head is a block');
    return {
      head: newest,
      at: (number) => (number <= newest.number ? (blocks[number] ?? null) : null),
      stateAt: (block) => stateAt(block.number),
    };
  };
  return {
    head,
    view,
    abandonedView: () => {
      const last = abandoned.at(-1);
      return last === undefined ? view(head().number) : branchView(abandoned, { blocks, stateAt });
    },
    append(block) {
      assert(block.parentHash === head().hash, 'a block follows the newest');
      blocks.push(block);
      everything.push(block);
      byHash.set(block.hash, block);
      block.transactions.forEach(({ transaction: { hash } }, index) => {
        places.set(hash, [...(places.get(hash) ?? []), { block, index }]);
      });
      const old = blocks[block.number - keptStates];
      if (old !== undefined) old.undo = null;
    },
    abandon(depth) {
      assert(depth < blocks.length && depth < keptStates, 'there are as many blocks to take back');
      const gone = blocks.splice(blocks.length - depth, depth);
      for (const block of gone.toReversed()) {
        block.redo = state.unseal(present(block.undo, 'the state before is known'));
      }
      abandoned = gone;
      return gone;
    },
    find: (view, hash) =>
      places.get(hash)?.find(({ block }) => view.at(block.number) === block) ?? null,
    byHash: (hash) => byHash.get(hash) ?? null,
    isCanonical: (block) => blocks[block.number] === block,
    canonical: () => blocks,
    all: () => everything,
  };
}

/** A branch that was left: its own blocks, and the chain's before the fork. */
function branchView(
  branch: readonly BlockRecord[],
  chain: {
    readonly blocks: readonly BlockRecord[];
    readonly stateAt: (number: number) => StateView | null;
  },
): ChainView {
  const first = present(branch[0], 'a branch has a block');
  const fork = first.number - 1;
  return {
    head: present(branch.at(-1), 'a branch has a newest block'),
    at: (number) => (number > fork ? branch[number - first.number] : chain.blocks[number]) ?? null,
    stateAt: (block) => {
      const base = chain.stateAt(Math.min(block.number, fork));
      if (block.number <= fork || base === null) return base;
      const own = branch.slice(0, block.number - fork).toReversed();
      return {
        word(key) {
          for (const { redo } of own) {
            const after = redo?.get(key);
            if (after !== undefined) return after;
          }
          return base.word(key);
        },
      };
    },
  };
}
