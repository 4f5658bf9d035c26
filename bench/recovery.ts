import { startTestChain, type TestChain } from '../test/harness/chain.ts';
import type { KnitService } from '../test/harness/knit-service.ts';
import { payOnAnvil } from '../test/harness/paying-anvil.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from '../test/harness/platform.ts';
import { startRpcProxy, type RpcProxy } from '../test/harness/rpc-proxy.ts';
import { createSeededRandom } from '../test/harness/seeded-random.ts';
import { startInflow, type Inflow } from './inflow.ts';
import { startBenchDatabase } from './bench-database.ts';
import { compare, median, type BenchResult } from './bench-result.ts';
import { requirePaidOnce, until } from './transfer-world.ts';

const RUNS = 3;
const PER_SECOND = 20;
const DEAD_MS = 60_000;
const STEADY_MS = 15_000;
/** As the sandbox has them: a second each, and final two later. */
const CHAIN = { blockTimeSeconds: 1, finalizedBehind: 2 } as const;

/** Seconds from the moment at which it could go on. */
interface Recovery {
  /** Until the first payout is final. */
  readonly moving: number;
  /** Until everything is final that was accepted before. */
  readonly empty: number;
}

/**
 * Seconds until settlement is over a fault, with payouts coming in all the time: the node is dead for a
 * minute and comes back; the only worker is killed between recording what it has signed and sending it,
 * and another is started at once. The baseline is how long a payout takes while nothing is wrong.
 */
export async function measureRecovery(tell: (progress: string) => void): Promise<BenchResult> {
  tell(`${PER_SECOND} payouts a second, blocks of ${CHAIN.blockTimeSeconds} s, the standard pace`);
  const found: Record<string, number[]> = {};
  const keep = (key: string, seconds: number): void => {
    (found[key] ??= []).push(seconds);
    tell(`${key}: ${seconds.toFixed(1)} s`);
  };
  for (let run = 1; run <= RUNS; run += 1) {
    await withWorld(async (world) => {
      keep('unfaulted', await timeToFinal(world));
      for (const [fault, strike] of [
        ['node-dead-refusing', dieFor(DEAD_MS, 'refused')],
        ['node-dead-silent', dieFor(DEAD_MS, 'silent')],
        ['worker-killed', killAtRecorded],
      ] as const) {
        const { moving, empty } = await strike(world);
        keep(`${fault}/moving`, moving);
        keep(`${fault}/empty`, empty);
      }
    });
  }
  const medians = new Map(Object.entries(found).map(([key, seconds]) => [key, median(seconds)]));
  const unfaulted = medians.get('unfaulted') ?? 0;
  medians.delete('unfaulted');
  const baselines = new Map([...medians.keys()].map((key) => [`unfaulted/${key}`, unfaulted]));
  return compare({ name: 'recovery', unit: 'seconds', runs: RUNS }, medians, baselines);
}

interface RecoveryWorld {
  readonly platform: Platform;
  readonly proxy: RpcProxy;
  readonly inflow: Inflow;
  /** The worker that runs now. */
  worker: KnitService;
}

/** Everything is checked at its end: each payout is paid once, by the chain's logs. */
async function withWorld(measure: (world: RecoveryWorld) => Promise<void>): Promise<void> {
  const chain = await startTestChain(CHAIN);
  const postgres = await startBenchDatabase();
  const random = createSeededRandom(1);
  const proxy = await startRpcProxy({ target: chain.rpcUrl, random });
  const rpcUrls = [proxy.url];
  try {
    const paying = await payOnAnvil(chain, PLATFORM_MNEMONIC);
    const platform = await createPlatform({ databaseUrl: postgres.url, chain: paying, rpcUrls });
    try {
      await platform.startApi();
      const world = {
        platform,
        proxy,
        inflow: startInflow(platform, PER_SECOND),
        worker: platform.startWorker(),
      };
      await world.inflow.untilFinal(1);
      await measure(world);
      await endWell(world, chain);
    } finally {
      await platform.close();
    }
  } finally {
    await proxy.close();
    await postgres.stop();
    await chain.stop();
  }
}

async function endWell(
  { inflow, platform, worker }: RecoveryWorld,
  chain: TestChain,
): Promise<void> {
  await inflow.stop();
  await inflow.untilAllOf(Date.now());
  await worker.end('SIGTERM');
  await requirePaidOnce(chain, platform.treasury, inflow.transfers);
}

/** The median time from a payout's 201 to its end. */
async function timeToFinal({ inflow }: RecoveryWorld): Promise<number> {
  const from = Date.now();
  await new Promise((resolve) => {
    setTimeout(resolve, STEADY_MS);
  });
  const to = Date.now();
  await inflow.untilAllOf(to);
  return median(inflow.secondsTaken(from, to));
}

function dieFor(deadMs: number, how: 'refused' | 'silent') {
  return async ({ proxy, inflow }: RecoveryWorld): Promise<Recovery> => {
    proxy.setBlackout(how);
    await new Promise((resolve) => {
      setTimeout(resolve, deadMs);
    });
    proxy.setBlackout(null);
    return await recoverFrom(inflow, Date.now());
  };
}

/** The worker dies at the first batch that it records, and its heir starts as soon as it is gone. */
async function killAtRecorded(world: RecoveryWorld): Promise<Recovery> {
  const { platform, inflow } = world;
  const dying = platform.startWorker({
    kind: 'test-worker',
    env: { KNIT_TEST_AT: 'recorded', KNIT_TEST_SIGNAL: 'SIGKILL', KNIT_TEST_PACE: 'standard' },
  });
  await world.worker.end('SIGTERM');
  await until(
    async () => await Promise.resolve(dying.child.signalCode === 'SIGKILL'),
    'the end of the worker',
  );
  const from = Date.now();
  world.worker = platform.startWorker();
  return await recoverFrom(inflow, from);
}

async function recoverFrom(inflow: Inflow, fromMs: number): Promise<Recovery> {
  const movingAt = await inflow.untilOneSince(fromMs);
  const emptyAt = await inflow.untilAllOf(fromMs);
  return { moving: (movingAt - fromMs) / 1_000, empty: (emptyAt - fromMs) / 1_000 };
}
