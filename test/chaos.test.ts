import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Token } from '../src/money/asset.ts';
import { startTestChain, type TestChain } from './harness/chain.ts';
import { liveThroughChaos } from './harness/chaos.ts';
import { completed, paidUnits, whatIsWrong } from './harness/chaos-verdict.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { recipientOf } from './harness/fresh-recipient.ts';
import { payOnAnvil } from './harness/paying-anvil.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from './harness/platform.ts';
import { startRpcProxy, type RpcProxy } from './harness/rpc-proxy.ts';
import { createSeededRandom, type SeededRandom } from './harness/seeded-random.ts';
import { startUnrulyChain } from './harness/unruly-chain.ts';
import { startUnrulyNetwork } from './harness/unruly-network.ts';

// Everything real, and everything failing at once: the API and workers are killed, the chain takes blocks
// back, three nodes lie, stall and vanish. What was paid is counted from the chain's logs alone. The seed
// decides what is done and in which order; when it meets what the processes do, the machine decides.

const SEED = Number(process.env['KNIT_CHAOS_SEED'] ?? randomInt(2 ** 31));
const CHAOS_MS = Number(process.env['KNIT_CHAOS_SECONDS'] ?? 45) * 1_000;
const PATIENCE_MS = 120_000;
const PER_SECOND = 8;
const FINALIZED_BEHIND = 4;
/** Of USDC, whose contract refuses to pay them. */
const REFUSED_SHARE = 0.05;

let chain: TestChain;
let db: TestDatabase;
let proxies: RpcProxy[];
let platform: Platform;
const random = createSeededRandom(SEED);
const refused = Array.from({ length: 5 }, (_, index) => addressOf(`refused ${index}`));

beforeAll(async () => {
  // Blocks come from the unruly chain's loop.
  chain = await startTestChain({ finalizedBehind: FINALIZED_BEHIND });
  db = await createTestDatabase();
  proxies = await Promise.all(
    [1, 2, 3].map(
      async (node) =>
        await startRpcProxy({ target: chain.rpcUrl, random: random.fork(`node ${node}`) }),
    ),
  );
  const rpcUrls = proxies.map(({ url }) => url);
  const paying = await payOnAnvil(chain, PLATFORM_MNEMONIC);
  platform = await createPlatform({ databaseUrl: db.url, chain: paying, rpcUrls, merchants: 3 });
  for (const address of refused) await chain.setBlacklisted('USDC', address, true);
  await chain.mine(FINALIZED_BEHIND + 1);
});
afterAll(async () => {
  await platform.close();
  await Promise.all(proxies.map(async (proxy) => await proxy.close()));
  await chain.stop();
  await db.drop();
});

it(
  `pays each payout that was acknowledged once or never, whatever fails (KNIT_CHAOS_SEED=${SEED})`,
  async () => {
    const before = await treasuryUnits();
    const outcome = await liveThroughChaos({
      platform,
      seed: SEED,
      random,
      lastsMs: CHAOS_MS,
      patienceMs: PATIENCE_MS,
      payoutsPerSecond: PER_SECOND,
      startBlocks: () =>
        startUnrulyChain(chain, {
          random: random.fork('chain'),
          blockMs: 300,
          // Final is what is FINALIZED_BEHIND blocks deep: that is never taken back.
          deepest: FINALIZED_BEHIND - 1,
          everyBlocks: 12,
        }),
      startNodes: () => startUnrulyNetwork(proxies, { random: random.fork('network'), sendAgain }),
      recipient: recipients(random.fork('recipients')),
    });
    expect(await whatIsWrong(platform, outcome)).toEqual([]);
    const after = await treasuryUnits();
    for (const token of platform.chain.tokens) {
      expect((before.get(token) ?? 0n) - (after.get(token) ?? 0n)).toBe(paidUnits(outcome, token));
    }
    // A run in which nothing went through would show nothing.
    expect(completed(outcome)).toBeGreaterThan(50);
  },
  2 * CHAOS_MS + PATIENCE_MS + 180_000,
);

/** False where the node has no use for it any more. */
async function sendAgain(raw: string): Promise<boolean> {
  try {
    await chain.rpc('eth_sendRawTransaction', raw);
    return true;
  } catch {
    return false;
  }
}

function recipients(choice: SeededRandom): (token: Token) => string {
  let last = 0;
  return (token) => {
    last += 1;
    const isRefused = token === 'USDC' && choice.chance(REFUSED_SHARE);
    return isRefused ? choice.pick(refused) : addressOf(`recipient ${last}`);
  };
}

function addressOf(name: string): string {
  return recipientOf('MATIC_MAINNET', `${SEED} ${name}`);
}

async function treasuryUnits(): Promise<ReadonlyMap<Token, bigint>> {
  const units = new Map<Token, bigint>();
  for (const token of platform.chain.tokens) {
    units.set(token, await chain.balanceOf(token, platform.treasury));
  }
  return units;
}
