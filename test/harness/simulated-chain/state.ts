/**
 * The state of the chain: numbers by key, zero where nothing was written. Codes are numbers too (see
 * code.ts). Each change is journaled, so that a transaction, or a block, can be taken back.
 */
export interface StateView {
  word(key: string): bigint;
}

export interface State extends StateView {
  set(key: string, value: bigint): void;
  /** A point in the journal. */
  mark(): number;
  /** Takes back every change since the mark. */
  rollback(mark: number): void;
}

export interface JournaledState extends State {
  /** Ends a block: what each key that it changed held before. The journal begins anew. */
  seal(): UndoRecord;
  /** Takes a sealed block back, the newest first. Gives what its keys held after it. */
  unseal(undo: UndoRecord): ReadonlyMap<string, bigint>;
}

export type UndoRecord = ReadonlyMap<string, bigint>;

export function createState(): JournaledState {
  const values = new Map<string, bigint>();
  const write = (key: string, value: bigint): void => {
    // A key at zero is not held: an account that was emptied weighs nothing.
    if (value === 0n) values.delete(key);
    else values.set(key, value);
  };
  const journaled = journalOver((key) => values.get(key) ?? 0n, write);
  return {
    ...journaled.state,
    seal: journaled.seal,
    unseal(undo) {
      const after = new Map<string, bigint>();
      for (const [key, before] of undo) {
        after.set(key, values.get(key) ?? 0n);
        write(key, before);
      }
      return after;
    },
  };
}

/** Changes over a state that itself stays as it is: for calls, which leave nothing behind. */
export function createOverlay(base: StateView): State {
  const values = new Map<string, bigint>();
  return journalOver(
    (key) => values.get(key) ?? base.word(key),
    (key, value) => {
      values.set(key, value);
    },
  ).state;
}

function journalOver(
  word: (key: string) => bigint,
  write: (key: string, value: bigint) => void,
): { state: State; seal: () => UndoRecord } {
  let journal: { readonly key: string; readonly before: bigint }[] = [];
  const state: State = {
    word,
    set(key, value) {
      const before = word(key);
      if (before === value) return;
      journal.push({ key, before });
      write(key, value);
    },
    mark: () => journal.length,
    rollback(mark) {
      for (let index = journal.length - 1; index >= mark; index -= 1) {
        const entry = journal[index];
        if (entry !== undefined) write(entry.key, entry.before);
      }
      journal.length = mark;
    },
  };
  const seal = (): UndoRecord => {
    const undo = new Map<string, bigint>();
    for (const { key, before } of journal) if (!undo.has(key)) undo.set(key, before);
    journal = [];
    return undo;
  };
  return { state, seal };
}
