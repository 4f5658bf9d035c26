import { taprootSigner } from '../test/harness/bitcoin-keys.ts';
import { recipient } from '../test/harness/bitcoin-world.ts';
import { scriptOfAddress } from '../src/networks/bitcoin/script.ts';
import { signPayment } from '../src/networks/bitcoin/sign-inputs.ts';
import { readTransaction } from '../src/networks/bitcoin/transaction.ts';
import { treasuryKeyOf } from '../src/networks/bitcoin/treasury-key.ts';
import { STANDARD_WEIGHT, virtualBytes } from '../src/networks/bitcoin/weight.ts';
import { compare, type BenchResult } from './bench-result.ts';

const SIZES = [1, 2, 5, 10, 50, 100, 300, 1_000] as const;

/**
 * Virtual bytes per payout, by the bytes that are signed: one P2TR coin, P2WPKH recipients and one change output,
 * against a transaction for each payout. `full`: the most payouts whose transaction nodes still relay.
 */
export async function measureBitcoinCost(tell: (progress: string) => void): Promise<BenchResult> {
  const ours = new Map<string, number>();
  const baselines = new Map<string, number>();
  const alone = await bytesOf(1);
  const full = await findFull();
  for (const size of [...SIZES, full]) {
    const perPayout = (await bytesOf(size)) / size;
    const key = size === full ? `full-${size}` : `${size}`;
    ours.set(key, perPayout);
    baselines.set(`alone/${key}`, alone);
    tell(`${key}: ${perPayout.toFixed(1)} virtual bytes a payout`);
  }
  return compare(
    { name: 'bitcoin-cost', unit: 'virtual bytes per payout', runs: 1 },
    ours,
    baselines,
  );
}

async function bytesOf(payouts: number): Promise<number> {
  return virtualBytes(await weightOf(payouts));
}

const key = treasuryKeyOf(taprootSigner('treasury'));

async function weightOf(payouts: number): Promise<number> {
  const outputs = Array.from({ length: payouts }, (_, index) => ({
    units: 10_000n,
    script: scriptOfAddress(recipient(index)),
  }));
  const coins = [{ outpoint: `${'ab'.repeat(32)}:0`, units: 10n ** 12n }];
  const change = { units: 10n ** 11n, script: key.script };
  const payment = { coins, outputs: [...outputs, change], mostFeeUnits: 10n ** 12n };
  const { rawTransaction } = await signPayment(key, payment);
  return readTransaction(rawTransaction).weight;
}

/** Found by what is signed: a heavier transaction is refused. */
async function findFull(): Promise<number> {
  let low = 1_000;
  let high = Math.ceil(STANDARD_WEIGHT / 120);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    try {
      await weightOf(middle);
      low = middle;
    } catch {
      high = middle - 1;
    }
  }
  return low;
}
