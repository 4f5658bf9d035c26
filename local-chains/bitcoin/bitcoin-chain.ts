/**
 * A Bitcoin regtest chain in memory: one truth, and nodes that each see it in their own way.
 * `createBitcoinChain(options)` of create-bitcoin-chain.ts makes one. Deterministic: without time,
 * randomness, timers or I/O of its own. The same calls at the same times give the same bytes and hashes.
 */
export interface BitcoinChain {
  /** The node of this name; made, healthy and in sync, when it is asked for first. */
  openNode(name: string, faults?: Partial<NodeFaults>): BitcoinNode;
  /** All nodes that were opened, in that order. */
  nodes(): readonly BitcoinNode[];
  /** Makes one block of what has reached the miner, on the chain with the most work. */
  produceBlock(template?: BlockTemplate): ChainBlock;
  /** So many blocks, the template's transactions in the first one. The newest is answered. */
  produceBlocks(count: number, template?: BlockTemplate): ChainBlock;
  /**
   * Pays from the faucet with a transaction that no node hears of before the next block; that block has
   * it first. Units are satoshis.
   */
  fund(scriptHex: string, units: bigint): Outpoint;
  /** Replaces the newest blocks by a longer branch, at any depth. */
  reorganise(options: ReorganiseOptions): ReorganiseReport;
  /** Takes a transaction and all that spend it out of the pools of these nodes. Default: of all, and the miner's. */
  evict(txid: string, from?: readonly string[]): void;
  /** Offers raw bytes to these nodes as if from a peer. Default: to all, and the miner. By node: null or why not. */
  deliver(rawHex: string, to?: readonly string[]): Readonly<Record<string, string | null>>;
  /** Ids of all transactions that were ever accepted anywhere, replaced and evicted ones too, in that order. */
  everSeen(): readonly string[];
  /** The raw bytes of a transaction that was ever seen, else null. */
  rawOf(txid: string): string | null;
  /** What waits at the miner, in the order of arrival. */
  pool(): readonly PooledTransaction[];
  /** What estimatesmartfee answers, in satoshis per 1,000 virtual bytes. Null, the start: "Insufficient data". */
  setFeeEstimate(satPerKvb: bigint | null): void;
  readonly truth: BitcoinTruth;
  /** All of it: blocks, nodes, pools, wallets and faults. */
  snapshot(): BitcoinSnapshot;
  /** As it was then, as often as one likes. Nodes opened since are forgotten. */
  restore(snapshot: BitcoinSnapshot): void;
  /** How often each kind of fault struck an answer, or the chain itself ("reorganisation"). */
  faultCounts(): Readonly<Record<string, number>>;
}

export interface BitcoinChainOptions {
  /** Milliseconds since 1970. Blocks take their time from it. */
  readonly now: () => number;
  /** Blocks mined to the faucet at the start, ten minutes apart, the last one now. Default 101. */
  readonly firstBlocks?: number;
  /** Blocks from one halving of the subsidy to the next. Default 150, as regtest has it. */
  readonly halvingBlocks?: number;
}

export interface BlockTemplate {
  /** Put first, in this order: ids of transactions seen before, or raw bytes. What conflicts in the pool goes. */
  readonly include?: readonly string[];
  /** Left waiting, with all that spend them. */
  readonly exclude?: readonly string[];
  /** Nothing but `include` (and what the faucet owes). Default false. */
  readonly only?: boolean;
  /** Who gets subsidy and fees. Default: the faucet. */
  readonly coinbaseScriptHex?: string;
}

export interface ReorganiseOptions {
  /** How many of the newest blocks go. */
  readonly depth: number;
  /** Length of the new branch. Default and least: one more than what goes. */
  readonly blocks?: number;
  /**
   * What becomes of their transactions: back into the pools, to wait for later blocks; forgotten
   * everywhere; or mined again at once, in the first block of the new branch.
   */
  readonly transactions: 'return' | 'forget' | 'remine';
  /** Transactions (ids seen before, or raw bytes) for the first block of the new branch. */
  readonly include?: readonly string[];
  /** Not in the new branch, and in no pool. */
  readonly exclude?: readonly string[];
}

export interface ReorganiseReport {
  readonly abandoned: readonly ChainBlock[];
  readonly added: readonly ChainBlock[];
}

export interface ChainBlock {
  readonly height: number;
  readonly hash: string;
  readonly parentHash: string;
  /** Whole seconds since 1970. */
  readonly time: number;
  /** In order, the coinbase first. */
  readonly txids: readonly string[];
}

export interface Outpoint {
  readonly txid: string;
  readonly vout: number;
}

export interface PooledTransaction {
  readonly txid: string;
  readonly rawHex: string;
  readonly feeUnits: bigint;
  readonly vbytes: number;
}

/** One node's view of the chain, with a mempool and wallets of its own. */
export interface BitcoinNode {
  readonly name: string;
  /** What ails it now. */
  readonly faults: NodeFaults;
  /** Changes some of its faults. */
  set(changes: Partial<NodeFaults>): void;
  /** Healthy again, in sync, and gossiping what it kept to itself. */
  heal(): void;
  /** The next request of this method meets this fault. They queue up. */
  failNext(method: string, kind: FaultKind): void;
  /**
   * The `result`, as JSON.parse gives it: amounts are numbers of bitcoins. Rejects with
   * {@link BitcoinRpcError} where bitcoind answers with an error, {@link NoAnswer} where nothing comes back.
   */
  request(method: string, params: readonly unknown[], wallet?: string): Promise<unknown>;
  /** One HTTP exchange: `path` is `/` or `/wallet/<name>`, `body` one JSON-RPC request or a batch. */
  exchange(path: string, body: string): Exchange;
  /** How many requests it was asked, by method. */
  asked(): Readonly<Record<string, number>>;
  /** Ids in its mempool, in the order of arrival. */
  mempool(): readonly string[];
}

export type Exchange =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  | { readonly kind: 'silence' };

/**
 * Faults of one answer. `silence`: lost on the way there. `lost-answer`: carried out, and the answer was
 * lost. `error`: carried out, and answered by an error of the node's own. `busy`: the work queue is full.
 * `malformed`: an answer that is not of the method's shape.
 */
export type FaultKind = 'silence' | 'lost-answer' | 'error' | 'busy' | 'malformed';

export interface NodeFaults {
  /** It sees the chain as it was this many blocks ago. */
  readonly lagBlocks: number;
  /** Its newest block stays this one (a hash), also on a branch that the chain has left; null: it follows. */
  readonly stalledAt: string | null;
  /** `gossip`: it tells the others and hears them. `own`: it does neither. `deaf`: tells, does not hear. */
  readonly relay: 'gossip' | 'own' | 'deaf';
  /** Every request meets this fault; null: none. */
  readonly always: FaultKind | null;
  /** It says that it is on another chain: `main`, with that genesis. */
  readonly wrongChain: boolean;
  /** It denies these transactions (ids): in its mempool, in blocks, and their outputs and spends. */
  readonly denies: readonly string[];
  /** Bodies of blocks deeper than this are gone ("pruned data"); null: it has all. */
  readonly prunedBelowDepth: number | null;
  /** Its mempool takes nothing below this, in satoshis per 1,000 virtual bytes. Default 0: min relay fee alone. */
  readonly mempoolMinSatPerKvb: bigint;
}

/** bitcoind's answer was an error. */
export class BitcoinRpcError extends Error {
  override readonly name = 'BitcoinRpcError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Nothing came back: time-out or transport. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** What was mined, read from the blocks and not from what nodes answer. Depth 1 is the newest block. */
export interface BitcoinTruth {
  tip(): ChainBlock;
  blockAt(height: number): ChainBlock | null;
  /** Every output to this script on the chain, spent or not, oldest first. */
  outputsTo(scriptHex: string): readonly TrueOutput[];
  /** The same in every block that ever was the chain's; what was left is not canonical. */
  everPaidTo(scriptHex: string): readonly (TrueOutput & { readonly canonical: boolean })[];
  /** Every output of this script that was spent on the chain, with its spender, oldest spend first. */
  spendsFrom(scriptHex: string): readonly TrueSpend[];
  /** Who spent a coin on the chain; null: nobody has. */
  spendOf(coin: Outpoint): TrueSpend | null;
  /** Where a transaction is on the chain; null: it is not. */
  placeOf(txid: string): TruePlace | null;
  /** Unspent on the chain, satoshis. */
  unitsOf(scriptHex: string): bigint;
}

export interface TruePlace {
  readonly blockHash: string;
  readonly height: number;
  readonly depth: number;
}

export interface TrueOutput extends TruePlace, Outpoint {
  readonly units: bigint;
}

export interface TrueSpend extends TruePlace {
  readonly coin: Outpoint;
  readonly units: bigint;
  readonly spentBy: Outpoint['txid'];
  readonly input: number;
}

/** Opaque; belongs to the chain that made it. */
export interface BitcoinSnapshot {
  readonly height: number;
  readonly hash: string;
}
