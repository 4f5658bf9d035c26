import { genesisBlock, type Block } from './block.ts';

/** What an unspent output holds. */
export interface Coin {
  readonly units: bigint;
  readonly scriptHex: string;
  /** Of the block that made it. */
  readonly height: number;
  readonly isCoinbase: boolean;
}

export interface StoredBlock {
  readonly block: Block;
  readonly height: number;
  readonly parent: StoredBlock | undefined;
  /** Who came first wins among equals. */
  readonly order: number;
  /** Of this block and the ten before it (BIP-113), whole seconds. */
  readonly medianTime: number;
  /** For each transaction, what it spent; undefined: not validated yet. */
  spent: readonly (readonly Coin[])[] | undefined;
}

/** All blocks that were ever made or given, as a tree. */
export interface BlockStore {
  readonly genesis: StoredBlock;
  find(hash: string): StoredBlock | undefined;
  /** The parent is known; the block is not. */
  add(block: Block): StoredBlock;
  /** The block with the most work whose ancestors and itself are valid; the first of equals. */
  best(): StoredBlock;
  isInvalid(stored: StoredBlock): boolean;
  invalidate(hash: string): void;
  /** Takes the mark off this block, its ancestors and its descendants. */
  reconsider(hash: string): void;
  /** Hashes of all blocks that hold this transaction. */
  blocksWith(txid: string): readonly string[];
  all(): Iterable<StoredBlock>;
  save(): () => void;
}

export function createBlockStore(): BlockStore {
  const genesis = stored(genesisBlock(), undefined, 0);
  genesis.spent = [[]];
  let blocks = new Map([[genesis.block.hash, genesis]]);
  let invalid = new Set<string>();
  let places = new Map<string, readonly string[]>();
  let best = genesis;
  const isInvalid = (from: StoredBlock): boolean => {
    if (invalid.size === 0) return false;
    for (let at: StoredBlock | undefined = from; at !== undefined; at = at.parent) {
      if (invalid.has(at.block.hash)) return true;
    }
    return false;
  };
  const findBest = (): void => {
    best = genesis;
    for (const each of blocks.values()) {
      if (each.height > best.height && !isInvalid(each)) best = each;
    }
  };
  return {
    genesis,
    find: (hash) => blocks.get(hash),
    add(block) {
      const parent = blocks.get(block.parentHash);
      if (parent === undefined) throw new Error('a block without its parent');
      const added = stored(block, parent, blocks.size);
      blocks.set(block.hash, added);
      for (const { txid } of block.transactions) {
        places.set(txid, [...(places.get(txid) ?? []), block.hash]);
      }
      if (added.height > best.height && !isInvalid(added)) best = added;
      return added;
    },
    best: () => best,
    isInvalid,
    invalidate(hash) {
      invalid.add(hash);
      findBest();
    },
    reconsider(hash) {
      const block = blocks.get(hash);
      if (block === undefined) return;
      for (const marked of invalid) {
        const other = blocks.get(marked);
        if (other !== undefined && (descends(other, block) || descends(block, other))) {
          invalid.delete(marked);
        }
      }
      findBest();
    },
    blocksWith: (txid) => places.get(txid) ?? [],
    all: () => blocks.values(),
    save() {
      const kept = { blocks: new Map(blocks), invalid: new Set(invalid), places: new Map(places) };
      const keptBest = best;
      return () => {
        blocks = new Map(kept.blocks);
        invalid = new Set(kept.invalid);
        places = new Map(kept.places);
        best = keptBest;
      };
    },
  };
}

/** Every block of regtest is worth two hashes. */
export function chainWork(stored: StoredBlock): bigint {
  return 2n * BigInt(stored.height + 1);
}

export function ancestorAt(from: StoredBlock, height: number): StoredBlock {
  let at = from;
  while (at.height > height && at.parent !== undefined) at = at.parent;
  return at;
}

/** Whether `stored` is `from`, or one of its descendants. */
export function descends(stored: StoredBlock, from: StoredBlock): boolean {
  return ancestorAt(stored, from.height) === from;
}

function stored(block: Block, parent: StoredBlock | undefined, order: number): StoredBlock {
  const times = [block.time];
  for (let at = parent; at !== undefined && times.length < 11; at = at.parent) {
    times.push(at.block.time);
  }
  const sorted = times.toSorted((a, b) => a - b);
  return {
    block,
    parent,
    order,
    height: parent === undefined ? 0 : parent.height + 1,
    medianTime: sorted[Math.floor(sorted.length / 2)] ?? block.time,
    spent: undefined,
  };
}
