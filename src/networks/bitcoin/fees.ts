import { SigningPostponed } from '../network.ts';
import { hearQuorum } from '../nodes/hear-quorum.ts';
import type { BitcoinPool } from './nodes.ts';
import { feeFor, rateOf } from './weight.ts';

/** What a transaction may cost. Rates are satoshis per 1,000 virtual bytes. */
export interface FeePolicy {
  /** No transaction is signed above it: payouts wait until the market comes down. */
  readonly ceilingSatPerKvb: bigint;
  /** What spending a coin is expected to cost some day; below it, more coins are spent than need be. */
  readonly longTermSatPerKvb: bigint;
}

/**
 * 200 satoshis a byte: 6,280 a payout in a batch of 300, 28,400 alone. The market was above it for some days of
 * 2023 and 2024 (inscriptions, the halving), and payouts that wait cost less than ones at 1,500. 10 satoshis a
 * byte in the long term is what Bitcoin Core assumes (-consolidatefeerate).
 */
export const STANDARD_FEES: FeePolicy = {
  ceilingSatPerKvb: 200_000n,
  longTermSatPerKvb: 10_000n,
};

/** What nodes ask for now. */
export interface FeeQuote {
  readonly satPerKvb: bigint;
  /** What a replacement pays at least beyond what it replaces. */
  readonly incrementSatPerKvb: bigint;
}

/** Payouts want to be in one of the next three blocks; what is not is replaced at a higher fee. */
const TARGET_BLOCKS = 3;

/** Where no node has seen enough blocks to estimate: on a young chain, or after a start. */
const WITHOUT_ESTIMATE = 5_000n;

/**
 * The median of what the nodes estimate, and no less than the median of what they take at all. Throws
 * RpcFailure where fewer nodes than a quorum answer.
 */
export async function readQuote(pool: BitcoinPool): Promise<FeeQuote> {
  const heard = await hearQuorum(pool, async (node) => ({
    rules: await node.relayRules(),
    estimate: await node.estimate(TARGET_BLOCKS),
  }));
  const estimates = heard.flatMap(({ estimate }) => (estimate === null ? [] : [estimate]));
  const wished = estimates.length === 0 ? WITHOUT_ESTIMATE : median(estimates);
  const least = median(heard.map(({ rules }) => rules.leastSatPerKvb));
  return {
    satPerKvb: wished > least ? wished : least,
    incrementSatPerKvb: median(heard.map(({ rules }) => rules.incrementSatPerKvb)),
  };
}

/** As {@link readQuote}. Throws {@link SigningPostponed} where that is above the ceiling. */
export async function quoteFees(
  pool: BitcoinPool,
  { ceilingSatPerKvb }: FeePolicy,
): Promise<FeeQuote> {
  const quote = await readQuote(pool);
  if (quote.satPerKvb <= ceilingSatPerKvb) return quote;
  throw new SigningPostponed(
    `The network asks ${perByte(quote.satPerKvb)} satoshis per byte; the ceiling is ${perByte(ceilingSatPerKvb)}.`,
  );
}

function perByte(satPerKvb: bigint): string {
  return `${(satPerKvb + 999n) / 1_000n}`;
}

/** Of an even number the upper one: a fee that is too low waits, one that is too high is bounded. 0 of none. */
export function median(values: readonly bigint[]): bigint {
  const rising = values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return rising[Math.floor(rising.length / 2)] ?? 0n;
}

/** What a replacement has to pay more than. */
export interface Replaced {
  readonly feeUnits: bigint;
  readonly weight: number;
  /** Of it and of all that spend its outputs in some mempool, which go with it. */
  readonly packageFeeUnits: bigint;
}

/**
 * The least fee that nodes take for a replacement of this weight: more than all that goes, by what its own
 * relay costs, and at a higher rate. Source: BIP-125, rules 3 and 4, and Bitcoin Core, which asks for the
 * higher rate too.
 */
export function leastReplacementFee(
  replaced: Replaced,
  weight: number,
  incrementSatPerKvb: bigint,
): bigint {
  const gone =
    replaced.packageFeeUnits > replaced.feeUnits ? replaced.packageFeeUnits : replaced.feeUnits;
  const byFee = gone + feeFor(weight, incrementSatPerKvb);
  const byRate = feeFor(weight, rateOf(replaced.feeUnits, replaced.weight) + 1n);
  return byFee > byRate ? byFee : byRate;
}

/**
 * The fee of a replacement: what the market asks, at least a quarter more than before, so that a few steps
 * matter, and no less than nodes take. Null where only more than the ceiling would do.
 */
export function replacementFee(
  replaced: Replaced,
  { weight, quote, policy }: { weight: number; quote: FeeQuote; policy: FeePolicy },
): bigint | null {
  const most = feeFor(weight, policy.ceilingSatPerKvb);
  const least = leastReplacementFee(replaced, weight, quote.incrementSatPerKvb);
  if (least > most) return null;
  const market = feeFor(weight, quote.satPerKvb);
  const step = (replaced.feeUnits * 5n + 3n) / 4n;
  const wished = [least, market, step].reduce((a, b) => (a > b ? a : b));
  return wished > most ? most : wished;
}
