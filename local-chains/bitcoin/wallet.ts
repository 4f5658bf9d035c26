import type { Coin, StoredBlock } from './block-store.ts';
import type { Chainstate } from './chainstate.ts';
import type { Descriptor } from './descriptor.ts';
import type { Mempool } from './mempool.ts';
import { outpointKey, type Transaction } from './transaction.ts';

export interface WatchedScript {
  readonly descriptor: Descriptor;
  readonly label: string;
  /** Whole seconds: blocks well before it were not looked at. */
  readonly timestamp: number;
}

export interface WalletTransaction {
  readonly transaction: Transaction;
  /** Whole seconds since 1970. */
  readonly time: number;
}

/** What a transaction of a wallet is to its node now. */
export type Standing =
  | { readonly kind: 'confirmed'; readonly block: StoredBlock; readonly confirmations: number }
  | { readonly kind: 'pooled' }
  /** A block holds a transaction that excludes it, this many confirmations deep. */
  | { readonly kind: 'conflicted'; readonly block: StoredBlock; readonly confirmations: number }
  /** Neither in a block nor in the pool. */
  | { readonly kind: 'idle' };

/** A wallet that watches scripts and holds no keys. It remembers all that it ever saw. */
export interface Wallet {
  readonly name: string;
  watch(script: WatchedScript): void;
  watched(scriptHex: string): WatchedScript | undefined;
  scripts(): readonly WatchedScript[];
  /** Remembers a transaction that pays a watched script or spends from one. */
  notice(transaction: Transaction, time: number): void;
  find(txid: string): WalletTransaction | undefined;
  transactions(): Iterable<WalletTransaction>;
  /** Outputs to watched scripts, spent or not, by "txid:vout". */
  outputs(): Iterable<readonly [string, OwnOutput]>;
  output(key: string): OwnOutput | undefined;
  /** Ids of what it saw spend one of its outputs, or a coin that one of its transactions spends. */
  spendersOf(key: string): readonly string[];
  abandon(txid: string): void;
  isAbandoned(txid: string): boolean;
  save(): () => void;
}

export interface OwnOutput {
  readonly txid: string;
  readonly vout: number;
  readonly units: bigint;
  readonly scriptHex: string;
}

/** What a wallet's node sees. */
export interface WalletGround {
  readonly state: Chainstate;
  readonly pool: Mempool;
}

export function createWallet(name: string): Wallet {
  let scripts = new Map<string, WatchedScript>();
  let transactions = new Map<string, WalletTransaction>();
  let outputs = new Map<string, OwnOutput>();
  let spenders = new Map<string, readonly string[]>();
  let abandoned = new Set<string>();
  return {
    name,
    watch: (script) => void scripts.set(script.descriptor.scriptHex, script),
    watched: (scriptHex) => scripts.get(scriptHex),
    scripts: () => [...scripts.values()],
    notice(transaction, time) {
      const { txid } = transaction;
      const own = transaction.outputs.flatMap(({ units, scriptHex }, vout) =>
        scripts.has(scriptHex) ? [{ txid, vout, units, scriptHex }] : [],
      );
      const spends = transaction.inputs.some((input) => outputs.has(outpointKey(input)));
      if (own.length === 0 && !spends) return;
      for (const output of own) outputs.set(outpointKey(output), output);
      if (transactions.has(txid)) return;
      transactions.set(txid, { transaction, time });
      for (const key of transaction.inputs.map(outpointKey)) {
        spenders.set(key, [...(spenders.get(key) ?? []), txid]);
      }
    },
    find: (txid) => transactions.get(txid),
    transactions: () => transactions.values(),
    outputs: () => outputs.entries(),
    output: (key) => outputs.get(key),
    spendersOf: (key) => spenders.get(key) ?? [],
    abandon: (txid) => void abandoned.add(txid),
    isAbandoned: (txid) => abandoned.has(txid),
    save() {
      const kept = [scripts, transactions, outputs, spenders, abandoned] as const;
      const copies = [
        new Map(kept[0]),
        new Map(kept[1]),
        new Map(kept[2]),
        new Map(kept[3]),
        new Set(kept[4]),
      ] as const;
      return () => {
        scripts = new Map(copies[0]);
        transactions = new Map(copies[1]);
        outputs = new Map(copies[2]);
        spenders = new Map(copies[3]);
        abandoned = new Set(copies[4]);
      };
    },
  };
}

export function standingOf(
  { transaction }: WalletTransaction,
  wallet: Wallet,
  { state, pool }: WalletGround,
): Standing {
  const { txid } = transaction;
  const block = state.blockWith(txid);
  const depthOf = ({ height }: StoredBlock): number => state.tip().height - height + 1;
  if (block !== undefined) return { kind: 'confirmed', block, confirmations: depthOf(block) };
  if (pool.entry(txid) !== undefined) return { kind: 'pooled' };
  const conflict = conflictingBlock(transaction, wallet, state);
  return conflict === undefined
    ? { kind: 'idle' }
    : { kind: 'conflicted', block: conflict, confirmations: depthOf(conflict) };
}

/** Whether the wallet holds a coin for spent: by what is mined, pooled, or seen and not given up. */
export function isSpentFor(wallet: Wallet, key: string, ground: WalletGround): boolean {
  return wallet.spendersOf(key).some((txid) => {
    const spender = wallet.find(txid);
    if (spender === undefined) return false;
    const { kind } = standingOf(spender, wallet, ground);
    if (kind === 'confirmed' || kind === 'pooled') return true;
    if (kind === 'conflicted' || wallet.isAbandoned(txid)) return false;
    return poolConflictsOf(spender.transaction, ground.pool).length === 0;
  });
}

/** Ids of what waits in the pool and spends what this transaction spends. */
export function poolConflictsOf(transaction: Transaction, pool: Mempool): readonly string[] {
  if (pool.entry(transaction.txid) !== undefined) return [];
  const spenders = transaction.inputs.flatMap((input) => pool.spenderOf(outpointKey(input)) ?? []);
  return [...new Set(spenders)];
}

/** Satoshis of the wallet that a transaction spends. */
export function spentUnits(transaction: Transaction, wallet: Wallet): bigint {
  return transaction.inputs.reduce(
    (sum, input) => sum + (wallet.output(outpointKey(input))?.units ?? 0n),
    0n,
  );
}

/** An unspent output that the wallet may tell of. */
export function coinOf(
  output: OwnOutput,
  { state, pool }: WalletGround,
): (Coin & { readonly confirmations: number }) | undefined {
  const coin = state.coin(outpointKey(output));
  const { height } = state.tip();
  if (coin !== undefined) return { ...coin, confirmations: height - coin.height + 1 };
  const pooled = pool.coin(output, height + 1);
  return pooled === undefined ? undefined : { ...pooled, confirmations: 0 };
}

/** The block that holds what excludes a transaction, or one that it stands on. */
function conflictingBlock(
  transaction: Transaction,
  wallet: Wallet,
  state: Chainstate,
): StoredBlock | undefined {
  for (const input of transaction.inputs) {
    for (const txid of wallet.spendersOf(outpointKey(input))) {
      const block = txid === transaction.txid ? undefined : state.blockWith(txid);
      if (block !== undefined) return block;
    }
    const parent = wallet.find(input.txid);
    if (parent === undefined || state.blockWith(input.txid) !== undefined) continue;
    const block = conflictingBlock(parent.transaction, wallet, state);
    if (block !== undefined) return block;
  }
  return undefined;
}
