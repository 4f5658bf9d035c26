/**
 * A local Solana chain, for the sandbox and for tests. Transactions run on the real virtual machine, in
 * process, with the real token programs; blocks, forks, commitments, the JSON-RPC and the faults of its
 * nodes are ours (README.md says which is which).
 *
 * Everything is a function of the arguments: no time, randomness, timer or I/O of its own. Addresses,
 * signatures and hashes are base58. Slots and heights are numbers; lamports and token units are bigint.
 */
export interface SolanaChain {
  readonly genesisHash: string;
  readonly tokens: Readonly<Record<SolanaTokenName, SolanaMint>>;
  /** Mint and freeze authority of every mint here. */
  readonly authority: string;
  /** Another node of the one chain, healthy unless told otherwise. The same name gives the same node. */
  openNode(name: string, faults?: Partial<SolanaNodeFaults>): SolanaNode;
  /**
   * Makes the next block from the shared pool, at the clock's time. Throws, once it is made, where something
   * of `control` failed in it: that is a mistake of the test.
   */
  produceBlock(options?: ProduceOptions): SolanaBlock;
  /**
   * Drops the newest blocks and makes one on the fork that is left, in a slot after all of theirs: their
   * slots are skipped from then on. What `control` did in them is done again in the new block.
   */
  reorg(options: ReorgOptions): ReorgReport;
  /** What waits for a block, in the order of arrival, held-back transactions included. */
  pool(): readonly PooledSignature[];
  /** Everyone forgets a waiting transaction, or all: it lands only if it is sent again. */
  drop(signature?: string): void;
  /** It is not in a block before so many more were made; `'last'`: in the last that its blockhash allows. */
  holdBack(signature: string, blocks: number | 'last'): void;
  /** From now on. Finality never steps back for it. */
  setFinality(slots: { confirmedAfter?: number; finalizedAfter?: number }): void;
  readonly control: SolanaControl;
  /** The newest block at a commitment, as a healthy node has it. Default: `processed`. */
  head(commitment?: Commitment): SolanaBlock;
  /** The newest slot, with a block or without. */
  slot(): number;
  /** Of the newest block's state; 0 where there is no such account. */
  lamportsOf(address: string): bigint;
  /** What an owner's associated token account holds in the newest block's state; 0 where there is none. */
  unitsOf(mint: string, owner: string): bigint;
  /** An account in the newest block's state. */
  account(address: string): SolanaAccount | null;
  /** Every transfer of a token in the blocks that are on the chain now, oldest first. */
  transfersOf(mint: string, since?: { readonly slot: number }): readonly TokenTransfer[];
  /** As {@link transfersOf}, in every block that ever was on the chain, abandoned ones included. */
  everTransferredOf(mint: string): readonly TokenTransfer[];
  /** Where a signature is on the chain now: what was executed, not what nodes say. */
  transaction(signature: string): ExecutedTransaction | null;
  /** How often each kind of fault has struck an answer, or the chain itself ("reorg"). */
  faultCounts(): Readonly<Record<string, number>>;
}

export interface SolanaChainOptions {
  /** Milliseconds since 1970. Block times are its seconds. */
  readonly now: () => number;
  /** The one source of chance, for node faults by rate. Without it such rates are refused. */
  readonly random?: SolanaRandom;
  /** Makes different chains from the same calls: genesis hash, authority, default mints. Default "local". */
  readonly seed?: string;
  /** Mint addresses; default: derived from the seed. */
  readonly mints?: Partial<Readonly<Record<SolanaTokenName, string>>>;
  /** A block is `confirmed` that many slots after its own. Default 1. */
  readonly confirmedAfterSlots?: number;
  /** A block is `finalized` that many slots after its own. Default 31. */
  readonly finalizedAfterSlots?: number;
  /** Every so-manieth slot has no block. 0: none is skipped unless told. Default 20. */
  readonly skipEvery?: number;
  /** A node's status cache goes back so many finalized slots. Default 300. */
  readonly statusCacheSlots?: number;
  /** Most transactions in a block; the others wait. Default 2,000. */
  readonly transactionsPerBlock?: number;
}

export interface SolanaRandom {
  /** A whole number from 0 to below `limit`, which is a positive safe integer. */
  below(limit: number): number;
}

export type SolanaTokenName = 'USDT' | 'USDC';

export interface SolanaMint {
  readonly address: string;
  readonly decimals: number;
}

export type Commitment = 'processed' | 'confirmed' | 'finalized';

export interface SolanaBlock {
  readonly slot: number;
  readonly parentSlot: number;
  /** Blocks before it on its fork. Below the slot wherever slots were skipped. */
  readonly height: number;
  readonly blockhash: string;
  readonly previousBlockhash: string;
  /** Whole seconds since 1970. */
  readonly time: number;
  /** First signatures, in order. */
  readonly signatures: readonly string[];
}

export interface ProduceOptions {
  /** So many slots before this block's have none. Default 0, besides those of `skipEvery`. */
  readonly skip?: number;
  /** Leaves a transaction waiting. Default: none. */
  readonly withhold?: (signature: string) => boolean;
}

export interface ReorgOptions {
  /** How many of the newest blocks go. Cut down to what is not final, unless `pastFinal`. */
  readonly depth: number;
  /**
   * What becomes of their transactions: `return`: they wait again and land in the new block if their
   * blockhash lives on its fork; `drop`: gone, until somebody sends them again; `later`: they wait and
   * are held back for `laterBlocks` (default 3) more blocks.
   */
  readonly transactions: 'return' | 'drop' | 'later';
  readonly laterBlocks?: number | 'last';
  /** Lets it reach beyond `finalized`, which no honest chain does: the alarm is to ring. */
  readonly pastFinal?: boolean;
}

export interface ReorgReport {
  readonly abandoned: readonly SolanaBlock[];
  /** The first block of the new fork. Null where nothing happened. */
  readonly block: SolanaBlock | null;
}

export interface PooledSignature {
  readonly signature: string;
  /** The chain takes it from that height on; 0: at once. */
  readonly notBeforeHeight: number;
  readonly blockhash: string;
}

export interface SolanaAccount {
  readonly lamports: bigint;
  readonly data: Uint8Array;
  /** The program that owns it. */
  readonly owner: string;
  readonly executable: boolean;
}

/**
 * Done in the next block, before its transactions; and again where a reorganisation drops that block.
 * All but `setAccount` are transactions, signed by the authority or a faucet and seen in the block.
 */
export interface SolanaControl {
  /** From the faucet. */
  fund(owner: string, lamports: bigint): void;
  /** Mints to the owner's associated token account, which it creates where there is none. */
  mintTo(mint: string, owner: string, units: bigint): void;
  /** Creates the owner's associated token account, empty. */
  openTokenAccount(mint: string, owner: string): void;
  /** A token account, by its own address. */
  freeze(tokenAccount: string): void;
  thaw(tokenAccount: string): void;
  /**
   * A mint of either program, at the address if one is given, which must not be in use, else at a
   * derived one. Gives its address.
   */
  createMint(options: CreateMintOptions): string;
  /** Writes an account as if by magic; null removes it (so closes a token account). */
  setAccount(address: string, account: SolanaAccount | null): void;
}

export interface CreateMintOptions {
  readonly program: 'token' | 'token-2022';
  readonly decimals: number;
  readonly address?: string;
}

export interface TokenTransfer {
  readonly signature: string;
  readonly mint: string;
  readonly from: TokenParty;
  readonly to: TokenParty;
  readonly units: bigint;
  /** Place of the instruction in the transaction; that of the outer one for an inner instruction. */
  readonly instruction: number;
  /** The memos of the transaction, in order. */
  readonly memos: readonly string[];
  readonly slot: number;
  readonly blockhash: string;
  readonly finalized: boolean;
  /** Whether that block is on the chain now. */
  readonly canonical: boolean;
}

export interface TokenParty {
  readonly tokenAccount: string;
  /** Who owned the token account when the transaction ran. */
  readonly owner: string;
}

export interface ExecutedTransaction {
  readonly signature: string;
  readonly slot: number;
  readonly finalized: boolean;
  readonly feeLamports: bigint;
  readonly unitsConsumed: bigint;
  /** As the RPC has it: null, "AccountNotFound", {"InstructionError":[0,{"Custom":1}]} … */
  readonly error: TransactionError | null;
}

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/** A TransactionError as the RPC writes it. */
export type TransactionError = string | { readonly [name: string]: Json };

/** One node's lens on the chain. */
export interface SolanaNode {
  readonly name: string;
  /** What ails it now. */
  readonly faults: SolanaNodeFaults;
  /** Changes some of its faults. */
  set(changes: Partial<SolanaNodeFaults>): void;
  /** Healthy again. What it holds back stays held back until it is due. */
  heal(): void;
  /** Its newest block stays the one that it sees now, until `heal` or `set({ stalledAt: null })`. */
  stall(): void;
  /** The next request of this method meets this fault, whatever the rates. They queue up. */
  failNext(method: string, kind: SolanaFaultKind): void;
  /** How many requests it was asked, by method. */
  asked(): Readonly<Record<string, number>>;
  /**
   * One JSON-RPC question. Gives the `result`, of which numbers are what JSON.parse would make of them.
   * Rejects with an `RpcRefusal` (code, message, data: the node's error object) or a `NodeSilence` (no
   * answer; it may have been carried out), both of rpc-error.ts.
   */
  request(method: string, params: readonly Json[]): Promise<Json>;
}

/**
 * Faults of one answer. `timeout`: lost on the way there. `lost-answer`: the request was carried out (a
 * transaction was taken) and the answer was lost. `error`: a JSON-RPC error of the node's own.
 * `malformed`: an answer that is not of the method's shape. `absent`: null where a transaction, a
 * status, an account or a block was asked for, empty lists; with other methods an error.
 */
export type SolanaFaultKind = 'timeout' | 'lost-answer' | 'error' | 'malformed' | 'absent';

/**
 * Lies. `denies-statuses`: no signature has a status, no transaction exists. `claims-failed`: every status
 * and transaction has failed. `claims-finalized`: every status is finalized. `other-slots`: statuses and
 * transactions are in another slot. `other-blockhashes`: blockhashes that are nobody's.
 * `denies-transfers`: blocks without transactions, and no signatures of any address. `claims-expired`:
 * block heights a thousand too high, and no blockhash is valid. `other-balances`: accounts hold a lamport
 * less, and token accounts a unit less.
 */
export type SolanaLie =
  | 'denies-statuses'
  | 'claims-failed'
  | 'claims-finalized'
  | 'other-slots'
  | 'other-blockhashes'
  | 'denies-transfers'
  | 'claims-expired'
  | 'other-balances';

export interface SolanaNodeFaults {
  /** Its newest, confirmed and finalized blocks are those that the chain had this many blocks ago. */
  readonly lagBlocks: number;
  /**
   * As behind a load balancer: each answer is of a state that is 0 to so many blocks further behind, drawn
   * anew each time. Needs the chain's source of chance.
   */
  readonly lagJitterBlocks: number;
  /**
   * What is in its newest blocks, so many, is not indexed yet, though it has statuses and accounts: -32014
   * for the blocks, no such transactions, no signatures of an address.
   */
  readonly indexLagBlocks: number;
  /** It says itself that it is behind by so many slots: getHealth and preflight answer -32005. Null: no. */
  readonly admitsBehind: number | null;
  /** Its newest block is at most in this slot; null: no bound. */
  readonly stalledAt: number | null;
  /** It is still on the fork that the last reorganisation dropped; its blocks end there. */
  readonly onAbandonedFork: boolean;
  /**
   * Its `processed` block is one of a fork of its own, empty, that the chain never takes up: what is
   * signed with that blockhash passes this node's preflight and can never land.
   */
  readonly onStrayFork: boolean;
  /**
   * `full`; `cache`: the status cache only, null beyond it whatever is asked (it lies by silence);
   * `refuses`: as a node without history: -32011; or so many newest slots, -32001 before them.
   */
  readonly history: 'full' | 'cache' | 'refuses' | number;
  /** It has final blocks from long-term storage: a slot without one is -32009 instead of -32007. */
  readonly longTermStorage: boolean;
  /** Its status cache is empty, as after a restart: nothing without full history. */
  readonly emptyStatusCache: boolean;
  /**
   * What becomes of a transaction that it has accepted. `never`: accepted, never forwarded. A number: only
   * after so many blocks. `last`: in the last block that its blockhash allows.
   */
  readonly forwards: 'at-once' | 'never' | 'last' | number;
  /** Chances of each fault for each request, in thousandths. Their sum is at most 1,000. */
  readonly perMille: Readonly<Partial<Record<SolanaFaultKind, number>>>;
  readonly lies: readonly SolanaLie[];
}
