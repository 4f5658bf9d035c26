import { assert, present } from '../../base/assert.ts';
import { formatUnits } from '../../money/amount.ts';
import type { Asset } from '../../money/asset.ts';
import {
  ChainMismatch,
  SigningPostponed,
  type Inspection,
  type KnownToBeSigned,
  type TransferOrder,
} from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { writePlan } from './batch-plan.ts';
import { quoteFees } from './fees.ts';
import { confirmCoins, findStranger, readHoldings, type Holdings } from './free-coins.ts';
import { MOST_INPUTS, ORDERS_PER_ATTEMPT, WAITING_TRANSACTIONS, type Payer } from './payer.ts';
import { planBatch, type BatchPlan } from './plan-batch.ts';
import { dustLimit, scriptOfAddress } from './script.ts';

/** So often are coins chosen afresh, without those that too few nodes confirm. */
const MOST_CHOICES = 4;

/**
 * What can be paid together now, out of which coins. Nothing of it is signed for until settlement has locked
 * the coins, so two workers may inspect at once.
 */
export async function inspectOrders(
  payer: Payer,
  orders: readonly TransferOrder[],
  known: KnownToBeSigned,
): Promise<Inspection> {
  const asset = assetOf(orders);
  const { refused, open } = refuse(payer, orders);
  const none = { payable: [], refused, left: [], freeUnits: 0n, plan: null };
  const waitFor = (reason: string): Inspection => ({
    ...none,
    waiting: open.map(({ payoutId }) => ({ payoutId, reason })),
  });
  if (open.length === 0) return waitFor('');
  try {
    return { ...(await findPayable(payer, open, { asset, known })), refused };
  } catch (error) {
    const isKnown =
      error instanceof RpcFailure ||
      error instanceof SigningPostponed ||
      error instanceof ChainMismatch;
    if (!isKnown) throw error;
    return waitFor(error.message);
  }
}

function assetOf(orders: readonly TransferOrder[]): Asset {
  const { asset } = present(orders[0], 'there are orders');
  assert(asset.network === 'BITCOIN_MAINNET' && asset.token === 'BTC', 'the asset is not bitcoin');
  assert(
    orders.every((order) => order.asset.token === asset.token),
    'the orders are of one asset',
  );
  return asset;
}

/** What never can be paid, which the orders themselves show. */
function refuse(
  { key }: Payer,
  orders: readonly TransferOrder[],
): { refused: Inspection['refused']; open: readonly TransferOrder[] } {
  const refused: Inspection['refused'][number][] = [];
  const open = orders.filter(({ payoutId, units, toAddress }) => {
    const script = scriptOfAddress(toAddress);
    if (script === key.script) {
      const reason = 'The recipient address is one of the accounts that payouts are made from.';
      refused.push({ payoutId, reason, proof: { ownAccount: toAddress } });
      return false;
    }
    const least = dustLimit(script);
    if (units >= least) return true;
    const amount = formatUnits(least, BITCOIN_DECIMALS);
    const reason = `The amount is below ${amount} BTC, the least that Bitcoin's nodes relay to such an address.`;
    refused.push({ payoutId, reason, proof: { script, dustLimitUnits: least.toString() } });
    return false;
  });
  return { refused, open };
}

const BITCOIN_DECIMALS = 8;

async function findPayable(
  payer: Payer,
  open: readonly TransferOrder[],
  { asset, known }: { readonly asset: Asset; readonly known: KnownToBeSigned },
): Promise<Omit<Inspection, 'refused'>> {
  const { satPerKvb } = await quoteFees(payer.pool, payer.fees);
  const holdings = await payer.pool.onOne(
    async (node) => await readHoldings(payer, node, known.taken),
  );
  const stranger = holdings.stranger ?? (await findStranger(payer, known.taken));
  if (stranger !== null) {
    throw new SigningPostponed(
      `Transaction ${stranger} spends the treasury's coins and is not recorded here; nothing is signed until it is final.`,
    );
  }
  const plan = await planConfirmed(payer, open, { holdings, satPerKvb });
  const { payable, short, left, freeUnits, spend } = plan;
  const reason = shortageOf(asset, holdings, freeUnits);
  return {
    payable,
    waiting: short.map(({ payoutId }) => ({ payoutId, reason })),
    left: left.map(({ payoutId }) => payoutId),
    freeUnits,
    plan: spend === null ? null : writePlan({ ...spend, satPerKvb }),
  };
}

/** Coins that too few nodes confirm are as good as none: a node that lags or lies makes payouts wait at worst. */
async function planConfirmed(
  payer: Payer,
  orders: readonly TransferOrder[],
  found: { readonly holdings: Holdings; readonly satPerKvb: bigint },
): Promise<BatchPlan> {
  const { holdings, satPerKvb } = found;
  const { key, fees, random, log } = payer;
  let coins = holdings.free;
  for (let choices = 0; choices < MOST_CHOICES; choices += 1) {
    const rates = { satPerKvb, ...fees };
    const limits = { orders: ORDERS_PER_ATTEMPT, inputs: MOST_INPUTS };
    const youngCoins = holdings.young;
    const wantedCoins = wantedCoinsOf(payer);
    const task = { orders, coins, youngCoins, treasury: key, ...rates, limits, wantedCoins };
    const plan = planBatch(task, random);
    if (plan.spend === null) return plan;
    const confirmed = await confirmCoins(payer, plan.spend.coins);
    const doubtful = plan.spend.coins.filter(({ outpoint }) => !confirmed.has(outpoint));
    if (doubtful.length === 0) return plan;
    const outpoints = doubtful.map(({ outpoint }) => outpoint);
    log.warn({ coins: outpoints }, 'too few nodes confirm coins that one node offers');
    coins = coins.filter(({ outpoint }) => !outpoints.includes(outpoint));
  }
  throw new RpcFailure('the nodes do not agree on which coins are unspent');
}

/** For each transaction that may wait, as many as blocks pass until its change is final, and itself. */
export function wantedCoinsOf({ confirmations }: Payer): number {
  return WAITING_TRANSACTIONS * (confirmations + 1);
}

function shortageOf({ decimals }: Asset, { young }: Holdings, freeUnits: bigint): string {
  const has = formatUnits(freeUnits, decimals);
  const youngUnits = young.reduce((sum, { units }) => sum + units, 0n);
  const later = formatUnits(youngUnits, decimals);
  return `The treasury is short of BTC: has ${has} free beyond fees, less than is to be paid; ${later} more are not final yet.`;
}
