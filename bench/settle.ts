import { checkBooks } from '../src/ledger/check-books.ts';
import { startTestChain, type TestChain } from '../test/harness/chain.ts';
import { orderOverHttp } from '../test/harness/order-over-http.ts';
import { payOnAnvil } from '../test/harness/paying-anvil.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from '../test/harness/platform.ts';
import { startBenchDatabase } from './bench-database.ts';
import { compareOne, median, type BenchResult } from './bench-result.ts';
import {
  payInLoop,
  payPipelined,
  payWindowed,
  payWithSignedBatches,
  type MakeTransfers,
} from './transfer-baselines.ts';
import { newTransfers, requirePaidOnce, until, type Transfer } from './transfer-world.ts';

const PAYOUTS = 5_000;
const RUNS = 3;
/**
 * Blocks of 0.2 s with room for more than anybody sends, final two blocks later: what is measured is
 * who pays, not how long a block takes.
 */
export const CHAIN = {
  blockTimeSeconds: 0.2,
  blockGasLimit: 100_000_000,
  finalizedBehind: 2,
} as const;
const ORDERS_AT_ONCE = 32;

/** Whose, how many transfers, and how. The rate of the slow ones does not depend on the number. */
const BASELINES: readonly (readonly [string, number, MakeTransfers])[] = [
  ['loop', 50, payInLoop],
  ['windowed', 500, payWindowed],
  ['pipelined', PAYOUTS, payPipelined],
  ['chainLimit', PAYOUTS, payWithSignedBatches(400, 4)],
];

/**
 * Payouts made final per second by one worker, with all of them accepted and waiting when it is ready:
 * claimed, signed, recorded, broadcast, followed until final, posted in the ledger, and COMPLETED. Every
 * recipient is new. The baselines make the same transfers on the same chain, and record nothing.
 */
export async function measureSettle(tell: (progress: string) => void): Promise<BenchResult> {
  const { blockTimeSeconds, blockGasLimit, finalizedBehind } = CHAIN;
  tell(
    `blocks of ${blockTimeSeconds} s and ${blockGasLimit} gas, final ${finalizedBehind} blocks later; the worker's standard pace`,
  );
  const ours: number[] = [];
  const others = new Map<string, number[]>(BASELINES.map(([whose]) => [whose, []]));
  for (let run = 1; run <= RUNS; run += 1) {
    const chain = await startTestChain(CHAIN);
    try {
      for (const [whose, count, pay] of BASELINES) {
        const perSecond = await pay(chain, count);
        others.get(whose)?.push(perSecond);
        tell(`run ${run}, ${whose}: ${perSecond.toFixed(1)} a second (${count} transfers)`);
      }
      const perSecond = await settleOurs(chain, tell);
      ours.push(perSecond);
      tell(`run ${run}, ours: ${perSecond.toFixed(1)} a second (${PAYOUTS} payouts)`);
    } finally {
      await chain.stop();
    }
  }
  return compareOne(
    { name: 'settle', unit: 'payouts final per second', runs: RUNS },
    { key: 'final', figure: median(ours) },
    new Map([...others].map(([whose, figures]) => [whose, median(figures)])),
  );
}

export async function settleOurs(
  chain: TestChain,
  tell: (progress: string) => void,
): Promise<number> {
  const postgres = await startBenchDatabase();
  try {
    const paying = await payOnAnvil(chain, PLATFORM_MNEMONIC);
    const platform = await createPlatform({ databaseUrl: postgres.url, chain: paying });
    try {
      return await settleOn(platform, chain, tell);
    } finally {
      await platform.close();
    }
  } finally {
    await postgres.stop();
  }
}

async function settleOn(
  platform: Platform,
  chain: TestChain,
  tell: (progress: string) => void,
): Promise<number> {
  const { database, treasury } = platform;
  await platform.startApi();
  await setUpTreasury(platform, chain);
  const transfers = newTransfers(PAYOUTS);
  const acceptedFrom = performance.now();
  await acceptAll(platform, transfers);
  const acceptedIn = (performance.now() - acceptedFrom) / 1_000;
  tell(`${PAYOUTS} payouts accepted over HTTP in ${acceptedIn.toFixed(1)} s`);
  const folder = process.env['KNIT_BENCH_PROFILE'];
  const nodeArgs = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  const worker = platform.startWorker({ nodeArgs });
  await worker.said('settlement is ready');
  const from = performance.now();
  await untilNoneIsOpen(platform);
  const seconds = (performance.now() - from) / 1_000;
  await worker.end('SIGTERM');
  await requirePaidOnce(chain, treasury, transfers);
  await requireCompleted(platform, PAYOUTS + 1);
  const [{ attempts } = { attempts: 0n }] = await database.query<{ attempts: bigint }>(
    'SELECT count(*) AS attempts FROM settlement_attempts',
  );
  tell(`${attempts - 1n} batches in ${seconds.toFixed(2)} s`);
  return PAYOUTS / seconds;
}

/** One payout by a worker that ends when the account is delegated and every gas account has coins. */
async function setUpTreasury(platform: Platform, chain: TestChain): Promise<void> {
  const { database } = platform;
  const worker = platform.startWorker();
  await acceptAll(platform, newTransfers(1));
  await untilNoneIsOpen(platform);
  const lanes = await database.query<{ sender: string }>(
    `SELECT sender FROM settlement_lanes WHERE role = 'GAS'`,
  );
  await until(async () => {
    const balances = lanes.map(
      async ({ sender }) => await chain.rpc('eth_getBalance', sender, 'finalized'),
    );
    return (await Promise.all(balances)).every((balance) => balance !== '0x0');
  }, 'the coins of the gas accounts');
  await worker.end('SIGTERM');
}

async function acceptAll(platform: Platform, transfers: readonly Transfer[]): Promise<void> {
  const [merchant] = platform.merchants;
  if (merchant === undefined) throw new Error('there is no merchant');
  const queue = [...transfers];
  const sendTheNext = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const order = { merchant, token: 'USDT', units: next.units, toAddress: next.to } as const;
      const outcome = await orderOverHttp(platform, { ...order, idempotencyKey: next.to });
      if (outcome.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(outcome)}`);
    }
  };
  await Promise.all(Array.from({ length: ORDERS_AT_ONCE }, sendTheNext));
}

async function untilNoneIsOpen({ database }: Platform): Promise<void> {
  await until(async () => {
    const open = await database.query(
      `SELECT 1 FROM payouts WHERE status IN ('PENDING', 'PROCESSING') LIMIT 1`,
    );
    return open.length === 0;
  }, 'the payouts');
}

/** Throws unless so many payouts are COMPLETED, none is anything else, and the books balance. */
async function requireCompleted(platform: Platform, expected: number): Promise<void> {
  const { database, merchants } = platform;
  const statuses = await database.query<{ status: string; payouts: bigint }>(
    'SELECT status, count(*) AS payouts FROM payouts GROUP BY status',
  );
  const found = statuses.map(({ status, payouts }) => `${payouts} ${status}`).join(', ');
  if (found !== `${expected} COMPLETED`) throw new Error(found);
  for (const { businessId } of merchants) {
    const problems = await checkBooks(database, businessId);
    if (problems.length > 0) throw new Error(problems.join('; '));
  }
}
