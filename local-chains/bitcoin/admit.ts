import type { Coin } from './block-store.ts';
import type { Chainstate } from './chainstate.ts';
import {
  areSequencesPast,
  isFinal,
  sigopCost,
  spendProblem,
  transactionProblem,
  type Refusal,
} from './check-transaction.ts';
import { inByteOrder, removeFamily, type Mempool, type PoolEntry } from './mempool.ts';
import { familyProblem } from './pool-limits.ts';
import { replacedBy } from './replacement.ts';
import type { SignatureBook } from './signature-book.ts';
import {
  feeProblem,
  inputsProblem,
  isDust,
  MAX_STANDARD_SIGOPS_COST,
  policySize,
  standardProblem,
} from './standardness.ts';
import { isCoinbase, outpointKey, type Transaction } from './transaction.ts';

/** Where a transaction asks to be let in. */
export interface Gate {
  readonly state: Chainstate;
  readonly pool: Mempool;
  readonly signatures: SignatureBook;
  readonly nowSeconds: number;
  readonly poolMinSatPerKvb: bigint;
  /** Not for what comes back from a block that was left. */
  readonly asksFees: boolean;
}

export type Verdict =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'acceptable';
      readonly entry: PoolEntry;
      /** Ids of what goes for it. */
      readonly replaced: ReadonlySet<string>;
    };

/**
 * Whether a node would take a transaction into its pool. In the order, and with the words, of Bitcoin
 * Core's MemPoolAccept (version 29).
 */
export function examine(transaction: Transaction, gate: Gate): Verdict {
  const alone = problemAlone(transaction, gate);
  if (alone !== undefined) return { kind: 'refused', refusal: alone };
  const found = coinsOf(transaction, gate);
  if ('reason' in found) return { kind: 'refused', refusal: found };
  const outcome = judgeSpend(transaction, found.coins, gate);
  return 'reason' in outcome ? { kind: 'refused', refusal: outcome } : outcome;
}

/** Lets an acceptable transaction in. */
export function admit(verdict: Verdict & { kind: 'acceptable' }, pool: Mempool): void {
  for (const txid of verdict.replaced) removeFamily(pool, txid);
  pool.add(verdict.entry);
}

function problemAlone(transaction: Transaction, { state, pool }: Gate): Refusal | undefined {
  const broken = transactionProblem(transaction);
  if (broken !== undefined) return { reason: broken };
  if (isCoinbase(transaction)) return { reason: 'coinbase' };
  const odd = standardProblem(transaction);
  if (odd !== undefined) return odd;
  if (!isFinal(transaction, state.tip())) return { reason: 'non-final' };
  const same = pool.entry(transaction.txid);
  if (same === undefined) return undefined;
  return same.transaction.wtxid === transaction.wtxid
    ? { reason: 'txn-already-in-mempool' }
    : { reason: 'txn-same-nonwitness-data-in-mempool' };
}

function coinsOf(
  transaction: Transaction,
  { state, pool }: Gate,
): Refusal | { readonly coins: readonly Coin[] } {
  const height = state.tip().height + 1;
  const coins = transaction.inputs.map(
    (input) => state.coin(outpointKey(input)) ?? pool.coin(input, height),
  );
  if (coins.every((coin) => coin !== undefined)) return { coins };
  const { txid } = transaction;
  const isKnown = transaction.outputs.some(
    (_, vout) => state.coin(outpointKey({ txid, vout })) !== undefined,
  );
  return isKnown
    ? { reason: 'txn-already-known' }
    : { reason: 'bad-txns-inputs-missingorspent', isMissingInputs: true };
}

function judgeSpend(
  transaction: Transaction,
  coins: readonly Coin[],
  gate: Gate,
): Refusal | (Verdict & { kind: 'acceptable' }) {
  const tip = gate.state.tip();
  if (!areSequencesPast(transaction, coins, tip)) return { reason: 'non-BIP68-final' };
  const paid = spendProblem(transaction, coins, tip.height + 1);
  if ('reason' in paid) return paid;
  const odd = inputsProblem(transaction, coins);
  if (odd !== undefined) return odd;
  const cost = sigopCost(transaction, coins);
  if (cost > MAX_STANDARD_SIGOPS_COST) {
    return { reason: 'bad-txns-too-many-sigops', details: `${cost}` };
  }
  const vsize = policySize(transaction.weight, cost);
  const { feeUnits } = paid;
  const fee = feeRefusal(transaction, { feeUnits, vsize }, gate);
  if (fee !== null) return fee;
  const place = placeInPool({ transaction, feeUnits, vsize }, gate.pool);
  if ('reason' in place) return place;
  const unsigned = gate.signatures.problemInRelay(transaction, coins);
  if (unsigned !== undefined) return unsigned;
  const { nowSeconds: time } = gate;
  const entry = { transaction, feeUnits, vsize, sigopCost: cost, time, height: tip.height };
  return { kind: 'acceptable', entry, replaced: place.replaced };
}

function feeRefusal(
  transaction: Transaction,
  { feeUnits, vsize }: { readonly feeUnits: bigint; readonly vsize: number },
  gate: Gate,
): Refusal | null {
  // A transaction without fee may leave one output of dust to a child that spends it.
  if (feeUnits !== 0n && transaction.outputs.some(isDust)) {
    return { reason: 'dust', details: 'tx with dust output must be 0-fee' };
  }
  if (!gate.asksFees) return null;
  return feeProblem({ units: feeUnits, vsize, poolMinSatPerKvb: gate.poolMinSatPerKvb });
}

function placeInPool(
  candidate: {
    readonly transaction: Transaction;
    readonly feeUnits: bigint;
    readonly vsize: number;
  },
  pool: Mempool,
): Refusal | { readonly replaced: ReadonlySet<string> } {
  const { transaction } = candidate;
  const conflicts = new Set(
    transaction.inputs.flatMap((input) => pool.spenderOf(outpointKey(input)) ?? []),
  );
  const crowded = familyProblem(candidate, conflicts, pool);
  if (crowded !== undefined) return crowded;
  for (const ancestor of inByteOrder(pool.ancestorsOf(transaction))) {
    if (conflicts.has(ancestor)) {
      const details = `${transaction.txid} spends conflicting transaction ${ancestor}`;
      return { reason: 'bad-txns-spends-conflicting-tx', details };
    }
  }
  if (conflicts.size === 0) return { replaced: conflicts };
  return replacedBy({ ...candidate, conflicts }, pool);
}
