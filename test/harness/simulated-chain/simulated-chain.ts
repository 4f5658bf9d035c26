import type { Clock } from '../../../src/base/clock.ts';
import type { RpcEndpoint } from '../../../src/networks/nodes/json-rpc.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';

/**
 * A mock: an EVM chain in memory, for the seeded simulation. It runs no bytecode; it knows by heart what
 * the treasury, two tokens and the deterministic deployment proxy do, and refuses whatever else would
 * run code. Signatures, nonces, fees, events and return data are those of the real chain, and
 * test/simulated-chain.test.ts holds it against one. Gas is within 5 % of the
 * truth, that of a batch whose items are paid within 0.1 %.
 *
 * Everything is a function of the arguments: no time, randomness, timer or I/O of its own. Addresses
 * and hashes are lower case everywhere.
 */
export interface SimulatedChain {
  readonly chainId: number;
  readonly tokens: Readonly<Record<SimulatedTokenName, SimulatedToken>>;
  /** Another node of the one chain, healthy unless told otherwise. Labels are unique. */
  node(label: string, faults?: Partial<NodeFaults>): SimulatedNode;
  /** Makes one block from the shared pool, at the clock's second or one after its parent's. */
  mine(options?: MineOptions): SimulatedBlock;
  /** Replaces the newest blocks by a longer branch. */
  reorg(options: ReorgOptions): ReorgReport;
  /**
   * A transaction of an account that needs no key (the tokens' owner, the faucet): first in the next
   * block, and in every branch. Throws there where it fails: it is a mistake of the test.
   */
  sendAs(from: Hex, transaction: { to: Hex; data?: Hex; wei?: bigint }): void;
  /** In the next block. Coins come from a faucet, USDT from its owner, USDC is minted. */
  fund(address: Hex, funds: { wei?: bigint; USDT?: bigint; USDC?: bigint }): void;
  /** In the next block. USDT asks its blacklist about the sender only; USDC about both. */
  setBlacklisted(token: SimulatedTokenName, address: Hex, listed: boolean): void;
  /** In the next block. */
  setPaused(token: SimulatedTokenName, paused: boolean): void;
  /** In the next block. USDT only: below 20 basis points, at most `maximumWhole` (below 50) tokens. */
  setFee(basisPoints: bigint, maximumWhole: bigint): void;
  /** The base fee of the next block, whatever the newest one used. It moves on from there. */
  setBaseFee(wei: bigint): void;
  /** How far `finalized` is behind the newest block from now on. It never steps back for it. */
  setFinalizedBehind(blocks: number): void;
  /** What waits in the shared pool, in the order of arrival; gapped nonces too. */
  pool(): readonly PooledTransaction[];
  /** The shared pool forgets a transaction, or all of them: eviction. */
  forget(hash?: Hex): void;
  /** The newest block. */
  head(): SimulatedBlock;
  /** The newest final block, as a healthy node has it. */
  finalized(): SimulatedBlock;
  /** Of an address, now, in units. */
  unitsOf(token: SimulatedTokenName, address: Hex): bigint;
  /** Of an address, now, in wei. */
  weiOf(address: Hex): bigint;
  /** Whether the treasury has spent this batch id, now. */
  isSpent(batchId: bigint): boolean;
  /**
   * Every Transfer of a token out of the treasury in the blocks that are on the chain now, oldest first,
   * from block `sinceBlock` on (default 0). Read from what was executed, not from what nodes answer.
   */
  truth(sinceBlock?: bigint): readonly SimulatedPayment[];
  /** As {@link truth}, in every block that ever was the chain's, abandoned ones included. */
  everPaid(): readonly SimulatedPayment[];
  /** How often each kind of fault has struck an answer, or the chain itself ("reorg"). */
  faultCounts(): Readonly<Record<string, number>>;
}

export interface SimulatedChainOptions {
  readonly chainId: number;
  /** Of both tokens: 6, or 18 on BSC. */
  readonly decimals: number;
  /** The account whose payments are the truth. */
  readonly treasury: Hex;
  /** Blocks take their time from it. */
  readonly clock: Pick<Clock, 'now'>;
  readonly random: SimulatedRandom;
  /** How far `finalized` is behind the newest block; `safe` is half as far. Default 8. */
  readonly finalizedBehind?: number;
  /** The newest states that can still be asked about; older ones are a "missing trie node". Default 256. */
  readonly keptStates?: number;
  /** Default 60,000,000. */
  readonly blockGasLimit?: bigint;
  /** Of the first block. Default 1 gwei. */
  readonly baseFeeWei?: bigint;
  /** Whether the deterministic deployment proxy is there. Default true. */
  readonly proxy?: boolean;
}

/** The one source of chance. */
export interface SimulatedRandom {
  /** A whole number from 0 to below `limit`, which is a positive safe integer. */
  below(limit: number): number;
}

export type SimulatedTokenName = 'USDT' | 'USDC';

export interface SimulatedToken {
  readonly address: Hex;
  readonly decimals: number;
}

export interface SimulatedBlock {
  readonly number: bigint;
  readonly hash: Hex;
  readonly parentHash: Hex;
  /** Whole seconds since 1970. */
  readonly timestamp: bigint;
  readonly baseFeeWei: bigint;
  readonly gasUsed: bigint;
  /** Hashes, in order. */
  readonly transactions: readonly Hex[];
}

export interface MineOptions {
  /** Leaves a transaction in the pool (and with it all later nonces of its sender). Default: none. */
  readonly withhold?: (transaction: PooledTransaction) => boolean;
  /** Senders in an order drawn from the random source instead of by tip. Default false. */
  readonly shuffled?: boolean;
}

export interface ReorgOptions {
  /** How many of the newest blocks go. Cut down to what is not final, unless `pastFinal`. */
  readonly depth: number;
  /** Length of the new branch. Default and least: one more than what goes. */
  readonly blocks?: number;
  /**
   * What becomes of the transactions in the blocks that go: back to the pool, as nodes do; gone from
   * every pool; or mined in the new branch in an order and in blocks drawn at random. `pool` and
   * `dropped` make new blocks without transactions of the pool; what is in it waits for the next `mine`.
   */
  readonly transactions: 'pool' | 'dropped' | 'remined';
  /** Lets it reach beyond `finalized`, which no honest chain does: the alarm is to ring. */
  readonly pastFinal?: boolean;
}

export interface ReorgReport {
  /** What went, after the cut; 0: nothing happened. */
  readonly depth: number;
  readonly abandoned: readonly SimulatedBlock[];
  readonly added: readonly SimulatedBlock[];
}

export interface PooledTransaction {
  readonly hash: Hex;
  readonly raw: Hex;
  readonly from: Hex;
  readonly nonce: bigint;
  readonly to: Hex | null;
  readonly maxFeeWei: bigint;
  readonly maxTipWei: bigint;
  readonly gasLimit: bigint;
}

/** One Transfer event out of the treasury. */
export interface SimulatedPayment {
  readonly token: SimulatedTokenName;
  readonly recipient: Hex;
  readonly units: bigint;
  /** Of the batch that paid it and the item's place in it; null where no batch did. */
  readonly batchId: bigint | null;
  readonly item: number | null;
  readonly transactionHash: Hex;
  readonly block: { readonly number: bigint; readonly hash: Hex };
  /** Whether that block is on the chain now. */
  readonly canonical: boolean;
}

/** One node's lens on the chain. It is an endpoint: `createEvmNode` takes it as it takes a real one. */
export interface SimulatedNode extends RpcEndpoint {
  /** What ails it now. */
  readonly faults: NodeFaults;
  /** Changes some of its faults. */
  set(changes: Partial<NodeFaults>): void;
  /** Healthy again; what its private pool holds stays there until it is due. */
  heal(): void;
  /** Its newest block stays the one that it sees now, until `heal` or `set({ stalledAt: null })`. */
  stall(): void;
  /** The next request of this method meets this fault, whatever the rates. They queue up. */
  failNext(method: string, kind: FaultKind): void;
  /** How many requests it was asked, by method. */
  asked(): Readonly<Record<string, number>>;
}

/**
 * Faults of one answer. `timeout`: lost on the way there. `lost-answer`: the request was carried out (a
 * transaction was delivered) and the answer was lost. `error`: a JSON-RPC error of the node's own.
 * `malformed`: an answer that is not of the method's shape. `unindexed`: null for a receipt or a
 * transaction, an empty list for logs; with other methods an error.
 */
export type FaultKind = 'timeout' | 'lost-answer' | 'error' | 'malformed' | 'unindexed';

/**
 * Lies, each by itself or together. `denies-receipts`: no receipt, and no block of a transaction.
 * `denies-spent` / `claims-spent`: of the treasury's batch ids, in storage and by isSpent. `denies-logs`:
 * no logs. `other-hashes`: block hashes that are nobody's. `ahead-in-time`: blocks an hour late.
 */
export type Lie =
  | 'denies-receipts'
  | 'denies-spent'
  | 'claims-spent'
  | 'denies-logs'
  | 'other-hashes'
  | 'ahead-in-time';

export interface NodeFaults {
  /** Its newest and its final block are those that the chain had this many blocks ago. */
  readonly lagBlocks: number;
  /** Its newest block is at most this one; null: no bound. */
  readonly stalledAt: bigint | null;
  /** It is still on the branch that the last reorg left; its blocks end there. */
  readonly onAbandonedBranch: boolean;
  /** Chances of each fault for each request, in thousandths. Their sum is at most 1,000. */
  readonly perMille: Readonly<Partial<Record<FaultKind, number>>>;
  /** Receipts, transactions and logs of its newest blocks, this many, are not indexed yet. */
  readonly indexLagBlocks: number;
  /**
   * Where transactions sent to it go. `shared`: the pool of all. Else it keeps them to itself, where it
   * shows them as pending, and after so many blocks forwards or forgets them; `forBlocks: null` is for
   * ever (accepted, never propagated).
   */
  readonly pool:
    'shared' | { readonly forBlocks: number | null; readonly afterwards: 'forwards' | 'forgets' };
  readonly lies: readonly Lie[];
}
