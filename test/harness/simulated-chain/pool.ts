import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { nonceKey, weiKey } from './accounts.ts';
import { codeAt, type CodeBook } from './code.ts';
import type { StateView } from './state.ts';
import { costOf, TransactionRefusal, type ChainTransaction } from './transaction.ts';

/** Transactions that wait, by the rules of geth's legacy pool. */
export interface Pool {
  /** Throws {@link TransactionRefusal} in geth's words where a node would not take it. */
  check(transaction: ChainTransaction, state: StateView): void;
  /** Puts it in, in place of another of its nonce. Nothing is checked. */
  put(transaction: ChainTransaction): void;
  get(hash: Hex): ChainTransaction | null;
  remove(hash: Hex): void;
  clear(): void;
  /** Drops what a block has made impossible. */
  sweep(state: StateView): void;
  /** In the order of arrival. */
  all(): ChainTransaction[];
  has(sender: Hex, nonce: bigint): boolean;
  /** The next nonce of a sender once all that can run has run. */
  pendingNonce(sender: Hex, state: StateView): bigint;
}

/** EIP-7825. */
export const GAS_CAP = 16_777_216;
/** geth's AccountSlots and AccountQueue: those that can run, and those behind a gap. */
const PENDING_SLOTS = 16;
const QUEUED_SLOTS = 64;
const LEAST_TIP_WEI = 1n;
const BUMP_PERCENT = 110n;

export function createPool(limits: {
  readonly codes: CodeBook;
  readonly blockGasLimit: number;
}): Pool {
  const byHash = new Map<Hex, ChainTransaction>();
  const bySender = new Map<Hex, Map<bigint, ChainTransaction>>();
  const ofSender = (sender: Hex): ReadonlyMap<bigint, ChainTransaction> =>
    bySender.get(sender) ?? new Map<bigint, ChainTransaction>();
  const remove = (hash: Hex): void => {
    const transaction = byHash.get(hash);
    if (transaction === undefined) return;
    byHash.delete(hash);
    bySender.get(transaction.from)?.delete(transaction.nonce);
  };
  const pendingNonce = (sender: Hex, state: StateView): bigint => {
    const waiting = ofSender(sender);
    let nonce = state.word(nonceKey(sender));
    while (waiting.has(nonce)) nonce += 1n;
    return nonce;
  };
  return {
    check(transaction, state) {
      if (byHash.has(transaction.hash)) refuse('already known');
      checkAlone(transaction, limits.blockGasLimit);
      checkAgainst(transaction, state);
      const waiting = ofSender(transaction.from);
      const replaced = waiting.get(transaction.nonce);
      const next = pendingNonce(transaction.from, state);
      checkFunds(transaction, { state, waiting });
      checkDelegated(transaction, { state, codes: limits.codes, next, waiting });
      checkAuthorities(transaction, ofSender);
      if (replaced !== undefined) checkReplacement(transaction, replaced);
      else
        checkSlots(transaction, { next, waiting, nonce: state.word(nonceKey(transaction.from)) });
    },
    put(transaction) {
      const waiting = bySender.get(transaction.from) ?? new Map<bigint, ChainTransaction>();
      bySender.set(transaction.from, waiting);
      const replaced = waiting.get(transaction.nonce);
      if (replaced !== undefined) byHash.delete(replaced.hash);
      waiting.set(transaction.nonce, transaction);
      byHash.set(transaction.hash, transaction);
    },
    get: (hash) => byHash.get(hash) ?? null,
    remove,
    clear() {
      byHash.clear();
      bySender.clear();
    },
    sweep(state) {
      for (const { hash, from, nonce } of byHash.values()) {
        if (nonce < state.word(nonceKey(from))) remove(hash);
      }
    },
    all: () => [...byHash.values()],
    has: (sender, nonce) => ofSender(sender).has(nonce),
    pendingNonce,
  };
}

function refuse(message: string): never {
  throw new TransactionRefusal(message);
}

/** What needs no look at the chain. */
function checkAlone(transaction: ChainTransaction, blockGasLimit: number): void {
  const { gasLimit, maxFeeWei, maxTipWei, intrinsicGas, floorGas } = transaction;
  if (gasLimit > blockGasLimit) refuse('exceeds block gas limit');
  if (gasLimit > GAS_CAP)
    refuse(`transaction gas limit too high (cap: ${GAS_CAP}, tx: ${gasLimit})`);
  if (maxTipWei > maxFeeWei) refuse('max priority fee per gas higher than max fee per gas');
  if (transaction.type === 4 && transaction.authorizations.length === 0) {
    refuse('set code tx must have at least one authorization tuple');
  }
  if (gasLimit < intrinsicGas) {
    refuse(`intrinsic gas too low: gas ${gasLimit}, minimum needed ${intrinsicGas}`);
  }
  if (gasLimit < floorGas) {
    refuse(`insufficient gas for floor data gas cost: gas ${gasLimit}, minimum needed ${floorGas}`);
  }
  if (maxTipWei < LEAST_TIP_WEI) {
    refuse(`transaction underpriced: gas tip cap ${maxTipWei}, minimum needed ${LEAST_TIP_WEI}`);
  }
}

function checkAgainst({ from, nonce }: ChainTransaction, state: StateView): void {
  const next = state.word(nonceKey(from));
  if (nonce < next) refuse(`nonce too low: next nonce ${next}, tx nonce ${nonce}`);
}

interface Waiting {
  readonly waiting: ReadonlyMap<bigint, ChainTransaction>;
}

/** It and all that waits of its sender must be payable together. */
function checkFunds(
  transaction: ChainTransaction,
  { state, waiting }: Waiting & { readonly state: StateView },
): void {
  const balance = state.word(weiKey(transaction.from));
  const cost = costOf(transaction);
  const overshot = (spent: bigint): string =>
    `insufficient funds for gas * price + value: balance ${balance}, tx cost ${cost}, overshot ${spent - balance}`;
  if (balance < cost) refuse(overshot(cost));
  let others = 0n;
  for (const each of waiting.values()) {
    if (each.nonce !== transaction.nonce) others += costOf(each);
  }
  if (balance < others + cost) refuse(overshot(others + cost));
}

/** An account with a delegation, or one on its way, has one transaction at a time. */
function checkDelegated(
  transaction: ChainTransaction,
  around: Waiting & {
    readonly state: StateView;
    readonly codes: CodeBook;
    readonly next: bigint;
  },
): void {
  const { state, codes, next, waiting } = around;
  const { from, nonce } = transaction;
  if (codeAt(state, codes, from).kind === 'none') return;
  if (waiting.has(nonce)) return;
  if (waiting.size > 0) refuse('in-flight transaction limit reached for delegated accounts');
  if (nonce !== next) refuse('gapped-nonce tx from delegated accounts');
}

function checkAuthorities(
  { authorizations, from }: ChainTransaction,
  ofSender: (sender: Hex) => ReadonlyMap<bigint, ChainTransaction>,
): void {
  for (const { authority } of authorizations) {
    if (authority === null || authority === from) continue;
    if (ofSender(authority).size > 1) refuse('authority already reserved');
  }
}

function checkReplacement(transaction: ChainTransaction, old: ChainTransaction): void {
  const isBumped = (now: bigint, before: bigint): boolean =>
    now > before && now >= (before * BUMP_PERCENT) / 100n;
  const both =
    isBumped(transaction.maxFeeWei, old.maxFeeWei) &&
    isBumped(transaction.maxTipWei, old.maxTipWei);
  if (!both) refuse('replacement transaction underpriced');
}

/** geth drops at will above these; the model refuses, so that nothing depends on what it drops. */
function checkSlots(
  { nonce: own }: ChainTransaction,
  { next, waiting, nonce }: Waiting & { readonly next: bigint; readonly nonce: bigint },
): void {
  const pending = next - nonce;
  const queued = BigInt(waiting.size) - pending;
  const isFull = own === next ? pending >= PENDING_SLOTS : queued >= QUEUED_SLOTS;
  if (isFull) refuse('account limit exceeded');
}
