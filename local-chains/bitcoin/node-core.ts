import { admit, examine, type Gate, type Verdict } from './admit.ts';
import { ancestorAt, descends, type BlockStore, type StoredBlock } from './block-store.ts';
import { createChainstate, type Chainstate } from './chainstate.ts';
import { areSequencesPast, COINBASE_MATURITY, isFinal } from './check-transaction.ts';
import { createMempool, removeFamily, type Mempool } from './mempool.ts';
import type { SignatureBook } from './signature-book.ts';
import { isCoinbase, outpointKey, type Transaction } from './transaction.ts';
import { connectionProblem } from './validate-block.ts';
import type { Wallet } from './wallet.ts';

/** What a node knows and does, without what ails it: the miner is one too. */
export interface NodeCore {
  readonly state: Chainstate;
  readonly pool: Mempool;
  /** Those that were ever made, loaded or not. */
  readonly wallets: Map<string, Wallet>;
  readonly loaded: Set<string>;
  /** Satoshis per 1,000 virtual bytes. */
  poolMinSatPerKvb: bigint;
  /** Whether it would take this. */
  examine(transaction: Transaction): Verdict;
  /** Takes it if it may. */
  offer(transaction: Transaction): Verdict;
  /** Takes it out, with all that spend it. */
  evict(txid: string): void;
  /** Takes the newest blocks off; answers their transactions but the coinbases, oldest first. */
  rewind(to: StoredBlock): readonly Transaction[];
  /** Puts the next block on. What is wrong with it, if it was not validated before. */
  connect(stored: StoredBlock): string | undefined;
  /** What came from blocks that were left, back into the pool where it still may be. */
  readmit(transactions: readonly Transaction[], forgotten: ReadonlySet<string>): void;
  /** Makes a validated block its newest one. */
  follow(target: StoredBlock, forgotten: ReadonlySet<string>): void;
  save(): () => void;
}

export interface CoreOptions {
  readonly store: BlockStore;
  readonly signatures: SignatureBook;
  readonly halvingBlocks: number;
  readonly nowSeconds: () => number;
}

/** Whole seconds: what waits longer goes, as bitcoind's default has it. */
const POOL_EXPIRY_SECONDS = 336 * 3_600;

export function createNodeCore(options: CoreOptions): NodeCore {
  const state = createChainstate(options.store);
  const pool = createMempool();
  const wallets = new Map<string, Wallet>();
  const loaded = new Set<string>();
  const gate = (asksFees: boolean): Gate => ({
    state,
    pool,
    asksFees,
    signatures: options.signatures,
    nowSeconds: options.nowSeconds(),
    poolMinSatPerKvb: core.poolMinSatPerKvb,
  });
  const notice = (transaction: Transaction): void => {
    for (const name of loaded) wallets.get(name)?.notice(transaction, options.nowSeconds());
  };
  const take = (transaction: Transaction, asksFees: boolean): Verdict => {
    expire(pool, options.nowSeconds());
    const verdict = examine(transaction, gate(asksFees));
    if (verdict.kind === 'refused') return verdict;
    admit(verdict, pool);
    notice(transaction);
    return verdict;
  };
  const core: NodeCore = {
    state,
    pool,
    wallets,
    loaded,
    poolMinSatPerKvb: 0n,
    examine: (transaction) => examine(transaction, gate(true)),
    offer: (transaction) => take(transaction, true),
    evict: (txid) => void removeFamily(pool, txid),
    rewind(to) {
      const left: Transaction[][] = [];
      while (state.tip() !== to) {
        left.push(state.disconnect().block.transactions.filter((each) => !isCoinbase(each)));
      }
      return left.reverse().flat();
    },
    connect(stored) {
      const problem = validate(stored, state, options);
      if (problem !== undefined) return problem;
      state.connect(stored);
      for (const transaction of stored.block.transactions) {
        clearFor(transaction, pool);
        notice(transaction);
      }
      return undefined;
    },
    readmit(transactions, forgotten) {
      for (const transaction of transactions) {
        const { txid } = transaction;
        if (!forgotten.has(txid) && state.blockWith(txid) === undefined) take(transaction, false);
      }
      for (const txid of forgotten) removeFamily(pool, txid);
      dropWhatCannotBe(pool, state);
    },
    follow: (target, forgotten) => followBlock(core, target, forgotten),
    save: () => saveCore(core),
  };
  return core;
}

function followBlock(core: NodeCore, target: StoredBlock, forgotten: ReadonlySet<string>): void {
  if (target === core.state.tip() && forgotten.size === 0) return;
  const fork = forkOf(core.state.tip(), target);
  const isLeft = fork !== core.state.tip();
  const left = core.rewind(fork);
  for (const stored of pathTo(target, fork)) {
    const problem = core.connect(stored);
    if (problem !== undefined) throw new Error(`an invalid block was followed: ${problem}`);
  }
  if (isLeft || forgotten.size > 0) core.readmit(left, forgotten);
}

/** The newest block that both have. */
export function forkOf(one: StoredBlock, other: StoredBlock): StoredBlock {
  let fork = ancestorAt(one, other.height);
  while (!descends(other, fork)) fork = fork.parent ?? fork;
  return fork;
}

/** The blocks after `fork` up to `target`, oldest first. */
export function pathTo(target: StoredBlock, fork: StoredBlock): readonly StoredBlock[] {
  const path: StoredBlock[] = [];
  for (let at: StoredBlock | undefined = target; at !== undefined && at !== fork; at = at.parent) {
    path.push(at);
  }
  return path.reverse();
}

function validate(
  stored: StoredBlock,
  state: Chainstate,
  options: CoreOptions,
): string | undefined {
  if (stored.spent !== undefined) return undefined;
  const outcome = connectionProblem(stored.block, state, options);
  if ('problem' in outcome) return outcome.problem;
  stored.spent = outcome.spent;
  return undefined;
}

/** A block holds it: it waits no more, and what excludes it never will again. */
function clearFor(transaction: Transaction, pool: Mempool): void {
  pool.remove(transaction.txid);
  for (const input of transaction.inputs) {
    const rival = pool.spenderOf(outpointKey(input));
    if (rival !== undefined) removeFamily(pool, rival);
  }
}

/** After blocks were left: what spends coins that are gone or young again, or came too early. */
function dropWhatCannotBe(pool: Mempool, state: Chainstate): void {
  const tip = state.tip();
  for (const { transaction } of pool.entries()) {
    const coins = transaction.inputs.flatMap(
      (input) => state.coin(outpointKey(input)) ?? pool.coin(input, tip.height + 1) ?? [],
    );
    const isYoung = coins.some(
      (coin) => coin.isCoinbase && tip.height + 1 - coin.height < COINBASE_MATURITY,
    );
    const isWhole = coins.length === transaction.inputs.length;
    const isDue = isFinal(transaction, tip) && areSequencesPast(transaction, coins, tip);
    if (!isWhole || isYoung || !isDue) removeFamily(pool, transaction.txid);
  }
}

function expire(pool: Mempool, nowSeconds: number): void {
  for (const { transaction, time } of pool.entries()) {
    if (time + POOL_EXPIRY_SECONDS >= nowSeconds) return;
    removeFamily(pool, transaction.txid);
  }
}

function saveCore(core: NodeCore): () => void {
  const { wallets, loaded, poolMinSatPerKvb } = core;
  const parts = [core.state, core.pool].map((part) => part.save());
  const kept = [...wallets].map(([name, wallet]) => ({ name, wallet, restore: wallet.save() }));
  const keptLoaded = [...loaded];
  return () => {
    for (const restore of parts) restore();
    wallets.clear();
    for (const { name, wallet, restore } of kept) {
      restore();
      wallets.set(name, wallet);
    }
    loaded.clear();
    for (const name of keptLoaded) loaded.add(name);
    core.poolMinSatPerKvb = poolMinSatPerKvb;
  };
}
