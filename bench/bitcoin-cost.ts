import { z } from 'zod';
import { AssertionFailure } from '../src/base/assert.ts';
import { scriptOfAddress } from '../src/networks/bitcoin/script.ts';
import { signPayment } from '../src/networks/bitcoin/sign-inputs.ts';
import { treasuryKeyOf } from '../src/networks/bitcoin/treasury-key.ts';
import { STANDARD_WEIGHT, type TreasuryKind } from '../src/networks/bitcoin/weight.ts';
import { ecdsaSigner, taprootSigner } from '../test/harness/bitcoin-keys.ts';
import { recipient, startBitcoinWorld, type BitcoinWorld } from '../test/harness/bitcoin-world.ts';

/** What one payout takes of a block, as a share of the transaction that holds it. */
export interface BitcoinCost {
  readonly treasury: TreasuryKind;
  /** Payouts in the transaction. */
  readonly payouts: number;
  readonly virtualBytes: number;
  /** Of the whole transaction. */
  readonly inputs: number;
  readonly changeOutputs: number;
}

export interface BitcoinCosts {
  readonly costs: readonly BitcoinCost[];
  /** As many as Knit puts into one transaction. */
  readonly payoutsWhenFull: number;
  /** As many as nodes would relay in one. */
  readonly mostRelayed: number;
}

const SIZES = [1, 2, 5, 10, 50, 100] as const;
const SIGNERS = { p2tr: taprootSigner, p2wpkh: ecdsaSigner } as const;

/** Above what a coin is expected to cost some day, so that none is spent beyond what is needed. */
const SAT_PER_KVB = 20_000n;

/** More than the treasury wishes to have, so that change is not split, and each enough for any batch. */
const COINS = 40;
const COIN_UNITS = 100_000_000n;
const PAYOUT_UNITS = 10_000n;

/**
 * Virtual bytes per payout to P2WPKH recipients, by what a local chain has mined: alone, together, and in
 * the largest batch. They do not vary from run to run, so there is one.
 */
export async function measureBitcoinCosts(tell: (progress: string) => void): Promise<BitcoinCosts> {
  const costs: BitcoinCost[] = [];
  let payoutsWhenFull = 0;
  for (const treasury of ['p2tr', 'p2wpkh'] as const) {
    const world = await startBitcoinWorld({ signer: SIGNERS[treasury]('treasury') });
    world.fund(...Array.from({ length: COINS }, () => COIN_UNITS));
    world.chain.setFeeEstimate(SAT_PER_KVB);
    payoutsWhenFull = world.driver.limits.ordersPerAttempt;
    for (const payouts of [...SIZES, payoutsWhenFull]) {
      const cost = { treasury, ...(await measureBatch(world, payouts)) };
      costs.push(cost);
      tell(`Bitcoin: ${JSON.stringify(cost)}`);
    }
  }
  const largest = await findLargest();
  costs.push(largest);
  tell(`Bitcoin: no more would be relayed than ${JSON.stringify(largest)}`);
  return { costs, payoutsWhenFull, mostRelayed: largest.payouts };
}

const mined = z.object({
  vsize: z.number(),
  vin: z.array(z.unknown()),
  vout: z.array(z.unknown()),
});

async function measureBatch(
  world: BitcoinWorld,
  payouts: number,
): Promise<Omit<BitcoinCost, 'treasury'>> {
  const orders = Array.from({ length: payouts }, (_, index) => world.order(index, PAYOUT_UNITS));
  const { transaction } = await world.sign(orders);
  await world.driver.broadcast(transaction.rawTransaction);
  world.mine(6);
  const { transactionHash } = transaction;
  const blockHash = world.chain.truth.placeOf(transactionHash)?.blockHash;
  const answer = await world.nodes[0]?.request('getrawtransaction', [
    transactionHash,
    1,
    blockHash,
  ]);
  const { vsize, vin, vout } = mined.parse(answer);
  return {
    payouts,
    virtualBytes: vsize / payouts,
    inputs: vin.length,
    changeOutputs: vout.length - payouts,
  };
}

/** The largest transaction that nodes would relay. Found by what is signed: a heavier one is refused. */
async function findLargest(): Promise<BitcoinCost> {
  let low = 1_000;
  let high = Math.ceil(STANDARD_WEIGHT / 120);
  let weight = await weightOf(low);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const found = await weightOf(middle);
    if (found === null) high = middle - 1;
    else [low, weight] = [middle, found];
  }
  if (weight === null) throw new Error(`${low} payouts are too heavy`);
  const virtualBytes = Math.ceil(weight / 4) / low;
  return { treasury: 'p2tr', payouts: low, virtualBytes, inputs: 1, changeOutputs: 1 };
}

/** Null: it is too heavy to be signed. */
async function weightOf(payouts: number): Promise<number | null> {
  const key = treasuryKeyOf(taprootSigner('treasury'));
  const outputs = Array.from({ length: payouts }, (_, index) => ({
    units: PAYOUT_UNITS,
    script: scriptOfAddress(recipient(index)),
  }));
  const coins = [{ outpoint: `${'ab'.repeat(32)}:0`, units: 10n ** 12n }];
  const change = { units: 10n ** 11n, script: key.script };
  const payment = { coins, outputs: [...outputs, change], mostFeeUnits: 10n ** 12n };
  try {
    return (await signPayment(key, payment)).transaction.weight;
  } catch (error) {
    if (error instanceof AssertionFailure) return null;
    throw error;
  }
}
