import { compare, type BenchResult } from './bench-result.ts';
import { measureBitcoinCosts } from './bitcoin-cost.ts';
import { measureSolanaCosts, type SolanaCost } from './solana-cost.ts';
import { measureTronCosts } from './tron-cost.ts';

const UNIT =
  'per payout, rents aside: sun burned (TRON), lamports of fee (SOL), virtual bytes (BTC); else as the key ends';

interface Figures {
  readonly ours: Map<string, number>;
  readonly baselines: Map<string, number>;
}

/**
 * What a payout costs on the chains that know no contract of ours, batched and alone, by their local chains:
 * "SOL/USDT/existing/10" is one of ten in a transaction, and ".../payouts-when-full" the most that one
 * holds. Against a transaction of its own for each (`single`), and against what a wallet would send
 * (`plain`). On Tron a transaction holds one payout, so that `single` is ours.
 */
export async function measureCosts(tell: (progress: string) => void): Promise<BenchResult> {
  const figures: Figures = { ours: new Map(), baselines: new Map() };
  await addTron(figures, tell);
  await addSolana(figures, tell);
  await addBitcoin(figures, tell);
  return compare({ name: 'costs', unit: UNIT, runs: 1 }, figures.ours, figures.baselines);
}

async function addTron(
  { ours, baselines }: Figures,
  tell: (progress: string) => void,
): Promise<void> {
  const { costs, payoutsWhenFull } = await measureTronCosts(tell);
  for (const { key: about, whose, sun, energy, bytes } of costs) {
    const key = `TRON/${about}/1`;
    const parts = { [key]: sun, [`${key}/energy`]: energy, [`${key}/bandwidth-bytes`]: bytes };
    for (const [part, figure] of Object.entries(parts)) {
      if (whose === 'ours') {
        ours.set(part, figure);
        baselines.set(`single/${part}`, figure);
      } else baselines.set(`${whose}/${part}`, figure);
    }
  }
  ours.set('TRON/payouts-when-full', payoutsWhenFull);
  if (payoutsWhenFull === 1)
    tell('Tron: a transaction holds one payout, so single is all there is');
}

async function addSolana(
  { ours, baselines }: Figures,
  tell: (progress: string) => void,
): Promise<void> {
  const costs = await measureSolanaCosts(tell);
  const own = costs.filter(({ whose }) => whose === 'ours');
  for (const cost of own) {
    const key = `SOL/USDT/${cost.kind}/${cost.payouts}`;
    const others = { single: own, plain: costs.filter(({ whose }) => whose === 'plain') };
    for (const [part, figure] of Object.entries(partsOf(cost))) ours.set(key + part, figure);
    for (const [whose, list] of Object.entries(others)) {
      const alone = list.find(({ kind, payouts }) => kind === cost.kind && payouts === 1);
      if (alone === undefined) throw new Error(`no ${whose} payment to a recipient who is ${key}`);
      for (const [part, figure] of Object.entries(partsOf(alone))) {
        // A ratio to nothing says nothing: no rent where the account is there.
        if (figure > 0) baselines.set(`${whose}/${key}${part}`, figure);
      }
    }
  }
  for (const kind of ['existing', 'fresh'] as const) {
    const sizes = own.filter((cost) => cost.kind === kind).map(({ payouts }) => payouts);
    ours.set(`SOL/USDT/${kind}/payouts-when-full`, Math.max(...sizes));
  }
}

function partsOf(cost: SolanaCost): Record<string, number> {
  return {
    '': cost.feeLamports,
    '/rent-lamports': cost.rentLamports,
    '/bytes': cost.bytes,
    '/compute-units': cost.computeUnits,
  };
}

async function addBitcoin(
  { ours, baselines }: Figures,
  tell: (progress: string) => void,
): Promise<void> {
  const { costs, payoutsWhenFull, mostRelayed } = await measureBitcoinCosts(tell);
  for (const { treasury, payouts, virtualBytes } of costs) {
    const key = `BTC/${treasury}/${payouts}`;
    ours.set(key, virtualBytes);
    const alone = costs.find((cost) => cost.treasury === treasury && cost.payouts === 1);
    if (alone === undefined) throw new Error(`no payout alone from a ${treasury} treasury`);
    baselines.set(`single/${key}`, alone.virtualBytes);
  }
  ours.set('BTC/payouts-when-full', payoutsWhenFull);
  ours.set('BTC/payouts-that-nodes-relay', mostRelayed);
}
