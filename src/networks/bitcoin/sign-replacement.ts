import { isDeepStrictEqual } from 'node:util';
import { assert } from '../../base/assert.ts';
import { formatUnits } from '../../money/amount.ts';
import { SigningPostponed, type NewTransaction, type SignedTransaction } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { carriedBy } from './attempt.ts';
import { parseOutpoint, sumOfCoins, type Coin } from './coin.ts';
import { median, readQuote, type FeePolicy, type Replaced } from './fees.ts';
import { confirmCoins, readHoldings } from './free-coins.ts';
import type { Payer } from './payer.ts';
import { foreseenWeight, leastChange, mostFee } from './plan-batch.ts';
import { planReplacement } from './plan-replacement.ts';
import { postponing } from './postponing.ts';
import { asNewTransaction } from './sign-attempt.ts';
import { signPayment } from './sign-inputs.ts';
import { readTransaction, type Transaction } from './transaction.ts';

/**
 * Another version at a higher fee: all coins of this one in their order, so that the chain takes one of the
 * two, and the same payouts. The fee comes out of the change, and where that is not enough out of further
 * coins of the treasury.
 */
export async function signReplacement(
  payer: Payer,
  old: SignedTransaction,
  taken: readonly string[],
): Promise<NewTransaction> {
  const { key } = payer;
  const said = readTransaction(old.rawTransaction);
  assert(said.txid === old.transactionHash, 'the bytes have another hash');
  assert(old.sender === key.address, 'the transaction is of another sender');
  const kept = await readSpentCoins(payer, said);
  const quote = await postponing(async () => await readQuote(payer.pool));
  const extra = await findExtraCoins(payer, taken);
  const payments = said.outputs.filter(({ script }) => script !== key.script);
  const fees = policyFor(payer.fees, payments);
  const plan = planReplacement({
    kept,
    extra,
    payments,
    changeOutputs: said.outputs.length - payments.length,
    treasury: key,
    replaced: await readReplaced(payer, said, kept),
    quote,
    policy: fees,
    leastChangeUnits: leastChange(key, fees.longTermSatPerKvb),
  });
  if (plan === null) throw new SigningPostponed(tooDear(fees));
  const { coins, change } = plan;
  const outputs = [...payments, ...change.map((units) => ({ units, script: key.script }))];
  const weight = foreseenWeight(key.kind, coins.length, outputs);
  const ceiling = { ...fees, satPerKvb: fees.ceilingSatPerKvb };
  const mostFeeUnits = mostFee(key, weight, ceiling);
  const signed = await signPayment(key, { coins, outputs, mostFeeUnits });
  assertIsVersionOf(signed.transaction, said, key.script);
  return asNewTransaction(signed, old);
}

/** What pays nobody is in no hurry: its coins are never spent at more than what they would cost another day. */
function policyFor(fees: FeePolicy, payments: Transaction['outputs']): FeePolicy {
  const { ceilingSatPerKvb: ceiling, longTermSatPerKvb: longTerm } = fees;
  if (payments.length > 0 || ceiling <= longTerm) return fees;
  return { ...fees, ceilingSatPerKvb: longTerm };
}

function tooDear({ ceilingSatPerKvb }: FeePolicy): string {
  const perByte = formatUnits(ceilingSatPerKvb, 3);
  return `A replacement that nodes take is not to be had: at most ${perByte} satoshis per byte are paid, and what is free of the treasury's coins has to cover it.`;
}

/** What every version of one attempt has in common, read back out of the bytes. */
function assertIsVersionOf(next: Transaction, said: Transaction, script: string): void {
  const isLonger = next.spends.length >= said.spends.length;
  const keepsAll = said.spends.every((coin, index) => next.spends[index] === coin);
  assert(isLonger && keepsAll, 'a replacement spends all coins of what it replaces');
  assert(
    isDeepStrictEqual(carriedBy(next, script), carriedBy(said, script)),
    'a replacement pays just what it replaces does',
  );
}

/** What the transaction spends holds, by a quorum of the nodes. */
async function readSpentCoins(
  { pool, key }: Payer,
  { spends }: Transaction,
): Promise<readonly Coin[]> {
  const answer = await askQuorum(
    pool,
    async (node) => {
      const coins: (Coin | null)[] = [];
      for (const outpoint of spends) {
        const output = await node.unspent(parseOutpoint(outpoint), 'blocks');
        const isOwn = output?.script === key.script;
        coins.push(isOwn ? { outpoint, units: output.units } : null);
      }
      return coins;
    },
    isDeepStrictEqual,
  );
  if (answer.kind !== 'agreed') throw new SigningPostponed('The nodes do not agree on its coins.');
  return answer.value.map((coin) => {
    if (coin !== null) return coin;
    throw new SigningPostponed('A coin of it is spent in a block.');
  });
}

/** What pays now, and what pays with it: a payout that its recipient has spent already goes with all of that. */
async function readReplaced(
  { pool }: Payer,
  { txid, weight, outputs }: Transaction,
  kept: readonly Coin[],
): Promise<Replaced> {
  const feeUnits = sumOfCoins(kept) - outputs.reduce((sum, { units }) => sum + units, 0n);
  const heard = await pool.hearAll(async (node) => await node.mempoolEntry(txid));
  const packages = heard.flatMap((it) =>
    it.kind === 'heard' && it.value !== null && pool.counts(it.node) ? [it.value] : [],
  );
  // As with all fees: one node's word does not make it dear.
  const packageFeeUnits = median(packages.map((entry) => entry.packageFeeUnits));
  return { feeUnits, weight, packageFeeUnits };
}

/** Few coins are enough for a fee. */
const MOST_EXTRA = 20;

/** The largest that are free and that a quorum confirms; none where that cannot be known now. */
async function findExtraCoins(payer: Payer, taken: readonly string[]): Promise<readonly Coin[]> {
  try {
    const { free } = await payer.pool.onOne(async (node) => await readHoldings(payer, node, taken));
    const largest = free.toSorted((a, b) => (a.units > b.units ? -1 : 1)).slice(0, MOST_EXTRA);
    const confirmed = await confirmCoins(payer, largest);
    return largest.filter(({ outpoint }) => confirmed.has(outpoint));
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    payer.log.warn({ err: error }, 'no coins to raise a fee with are known now');
    return [];
  }
}
