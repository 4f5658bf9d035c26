import type { WireTransaction } from './wire-transaction.ts';

/** A transaction on its way to whoever makes the next block. */
export interface Pooled {
  readonly transaction: WireTransaction;
  /** No block below this height takes it. */
  readonly notBeforeHeight: number;
}

export interface Pool {
  /** In the order of arrival. One that is there already keeps its place, and the earlier of the heights. */
  add(transaction: WireTransaction, notBeforeHeight?: number): void;
  /** Before all others. */
  putBack(transactions: readonly Pooled[]): void;
  hold(signature: string, notBeforeHeight: number): void;
  remove(signature?: string): void;
  get(signature: string): Pooled | null;
  all(): readonly Pooled[];
}

export function createPool(): Pool {
  let waiting = new Map<string, Pooled>();
  return {
    add(transaction, notBeforeHeight = 0) {
      const { signature } = transaction;
      const known = waiting.get(signature);
      if (known !== undefined && known.notBeforeHeight <= notBeforeHeight) return;
      waiting.set(signature, { transaction, notBeforeHeight });
    },
    putBack(transactions) {
      const first = transactions.map((each) => [each.transaction.signature, each] as const);
      waiting = new Map([...first, ...waiting]);
    },
    hold(signature, notBeforeHeight) {
      const known = waiting.get(signature);
      if (known !== undefined) waiting.set(signature, { ...known, notBeforeHeight });
    },
    remove(signature) {
      if (signature === undefined) waiting.clear();
      else waiting.delete(signature);
    },
    get: (signature) => waiting.get(signature) ?? null,
    all: () => [...waiting.values()],
  };
}
