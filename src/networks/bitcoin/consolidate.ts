import { assert, present } from '../../base/assert.ts';
import { formatUnits } from '../../money/amount.ts';
import {
  SigningPostponed,
  type Chore,
  type LanePosition,
  type NewTransaction,
  type Upkeep,
} from '../network.ts';
import { readPlan, writePlan } from './batch-plan.ts';
import { sumOfCoins, type Coin } from './coin.ts';
import { readQuote } from './fees.ts';
import { confirmCoins, readHoldings } from './free-coins.ts';
import { wantedCoinsOf } from './inspect-orders.ts';
import type { Payer } from './payer.ts';
import { foreseenWeight } from './plan-batch.ts';
import { postponing } from './postponing.ts';
import { asNewTransaction } from './sign-attempt.ts';
import { signPayment } from './sign-inputs.ts';
import { feeFor, INPUT_WEIGHT, partFee } from './weight.ts';

/** So many inputs at most: 5,750 virtual bytes of P2TR. */
const MOST_COINS = 100;
/** Fewer are not worth a transaction of their own. */
const LEAST_COINS = 20;

/**
 * Many small coins become one while the market is at half of the long-term rate or below, no transaction of
 * the treasury waits for a block (a sign that no payouts wait), and so many coins are left that payouts go on
 * in the hour until the new one is final: the largest ones, as many as the treasury should have.
 */
export async function findUpkeep(payer: Payer, taken: readonly string[]): Promise<Upkeep> {
  const { satPerKvb } = await readQuote(payer.pool);
  if (2n * satPerKvb > payer.fees.longTermSatPerKvb) return NOTHING;
  const coins = await payer.pool.onOne(async (node) => {
    const wallet = payer.wallets.of(node);
    const waiting = await wallet.spendsSince((await node.tip()).hash);
    if (waiting.length > 0) return [];
    const { free, stranger } = await readHoldings(payer, node, taken);
    const bounds = { keep: wantedCoinsOf(payer), inputFee: inputFeeOf(payer, satPerKvb) };
    return stranger === null ? smallCoins(free, bounds) : [];
  });
  if (coins.length < LEAST_COINS) return NOTHING;
  return { chores: [choreOf(coins, satPerKvb)], alarms: [] };
}

const NOTHING: Upkeep = { chores: [], alarms: [] };

function inputFeeOf({ key }: Payer, satPerKvb: bigint): bigint {
  return partFee(INPUT_WEIGHT[key.kind], satPerKvb);
}

/** The smallest of those that are worth their own fee, beyond the largest, which are kept. */
export function smallCoins(
  free: readonly Coin[],
  { keep, inputFee }: { readonly keep: number; readonly inputFee: bigint },
): readonly Coin[] {
  return free
    .filter(({ units }) => units > inputFee)
    .toSorted((a, b) => (a.units < b.units ? -1 : a.units > b.units ? 1 : 0))
    .slice(0, -keep)
    .slice(0, MOST_COINS);
}

function choreOf(coins: readonly Coin[], satPerKvb: bigint): Chore {
  const amount = formatUnits(sumOfCoins(coins), BITCOIN_DECIMALS);
  return {
    purpose: 'CONSOLIDATE',
    what: `makes one coin of ${coins.length} small ones, ${amount} BTC`,
    takes: 1n,
    fills: null,
    details: writePlan({ coins, change: [], satPerKvb }),
  };
}

const BITCOIN_DECIMALS = 8;

/** One output, to the treasury itself. */
export async function signChore(
  payer: Payer,
  chore: Chore,
  lane: LanePosition,
): Promise<NewTransaction> {
  const { key, fees } = payer;
  assert(chore.purpose === 'CONSOLIDATE', 'Bitcoin knows no other chore');
  assert(lane.sender === key.address, 'the lane is of another sender');
  const { coins, change, satPerKvb } = readPlan(chore.details);
  assert(change.length === 0, 'a consolidation has no change');
  assert(2n * satPerKvb <= fees.longTermSatPerKvb, 'fees are too high to consolidate');
  const confirmed = await postponing(async () => await confirmCoins(payer, coins));
  if (!coins.every(({ outpoint }) => confirmed.has(outpoint))) {
    throw new SigningPostponed('Too few nodes confirm the coins that are to become one.');
  }
  const weight = foreseenWeight(key.kind, coins.length, [key]);
  const feeUnits = feeFor(weight, satPerKvb);
  const output = { units: sumOfCoins(coins) - feeUnits, script: key.script };
  const signed = await signPayment(key, { coins, outputs: [output], mostFeeUnits: feeUnits });
  const paid = present(signed.transaction.outputs[0], 'there is an output');
  assert(paid.script === key.script, 'a consolidation pays the treasury');
  return asNewTransaction(signed, lane);
}
