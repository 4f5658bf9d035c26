import { hexToBytes } from '@noble/hashes/utils.js';
import { assembleBlock, selectFromPool } from './assemble.ts';
import type {
  BitcoinChain,
  BitcoinChainOptions,
  BitcoinSnapshot,
  BlockTemplate,
  ReorganiseOptions,
  ReorganiseReport,
} from './bitcoin-chain.ts';
import { createBlockStore, type BlockStore, type StoredBlock } from './block-store.ts';
import type { Block } from './block.ts';
import type { Chainstate } from './chainstate.ts';
import { areSequencesPast, COINBASE_MATURITY, isFinal } from './check-transaction.ts';
import { createFaucet, FAUCET_SCRIPT, type Faucet } from './faucet.ts';
import { createNodeCore, forkOf, pathTo, type CoreOptions, type NodeCore } from './node-core.ts';
import { createNode, type OwnedNode } from './node.ts';
import { createSignatureBook } from './signature-book.ts';
import { outpointKey, parseTransaction, type Transaction } from './transaction.ts';
import { chainBlock, createTruthBook, type TruthBook } from './truth.ts';
import { blockProblem } from './validate-block.ts';
import type { World } from './world.ts';

const NOTHING: ReadonlySet<string> = new Set();
const REGTEST_HALVING = 150;
const FIRST_BLOCKS = 101;
const SPACING_SECONDS = 600;

/** See bitcoin-chain.ts. */
export function createBitcoinChain(options: BitcoinChainOptions): BitcoinChain {
  const works = createWorks(options);
  const firstBlocks = options.firstBlocks ?? FIRST_BLOCKS;
  for (let left = firstBlocks - 1; left >= 0; left -= 1) {
    works.aheadSeconds = -left * SPACING_SECONDS;
    mine(works, {});
  }
  works.aheadSeconds = 0;
  const openNode = (name: string): OwnedNode => {
    const node = works.nodes.get(name) ?? createNode(name, works.world, works.options);
    works.nodes.set(name, node);
    return node;
  };
  const snapshots = new WeakMap<BitcoinSnapshot, () => void>();
  return {
    openNode(name, faults) {
      const node = openNode(name);
      if (faults !== undefined) node.set(faults);
      return node;
    },
    nodes: () => [...works.nodes.values()],
    produceBlock: (template) => chainBlock(mine(works, template ?? {})),
    produceBlocks(count, template) {
      for (let index = 0; index < count; index += 1) {
        mine(works, index === 0 ? (template ?? {}) : {});
      }
      return chainBlock(works.miner.state.tip());
    },
    fund: (scriptHex, units) => works.faucet.pay(scriptHex, units),
    reorganise: (how) => reorganise(works, how),
    evict(txid, from) {
      for (const core of coresOf(works, from)) core.evict(txid);
    },
    deliver: (rawHex, to) => deliver(works, rawHex, to),
    everSeen: () => [...works.archive.keys()],
    rawOf(txid) {
      const found = works.archive.get(txid);
      return found === undefined ? null : Buffer.from(found.raw).toString('hex');
    },
    pool: () =>
      [...works.miner.pool.entries()].map(({ transaction, feeUnits, vsize: vbytes }) => ({
        txid: transaction.txid,
        rawHex: Buffer.from(transaction.raw).toString('hex'),
        feeUnits,
        vbytes,
      })),
    setFeeEstimate(satPerKvb) {
      works.estimate = satPerKvb;
    },
    truth: works.book.truth,
    snapshot() {
      const { height, hash } = chainBlock(works.miner.state.tip());
      const snapshot = { height, hash };
      snapshots.set(snapshot, save(works));
      return snapshot;
    },
    restore(snapshot) {
      const restore = snapshots.get(snapshot);
      if (restore === undefined) throw new Error('a snapshot of another chain');
      restore();
    },
    faultCounts: () => works.counts,
  };
}

/** The parts of a chain, wired. */
interface Works {
  readonly options: CoreOptions;
  readonly store: BlockStore;
  readonly miner: NodeCore;
  readonly faucet: Faucet;
  readonly book: TruthBook;
  readonly world: World;
  readonly nodes: Map<string, OwnedNode>;
  archive: Map<string, Transaction>;
  counts: Readonly<Record<string, number>>;
  estimate: bigint | null;
  extraNonce: number;
  /** What is added to the clock for the time of a block. */
  aheadSeconds: number;
}

function createWorks({ now, halvingBlocks }: BitcoinChainOptions): Works {
  const store = createBlockStore();
  const nowSeconds = (): number => Math.floor(now() / 1_000);
  const signatures = createSignatureBook();
  const options = {
    store,
    signatures,
    nowSeconds,
    halvingBlocks: halvingBlocks ?? REGTEST_HALVING,
  };
  const miner = createNodeCore(options);
  const book = createTruthBook(miner.state);
  book.record(store.genesis);
  const works: Works = {
    options,
    store,
    miner,
    book,
    faucet: createFaucet(miner.state),
    nodes: new Map(),
    archive: new Map(),
    counts: {},
    estimate: null,
    extraNonce: 0,
    aheadSeconds: 0,
    world: {
      store,
      miner,
      nowSeconds,
      feeEstimate: () => works.estimate,
      remember: (transaction) => void works.archive.set(transaction.txid, transaction),
      gossip: (from, transaction) => gossip(works, from, transaction),
      mine: (template) => mine(works, template ?? {}),
      submit: (block) => submit(works, block),
      invalidate(hash) {
        if (hash === store.genesis.block.hash) throw new Error('the first block stays');
        store.invalidate(hash);
        activate(works);
      },
      reconsider(hash) {
        store.reconsider(hash);
        activate(works);
      },
      count: (fault) => count(works, fault),
    },
  };
  return works;
}

function count(works: Works, fault: string): void {
  works.counts = { ...works.counts, [fault]: (works.counts[fault] ?? 0) + 1 };
}

function gossip(works: Works, from: string, transaction: Transaction): void {
  const teller = works.nodes.get(from);
  if (teller === undefined || teller.faults.relay === 'own') return;
  works.miner.offer(transaction);
  for (const node of works.nodes.values()) if (node !== teller) node.hear(transaction);
}

/** The nodes of these names, "miner" being one; without names all. */
function coresOf(works: Works, names: readonly string[] | undefined): readonly NodeCore[] {
  if (names === undefined) {
    return [works.miner, ...[...works.nodes.values()].map(({ core }) => core)];
  }
  return names.map((name) => {
    const core = name === 'miner' ? works.miner : works.nodes.get(name)?.core;
    if (core === undefined) throw new Error(`there is no node ${name}`);
    return core;
  });
}

function deliver(
  works: Works,
  rawHex: string,
  to: readonly string[] | undefined,
): Readonly<Record<string, string | null>> {
  const transaction = parseTransaction(hexToBytes(rawHex));
  const names = to ?? ['miner', ...works.nodes.keys()];
  const answers = names.map((name) => {
    const [core] = coresOf(works, [name]);
    const verdict = core?.offer(transaction);
    if (verdict?.kind === 'acceptable') works.world.remember(transaction);
    return [name, verdict?.kind === 'refused' ? verdict.refusal.reason : null] as const;
  });
  return Object.fromEntries(answers);
}

/** On the newest block of the miner, which need not be the best while a branch is being built. */
function mineOn(works: Works, template: BlockTemplate): StoredBlock {
  const { miner, faucet, options } = works;
  const wanted = (template.include ?? []).map((each) => resolve(works, each));
  const excluded = new Set(template.exclude);
  const due = faucet.owed().filter((each) => !conflicts(each, wanted) && !excluded.has(each.txid));
  // On a branch that is shorter yet, some of it may have to wait for a later block.
  const first = unique([...mineable(due, [], miner.state), ...wanted]);
  const chosen = template.only === true ? [] : selectFromPool(miner.pool, excluded, first);
  const transactions = [...first, ...chosen.map(({ transaction }) => transaction)];
  works.extraNonce += 1;
  const block = assembleBlock({
    parent: miner.state.tip(),
    nowSeconds: options.nowSeconds() + works.aheadSeconds,
    halvingBlocks: options.halvingBlocks,
    extraNonce: works.extraNonce,
    coinbaseScriptHex: template.coinbaseScriptHex ?? FAUCET_SCRIPT,
    transactions,
    feesUnits: feesOf(transactions, miner),
  });
  const early = blockProblem(block, miner.state.tip(), options.nowSeconds());
  if (early !== undefined) throw new Error(early);
  const stored = works.store.add(block);
  const problem = miner.connect(stored);
  if (problem !== undefined) {
    works.store.invalidate(block.hash);
    throw new Error(problem);
  }
  for (const transaction of transactions) works.world.remember(transaction);
  works.book.record(stored);
  faucet.settle(miner.state);
  return stored;
}

function mine(works: Works, template: BlockTemplate): StoredBlock {
  const stored = mineOn(works, template);
  for (const node of works.nodes.values()) node.sync(NOTHING);
  return stored;
}

function resolve(works: Works, given: string): Transaction {
  if (given.length !== 64) return parseTransaction(hexToBytes(given));
  const known = works.archive.get(given);
  if (known === undefined) throw new Error(`${given} was never seen`);
  return known;
}

function conflicts(one: Transaction, others: readonly Transaction[]): boolean {
  const keys = new Set(one.inputs.map(outpointKey));
  return others.some(
    (other) =>
      other.txid !== one.txid && other.inputs.some((input) => keys.has(outpointKey(input))),
  );
}

function unique(transactions: readonly Transaction[]): readonly Transaction[] {
  return [...new Map(transactions.map((each) => [each.txid, each])).values()];
}

/** Missing coins count nothing: the block is refused for them. */
function feesOf(transactions: readonly Transaction[], { state }: NodeCore): bigint {
  const made = new Map(
    transactions.flatMap(({ txid, outputs }) =>
      outputs.map(({ units }, vout) => [outpointKey({ txid, vout }), units] as const),
    ),
  );
  const given = (transaction: Transaction): bigint =>
    transaction.inputs.reduce((sum, input) => {
      const key = outpointKey(input);
      return sum + (state.coin(key)?.units ?? made.get(key) ?? 0n);
    }, 0n);
  return transactions.reduce(
    (fees, each) => fees + given(each) - each.outputs.reduce((sum, { units }) => sum + units, 0n),
    0n,
  );
}

/** All of it, or none: a transaction that cannot be in the branch leaves the chain as it was. */
function reorganise(works: Works, how: ReorganiseOptions): ReorganiseReport {
  const undo = save(works);
  try {
    return replaceBranch(works, how);
  } catch (error) {
    undo();
    throw error;
  }
}

function replaceBranch(works: Works, how: ReorganiseOptions): ReorganiseReport {
  const { miner, faucet } = works;
  const tip = miner.state.tip();
  const depth = Math.min(how.depth, tip.height);
  if (depth < 1) return { abandoned: [], added: [] };
  const fork = miner.state.blockAt(tip.height - depth) ?? works.store.genesis;
  const abandoned = pathTo(tip, fork);
  const left = miner.rewind(fork);
  const excluded = new Set(how.exclude);
  const forgotten = new Set(excluded);
  if (how.transactions === 'forget') {
    for (const each of left) if (!faucet.isOwn(each)) forgotten.add(each.txid);
  }
  // The faucet pays in every branch, unless it is told not to.
  faucet.oweAgain(
    left.filter((each) => faucet.isOwn(each)),
    forgotten,
  );
  const include = firstOfBranch(
    works,
    how,
    left.filter(({ txid }) => !forgotten.has(txid)),
  );
  const blocks = Math.max(how.blocks ?? 0, depth + 1);
  const added = Array.from({ length: blocks }, (_, index) =>
    mineOn(works, { only: true, include: index === 0 ? include : [] }),
  );
  miner.readmit(left, forgotten);
  for (const node of works.nodes.values()) node.sync(forgotten);
  count(works, 'reorganisation');
  return { abandoned: abandoned.map(chainBlock), added: added.map(chainBlock) };
}

/** What is asked for, and with 'remine' what was left and can still be, parents before children. */
function firstOfBranch(
  works: Works,
  how: ReorganiseOptions,
  left: readonly Transaction[],
): readonly string[] {
  const wanted = (how.include ?? []).map((each) => resolve(works, each));
  for (const each of wanted) works.world.remember(each);
  const chosen = wanted.map(({ txid }) => txid);
  if (how.transactions !== 'remine') return chosen;
  const { miner, faucet } = works;
  const sources = [...wanted, ...faucet.owed()];
  const others = left.filter(
    (each) => !conflicts(each, sources) && !sources.some(({ txid }) => txid === each.txid),
  );
  return [...chosen, ...mineable(others, sources, miner.state).map(({ txid }) => txid)];
}

/** Those that the next block may hold: their coins are there and ripe, and their time has come. */
function mineable(
  transactions: readonly Transaction[],
  before: readonly Transaction[],
  state: Chainstate,
): readonly Transaction[] {
  const tip = state.tip();
  const made = new Set(before.map(({ txid }) => txid));
  return transactions.filter((each) => {
    const coins = each.inputs.map((input) => state.coin(outpointKey(input)));
    const known = coins.flatMap((coin) => coin ?? []);
    const isWhole = each.inputs.every(
      ({ txid }, index) => coins[index] !== undefined || made.has(txid),
    );
    const isRipe = known.every(
      (coin) => !coin.isCoinbase || tip.height + 1 - coin.height >= COINBASE_MATURITY,
    );
    const isDue =
      isFinal(each, tip) && (known.length < coins.length || areSequencesPast(each, known, tip));
    if (isWhole && isRipe && isDue) made.add(each.txid);
    return isWhole && isRipe && isDue;
  });
}

function submit(works: Works, block: Block): string | null {
  const { store, miner } = works;
  const known = store.find(block.hash);
  if (known !== undefined) return store.isInvalid(known) ? 'duplicate-invalid' : 'duplicate';
  const parent = store.find(block.parentHash);
  if (parent === undefined) return 'prev-blk-not-found';
  const problem = blockProblem(block, parent, works.options.nowSeconds());
  if (problem !== undefined) return problem;
  const stored = store.add(block);
  for (const transaction of block.transactions.slice(1)) works.world.remember(transaction);
  const failure = activate(works).get(stored);
  if (failure !== undefined) return failure;
  return miner.state.isActive(stored) ? null : 'inconclusive';
}

/** Makes the best valid branch the chain. What was found invalid on the way, and why. */
function activate(works: Works): ReadonlyMap<StoredBlock, string> {
  const { miner, store, faucet } = works;
  const failures = new Map<StoredBlock, string>();
  const left: Transaction[] = [];
  let isLeft = false;
  while (store.best() !== miner.state.tip()) {
    const fork = forkOf(miner.state.tip(), store.best());
    isLeft ||= fork !== miner.state.tip();
    left.unshift(...miner.rewind(fork));
    for (const stored of pathTo(store.best(), fork)) {
      const problem = miner.connect(stored);
      if (problem !== undefined) {
        failures.set(stored, problem);
        store.invalidate(stored.block.hash);
        break;
      }
      works.book.record(stored);
    }
  }
  faucet.oweAgain(
    left.filter((each) => faucet.isOwn(each)),
    NOTHING,
  );
  faucet.settle(miner.state);
  const returned = left.filter((each) => !faucet.isOwn(each));
  if (isLeft) miner.readmit(returned, NOTHING);
  for (const node of works.nodes.values()) node.sync(NOTHING);
  return failures;
}

function save(works: Works): () => void {
  const names = [...works.nodes.keys()];
  const parts = [works.store, works.miner, works.faucet, works.book, ...works.nodes.values()];
  const restores = parts.map((part) => part.save());
  const { counts, estimate, extraNonce } = works;
  const archive = new Map(works.archive);
  const nodes = new Map(works.nodes);
  return () => {
    for (const restore of restores) restore();
    Object.assign(works, { counts, estimate, extraNonce, archive: new Map(archive) });
    works.nodes.clear();
    for (const name of names) {
      const node = nodes.get(name);
      if (node !== undefined) works.nodes.set(name, node);
    }
  };
}
