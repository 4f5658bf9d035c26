import type { Block } from './block.ts';
import type { Commitment } from './chain-interface.ts';

/** A fork as somebody sees it: a newest block and all before it. */
export interface ForkView {
  readonly head: Block;
  readonly confirmed: Block;
  readonly finalized: Block;
  /** Null above the head. */
  readonly at: (height: number) => Block | null;
  readonly holds: (block: Block) => boolean;
}

export interface Lineage {
  append(block: Block): void;
  /** Takes the newest blocks away and gives them, oldest first. */
  cut(depth: number): readonly Block[];
  head(): Block;
  /** The chain as it is, of which the newest block is at most at this height and in this slot. */
  view(bounds?: { readonly height?: number; readonly slot?: number }): ForkView;
  /** The fork that the last reorganisation dropped; the chain itself where there was none. */
  abandonedView(): ForkView;
  /**
   * The chain, of which the newest block is another one than everybody's: empty, of the same parent and
   * slot.
   */
  strayView(blockhashOf: (block: Block) => string): ForkView;
}

export function createLineage(genesis: Block): Lineage {
  const blocks: Block[] = [genesis];
  let abandoned: readonly Block[] | null = null;
  const head = (): Block => last(blocks);
  return {
    append: (block) => void blocks.push(block),
    cut(depth) {
      abandoned = [...blocks];
      return blocks.splice(blocks.length - depth, depth);
    },
    head,
    view(bounds = {}) {
      let height = Math.max(0, Math.min(bounds.height ?? Infinity, head().height));
      while (height > 0 && blockAt(blocks, height).slot > (bounds.slot ?? Infinity)) height -= 1;
      return viewOf(blocks, height);
    },
    abandonedView: () => {
      const fork = abandoned ?? blocks;
      return viewOf(fork, last(fork).height);
    },
    strayView(blockhashOf) {
      const newest = head();
      if (newest.height === 0) return viewOf(blocks, 0);
      const parent = viewOf(blocks, newest.height - 1);
      const stray = {
        ...newest,
        transactions: [],
        controls: [],
        blockhash: blockhashOf(newest),
      };
      const at = (height: number): Block | null =>
        height === stray.height ? stray : parent.at(height);
      return {
        head: stray,
        confirmed: blockAt(blocks, Math.min(stray.confirmedHeight, parent.head.height)),
        finalized: blockAt(blocks, stray.finalizedHeight),
        at,
        holds: (block) => at(block.height) === block || block.blockhash === stray.blockhash,
      };
    },
  };
}

export function blockOf(view: ForkView, commitment: Commitment): Block {
  switch (commitment) {
    case 'processed':
      return view.head;
    case 'confirmed':
      return view.confirmed;
    case 'finalized':
      return view.finalized;
  }
}

/** The view, of which the head is an older block: what was known by then of a later one counts too. */
export function upTo(view: ForkView, block: Block): ForkView {
  const at = (height: number): Block | null => (height > block.height ? null : view.at(height));
  return { ...view, head: block, at, holds: (each) => at(each.height) === each };
}

function viewOf(blocks: readonly Block[], height: number): ForkView {
  const head = blockAt(blocks, height);
  const at = (wanted: number): Block | null => (wanted > height ? null : (blocks[wanted] ?? null));
  return {
    head,
    confirmed: blockAt(blocks, head.confirmedHeight),
    finalized: blockAt(blocks, head.finalizedHeight),
    at,
    holds: (block) => at(block.height) === block,
  };
}

function blockAt(blocks: readonly Block[], height: number): Block {
  const block = blocks[height];
  if (block === undefined) throw new Error(`The fork has no block at height ${height}.`);
  return block;
}

function last(blocks: readonly Block[]): Block {
  return blockAt(blocks, blocks.length - 1);
}
