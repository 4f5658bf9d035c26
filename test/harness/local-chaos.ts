import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { liveThroughChaos } from './chaos.ts';
import { completed, whatIsWrong } from './chaos-verdict.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import type { LocalPayingChain } from './paying-chain.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from './platform.ts';
import { createSeededRandom } from './seeded-random.ts';
import { startPayingChain, type PayingChainOptions } from './start-paying-chain.ts';
import {
  createTroubles,
  startUnrulyLocalChain,
  startUnrulyLocalNodes,
} from './unruly-local-chain.ts';

const SEED = Number(process.env['KNIT_CHAOS_SEED'] ?? randomInt(2 ** 31));
const CHAOS_MS = Number(process.env['KNIT_CHAOS_SECONDS'] ?? 22) * 1_000;
const PATIENCE_MS = 120_000;
const NODES = ['one', 'two', 'three'];

/**
 * API and workers as processes, a local chain whose blocks are taken back while they are not final, and three
 * of its nodes, of which any may fail and one may lie. What was paid is counted by the chain itself.
 */
export function describeChaos(
  options: Omit<PayingChainOptions, 'mnemonic' | 'blockMs'> & {
    readonly blockMs: number;
    readonly payoutsPerSecond: number;
    /** So many payouts are COMPLETED at least. */
    readonly leastCompleted: number;
  },
): void {
  const { blockMs, finalAfter, leastCompleted, payoutsPerSecond } = options;
  const random = createSeededRandom(SEED);
  let chain: LocalPayingChain;
  let db: TestDatabase;
  let platform: Platform;

  beforeAll(async () => {
    const keys = { mnemonic: PLATFORM_MNEMONIC };
    chain = await startPayingChain({ ...options, ...keys, blockMs: null });
    db = await createTestDatabase();
    const rpcUrls = NODES.map((name) => chain.nodeUrl(name));
    platform = await createPlatform({ databaseUrl: db.url, chain, rpcUrls, merchants: 3 });
  });
  afterAll(async () => {
    await platform.close();
    await chain.stop();
    await db.drop();
  });

  it(
    `${options.network}: pays each payout that was acknowledged once or never (KNIT_CHAOS_SEED=${SEED})`,
    async () => {
      // The newest final block is never taken back.
      const place = { chain, random: random.fork('troubles'), deepest: finalAfter - 1 };
      const troubles = createTroubles(place);
      const outcome = await liveThroughChaos({
        platform,
        seed: SEED,
        random,
        lastsMs: CHAOS_MS,
        patienceMs: PATIENCE_MS,
        payoutsPerSecond,
        startBlocks: () =>
          startUnrulyLocalChain(troubles, { random: random.fork('blocks'), blockMs }),
        startNodes: () =>
          startUnrulyLocalNodes(troubles, { random: random.fork('nodes'), nodes: NODES }),
      });
      expect(await whatIsWrong(platform, outcome)).toEqual([]);
      expect(completed(outcome)).toBeGreaterThan(leastCompleted);
    },
    2 * CHAOS_MS + PATIENCE_MS + 180_000,
  );
}
