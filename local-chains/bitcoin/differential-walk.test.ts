import { afterAll, beforeAll, it } from 'vitest';
import { withChecksum } from './descriptor.ts';
import { fetchKnots } from './fetch-knots.ts';
import type { OwnCoin } from './testing/payer.ts';
import { LEGACY, TAPROOT } from './testing/odd-transactions.ts';
import { openDesk, spend, type Desk } from './testing/twin-desk.ts';

const fetched = await fetchKnots();
const note = fetched.kind === 'ready' ? '' : ` (did not run: ${fetched.reason})`;
const against = it.skipIf(fetched.kind !== 'ready');
const WALLET = 'walk';

let desk: Desk;

beforeAll(async () => {
  if (fetched.kind !== 'ready') return;
  desk = await openDesk();
  await desk.agree('createwallet', [WALLET, true, true]);
  const desc = withChecksum(`tr(${TAPROOT.internalKey})`);
  await desk.agree('importdescriptors', [[{ desc, timestamp: 'now' }]], WALLET);
});

afterAll(async () => await desk?.twin.stop());

/** Whole numbers below a limit, the same for the same seed (mulberry32). */
function chance(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

interface Walk {
  readonly below: (limit: number) => number;
  /** Every output to the treasury that ever was, spent or not. */
  readonly coins: OwnCoin[];
}

/** Those that a block or the pool has, spent in the pool or not: rivals are to meet. */
async function living({ coins }: Walk): Promise<readonly OwnCoin[]> {
  const { node } = desk.twin;
  const waiting = new Set(node.mempool());
  const alive: OwnCoin[] = [];
  for (const coin of coins) {
    const mined = await node.request('gettxout', [coin.txid, coin.vout, false]);
    if (mined !== null || waiting.has(coin.txid)) alive.push(coin);
  }
  return alive;
}

async function pay(walk: Walk): Promise<void> {
  const { below } = walk;
  // Now and then one that is gone.
  const coins = below(12) === 0 ? walk.coins : await living(walk);
  const chosen = new Set(Array.from({ length: 1 + below(3) }, () => coins[below(coins.length)]));
  const inputs = [...chosen].flatMap((coin) => coin ?? []);
  const total = inputs.reduce((sum, { units }) => sum + units, 0n);
  const fee = BigInt(150 + below(60) * 50);
  const outside = BigInt(below(500_000));
  if (inputs.length === 0 || total < fee + outside + 1_000n) return;
  const to = below(2) === 0 ? [{ scriptHex: LEGACY.scriptHex, units: outside }] : [];
  const sequence = below(3) === 0 ? 0xffffffff : 0xfffffffd;
  const paid = spend(TAPROOT, inputs, { fee, to, sequence, lockTime: below(2) * 100 });
  const change = total - fee - (to.length === 0 ? 0n : outside);
  walk.coins.push({ txid: paid.txid, vout: to.length, units: change });
  await desk.agree('sendrawtransaction', [paid.rawHex]);
}

async function step(walk: Walk): Promise<void> {
  const { chain } = desk.twin;
  const turn = walk.below(20);
  if (turn < 13) return await pay(walk);
  if (turn < 15) {
    walk.coins.push(await desk.coin(TAPROOT, BigInt(1_000_000 + walk.below(5_000_000))));
  } else if (turn < 17) {
    await desk.mine();
  } else if (turn < 19) {
    chain.reorganise({ depth: 1 + walk.below(4), transactions: 'return' });
  } else {
    // A version that was replaced, or that lost, is mined if it still can be.
    const seen = chain.everSeen();
    const txid = seen[walk.below(seen.length)] ?? '';
    try {
      chain.produceBlock({ include: [txid] });
    } catch {
      // Then it cannot.
    }
  }
  await desk.twin.share();
}

against.each([1, 2, 3])(
  `walks with Bitcoin Knots through payments, rivals and reorganisations, seed %i${note}`,
  async (seed) => {
    const walk: Walk = { below: chance(seed), coins: [await desk.coin(TAPROOT, 9_000_000n)] };
    for (let count = 0; count < 120; count += 1) {
      await step(walk);
      await desk.agree('getbestblockhash', []);
      await desk.agree('getrawmempool', [true]);
      await desk.agree('listunspent', [0], WALLET);
      await desk.agree('getbalances', [], WALLET);
    }
    await desk.agree('listsinceblock', [], WALLET);
  },
);
