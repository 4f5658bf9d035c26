/**
 * A map whose every version stays as it was: `set` gives a new one that shares almost all with the old.
 * So a block can keep the whole state after it, and going back to it costs nothing.
 */
export interface PersistentMap<V> {
  readonly root: Tree<V> | undefined;
}

type Tree<V> = Leaf<V> | Branch<V>;

interface Leaf<V> {
  readonly hash: number;
  /** More than one where keys share all 32 bits of their hash. */
  readonly entries: readonly (readonly [string, V])[];
}

interface Branch<V> {
  /** Sixteen places, by four bits of the hash. */
  readonly children: readonly (Tree<V> | undefined)[];
}

export function emptyMap<V>(): PersistentMap<V> {
  return { root: undefined };
}

export function getFrom<V>(map: PersistentMap<V>, key: string): V | undefined {
  const hash = hashOf(key);
  let tree = map.root;
  for (let shift = 0; tree !== undefined; shift += 4) {
    if ('entries' in tree) return tree.entries.find(([known]) => known === key)?.[1];
    tree = tree.children[(hash >>> shift) & 15];
  }
  return undefined;
}

export function setIn<V>(map: PersistentMap<V>, key: string, value: V): PersistentMap<V> {
  const leaf = { hash: hashOf(key), entries: [[key, value] as const] };
  return { root: insert(map.root, leaf, 0) };
}

function insert<V>(tree: Tree<V> | undefined, leaf: Leaf<V>, shift: number): Tree<V> {
  if (tree === undefined) return leaf;
  if ('entries' in tree) {
    if (tree.hash === leaf.hash) return merged(tree, leaf);
    // Two leaves part at the first four bits in which their hashes differ.
    const parted: Branch<V> = { children: placed([], (tree.hash >>> shift) & 15, tree) };
    return insert(parted, leaf, shift);
  }
  const place = (leaf.hash >>> shift) & 15;
  return { children: placed(tree.children, place, insert(tree.children[place], leaf, shift + 4)) };
}

function merged<V>(old: Leaf<V>, added: Leaf<V>): Leaf<V> {
  const keys = new Set(added.entries.map(([key]) => key));
  const kept = old.entries.filter(([key]) => !keys.has(key));
  return { hash: old.hash, entries: [...kept, ...added.entries] };
}

function placed<V>(
  children: readonly (Tree<V> | undefined)[],
  place: number,
  tree: Tree<V>,
): readonly (Tree<V> | undefined)[] {
  return Array.from({ length: 16 }, (_, index) => (index === place ? tree : children[index]));
}

/** FNV-1a, 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
