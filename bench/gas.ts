import type { TestToken } from '../test/harness/chain.ts';
import type { BatchItem } from '../test/harness/treasury-contract.ts';
import { compare, type BenchResult } from './bench-result.ts';
import {
  payBare,
  payDisperse,
  payOurs,
  payPlain,
  payUnguarded,
  startBatchWorld,
  TRANSACTION_CAP,
  type BatchWorld,
} from './batch-world.ts';

const TOKENS = ['USDT', 'USDC'] as const;
const KINDS = ['existing', 'fresh'] as const;
/** "cap": as many as the largest transaction holds. */
const SIZES = [1, 10, 50, 200, 'cap'] as const;

/** Plain transfers do not depend on a batch; each figure of theirs is the mean of so many. */
const PLAIN_TRANSFERS = 10;

interface Case {
  readonly token: TestToken;
  readonly kind: (typeof KINDS)[number];
  readonly size: (typeof SIZES)[number];
}

/** Pays that many new recipients in one way; gives the gas of it all, and throws where it failed. */
type PayNew = (count: number) => Promise<number>;

/**
 * Gas per payout: a treasury's batch against plain transfers, a loop of transferFrom by a contract
 * that is allowed to, a loop of transfers without any guard, and the writes and events alone. Each
 * figure holds the whole transaction. Gas does not vary from run to run, so there is one.
 */
export async function measureGas(tell: (progress: string) => void): Promise<BenchResult> {
  const world = await startBatchWorld();
  try {
    const ours = new Map<string, number>();
    const baselines = new Map<string, number>();
    for (const about of cases()) {
      const key = `${about.kind}/${about.token}/${about.size}`;
      for (const [whose, pay] of Object.entries(waysToPay(world, about))) {
        const { perPayout, count } = await measure(pay, about.size, whose === 'plain');
        if (whose === 'ours') ours.set(key, perPayout);
        else baselines.set(`${whose}/${key}`, perPayout);
        tell(`${whose}/${key}: ${perPayout.toFixed(1)} (${count} payouts)`);
      }
    }
    return compare({ name: 'gas', unit: 'gas per payout', runs: 1 }, ours, baselines);
  } finally {
    await world.stop();
  }
}

function cases(): Case[] {
  return TOKENS.flatMap((token) =>
    KINDS.flatMap((kind) => SIZES.map((size) => ({ token, kind, size }))),
  );
}

function waysToPay(world: BatchWorld, { token, kind }: Case): Record<string, PayNew> {
  const toNew =
    (pay: (items: readonly BatchItem[]) => Promise<bigint>): PayNew =>
    async (count) => {
      const items = world.recipients(count);
      if (kind === 'existing') await world.seed(token, items);
      return Number(await pay(items));
    };
  return {
    ours: toNew(async (items) => await payOurs(world, token, items)),
    plain: toNew(async (items) => await payPlain(world, token, items)),
    disperse: toNew(async (items) => await payDisperse(world, token, items)),
    unguarded: toNew(async (items) => await payUnguarded(world, token, items)),
    bare: toNew(async (items) => await payBare(world, items)),
  };
}

async function measure(
  pay: PayNew,
  size: Case['size'],
  isPlain: boolean,
): Promise<{ perPayout: number; count: number }> {
  if (!isPlain && size === 'cap') return await measureLargest(pay);
  const count = isPlain || size === 'cap' ? PLAIN_TRANSFERS : size;
  return { perPayout: (await pay(count)) / count, count };
}

/** The largest batch that a transaction holds: from two smaller ones, then downwards until it fits. */
async function measureLargest(pay: PayNew): Promise<{ perPayout: number; count: number }> {
  const [few, many] = [100, 400];
  const [byFew, byMany] = [await pay(few), await pay(many)];
  const perItem = (byMany - byFew) / (many - few);
  const most = Math.floor((Number(TRANSACTION_CAP) - byFew) / perItem) + few;
  for (let count = most; count > most / 2; count = Math.floor(count * 0.998)) {
    try {
      return { perPayout: (await pay(count)) / count, count };
    } catch {
      // Memory costs more the more of it there is, so the first guess may be a little too high.
    }
  }
  throw new Error('no batch fits into the largest transaction');
}
