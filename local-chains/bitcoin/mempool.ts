import type { Coin } from './block-store.ts';
import { outpointKey, type Transaction } from './transaction.ts';

export interface PoolEntry {
  readonly transaction: Transaction;
  readonly feeUnits: bigint;
  /** Virtual bytes as policy counts them: operations that check signatures weigh too. */
  readonly vsize: number;
  readonly sigopCost: number;
  /** Whole seconds since 1970. */
  readonly time: number;
  /** Of the node's newest block when it came. */
  readonly height: number;
}

/** What one node knows and no block holds. */
export interface Mempool {
  /** In the order of arrival. */
  entries(): Iterable<PoolEntry>;
  count(): number;
  entry(txid: string): PoolEntry | undefined;
  /** The id of who spends a coin ("txid:vout"). */
  spenderOf(key: string): string | undefined;
  /** An output of a waiting transaction, spent or not, as if the block of `height` had made it. */
  coin(
    outpoint: { readonly txid: string; readonly vout: number },
    height: number,
  ): Coin | undefined;
  /** Ids of what waits and is spent by it, directly or not. */
  ancestorsOf(transaction: Transaction): ReadonlySet<string>;
  /** The id itself, and those of all that spend it, directly or not. */
  descendantsOf(txid: string): ReadonlySet<string>;
  add(entry: PoolEntry): void;
  /** It alone: what spends it stays. */
  remove(txid: string): void;
  /** How often it changed, from 1. */
  sequence(): number;
  save(): () => void;
}

export function createMempool(): Mempool {
  let pooled = new Map<string, PoolEntry>();
  let spenders = new Map<string, string>();
  let changes = 1;
  const parentsOf = (transaction: Transaction): readonly PoolEntry[] =>
    transaction.inputs.flatMap(({ txid }) => pooled.get(txid) ?? []);
  const childrenOf = ({ transaction: { txid, outputs } }: PoolEntry): readonly PoolEntry[] =>
    outputs.flatMap((_, vout) => {
      const spender = spenders.get(outpointKey({ txid, vout }));
      return spender === undefined ? [] : (pooled.get(spender) ?? []);
    });
  return {
    entries: () => pooled.values(),
    count: () => pooled.size,
    entry: (txid) => pooled.get(txid),
    spenderOf: (key) => spenders.get(key),
    coin({ txid, vout }, height) {
      const output = pooled.get(txid)?.transaction.outputs[vout];
      return output === undefined ? undefined : { ...output, height, isCoinbase: false };
    },
    ancestorsOf: (transaction) =>
      reach(parentsOf(transaction), (entry) => parentsOf(entry.transaction)),
    descendantsOf(txid) {
      const entry = pooled.get(txid);
      return entry === undefined ? new Set() : reach([entry], childrenOf);
    },
    add(entry) {
      changes += 1;
      pooled.set(entry.transaction.txid, entry);
      for (const input of entry.transaction.inputs) {
        spenders.set(outpointKey(input), entry.transaction.txid);
      }
    },
    remove(txid) {
      const entry = pooled.get(txid);
      if (entry === undefined) return;
      changes += 1;
      pooled.delete(txid);
      for (const input of entry.transaction.inputs) spenders.delete(outpointKey(input));
    },
    sequence: () => changes,
    save() {
      const kept = { pooled: new Map(pooled), spenders: new Map(spenders), changes };
      return () => {
        pooled = new Map(kept.pooled);
        spenders = new Map(kept.spenders);
        ({ changes } = kept);
      };
    },
  };
}

/** Takes out a transaction and all that spend it; answers their ids. */
export function removeFamily(pool: Mempool, txid: string): ReadonlySet<string> {
  const family = pool.descendantsOf(txid);
  for (const each of family) pool.remove(each);
  return family;
}

/** In the order in which bitcoind goes through a set of ids: by their bytes, which are shown reversed. */
export function inByteOrder(txids: Iterable<string>): readonly string[] {
  const key = (txid: string): string => (txid.match(/../g) ?? []).reverse().join('');
  return [...txids].toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function reach(
  from: readonly PoolEntry[],
  next: (entry: PoolEntry) => readonly PoolEntry[],
): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [...from];
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    if (reached.has(entry.transaction.txid)) continue;
    reached.add(entry.transaction.txid);
    open.push(...next(entry));
  }
  return reached;
}
