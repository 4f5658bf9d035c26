import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkBooks } from '../src/ledger/check-books.ts';
import { startTestChain, type TestChain, type TransferLog } from './harness/chain.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { orderOverHttp, readOverHttp } from './harness/order-over-http.ts';
import { createPlatform, type Platform } from './harness/platform.ts';
import { startRpcProxy, type RpcProxy } from './harness/rpc-proxy.ts';
import { createSeededRandom, type SeededRandom } from './harness/seeded-random.ts';
import { startSteadyMerchants, type AcknowledgedOrder } from './harness/steady-merchants.ts';
import { OPENING_BALANCES } from './harness/tenant.ts';
import { startUnrulyChain, type UnrulyChain } from './harness/unruly-chain.ts';
import { startUnrulyNetwork } from './harness/unruly-network.ts';
import { startUnrulyProcesses } from './harness/unruly-processes.ts';

// Everything real, and everything failing at once: the API and workers are killed, the chain takes blocks
// back, three nodes lie, stall and vanish. What was paid is counted from the chain's logs alone. The seed
// decides what is done and in which order; when it meets what the processes do, the machine decides.

const SEED = Number(process.env['KNIT_CHAOS_SEED'] ?? randomInt(2 ** 31));
const CHAOS_MS = Number(process.env['KNIT_CHAOS_SECONDS'] ?? 45) * 1_000;
const PATIENCE_MS = 120_000;
const PER_SECOND = 8;
const FINALIZED_BEHIND = 4;
/** The ledger's units of one of the asset's: 18 decimals against 6. */
const LEDGER_SCALE = 10n ** 12n;
const TOKENS = ['USDT', 'USDC'] as const;
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
  platform = await createPlatform({ databaseUrl: db.url, chain, rpcUrls, merchants: 3 });
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
    const fundedUnits = await treasuryUnits();
    const { orders, blocks } = await liveThroughChaos();
    const ends = await untilAllHaveEnded(orders);
    await blocks.stop();
    const faults = await whatIsWrong(orders, ends);
    expect(faults).toEqual([]);
    expect(await unitsThatLeft(fundedUnits)).toEqual(paidUnits(orders, ends));
    for (const { businessId } of platform.merchants) {
      expect(await checkBooks(platform.database, businessId)).toEqual([]);
    }
    expect(await wrongBalances(orders, ends)).toEqual([]);
    // A run in which nothing went through, or nothing was refused, would show nothing.
    const statuses = [...ends.values()].map(({ status }) => status);
    expect(statuses.filter((status) => status === 'COMPLETED').length).toBeGreaterThan(50);
  },
  CHAOS_MS + PATIENCE_MS + 60_000,
);

async function liveThroughChaos(): Promise<{
  orders: readonly AcknowledgedOrder[];
  blocks: UnrulyChain;
}> {
  const blocks = startUnrulyChain(chain, {
    random: random.fork('chain'),
    blockMs: 300,
    // Final is what is FINALIZED_BEHIND blocks deep: that is never taken back.
    deepest: FINALIZED_BEHIND - 1,
    everyBlocks: 12,
  });
  const processes = await startUnrulyProcesses(
    {
      startApi: async () => await platform.startApi(),
      startWorker: () => platform.startWorker({ kind: 'test-worker' }),
    },
    { random: random.fork('processes'), workers: 3 },
  );
  const first = await untilOneIsPaid();
  processes.begin();
  blocks.begin();
  const network = startUnrulyNetwork(proxies, { random: random.fork('network'), sendAgain });
  const merchants = startSteadyMerchants(platform, {
    random: random.fork('merchants'),
    perSecond: PER_SECOND,
    recipient: recipients(random.fork('recipients')),
  });
  await sleep(CHAOS_MS);
  const paidMeanwhile = (await transfersOut('USDT')).length + (await transfersOut('USDC')).length;
  await network.calm();
  await processes.calm();
  blocks.calm();
  await merchants.stop();
  tell({
    seed: SEED,
    acknowledged: merchants.acknowledged.length,
    repeated: merchants.repeated(),
    paidMeanwhile,
    processes: processes.counts,
    reorgs: blocks.reorgs,
    rpc: network.counts(),
    gossiped: network.gossiped(),
    complaints: countByMessage(processes.complaints()),
  });
  return { orders: [first, ...merchants.acknowledged], blocks };
}

/** False where the node has no use for it any more. */
async function sendAgain(raw: string): Promise<boolean> {
  try {
    await chain.rpc('eth_sendRawTransaction', raw);
    return true;
  } catch {
    return false;
  }
}

/** A payout before anything fails: the treasury's account is set up by then. */
async function untilOneIsPaid(): Promise<AcknowledgedOrder> {
  const [merchant] = platform.merchants;
  if (merchant === undefined) throw new Error('there is no merchant');
  const toAddress = addressOf('first');
  const order = { merchant, token: 'USDT', units: 10_000n, toAddress } as const;
  const outcome = await orderOverHttp(platform, { ...order, idempotencyKey: 'first' });
  if (outcome.kind !== 'accepted') throw new Error(outcome.kind);
  const first = { ...order, idempotencyKey: 'first', payoutId: outcome.payoutId };
  await expect
    .poll(async () => (await readOverHttp(platform, first)).status, { timeout: 60_000 })
    .toBe('COMPLETED');
  return first;
}

function recipients(choice: SeededRandom): (token: 'USDT' | 'USDC') => string {
  let last = 0;
  return (token) => {
    last += 1;
    const isRefused = token === 'USDC' && choice.chance(REFUSED_SHARE);
    return isRefused ? choice.pick(refused) : addressOf(`recipient ${last}`);
  };
}

type End = Awaited<ReturnType<typeof readOverHttp>>;

/** By payout. The chain goes on, and nothing fails any more. */
async function untilAllHaveEnded(
  orders: readonly AcknowledgedOrder[],
): Promise<ReadonlyMap<string, End>> {
  const from = Date.now();
  const ends = new Map<string, End>();
  while (ends.size < orders.length) {
    const open = orders.filter(({ payoutId }) => !ends.has(payoutId));
    for (const order of open) {
      const now = await readOverHttp(platform, order);
      if (now.status !== 'COMPLETED' && now.status !== 'FAILED') continue;
      ends.set(order.payoutId, now);
    }
    if (Date.now() - from > PATIENCE_MS) {
      throw new Error(`${open.length} payouts do not end, such as ${open[0]?.payoutId}`);
    }
    await sleep(200);
  }
  tell({ allEndedAfterMs: Date.now() - from });
  return ends;
}

/** A sentence for each broken promise, by what the chain's logs show. */
async function whatIsWrong(
  orders: readonly AcknowledgedOrder[],
  ends: ReadonlyMap<string, End>,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const token of TOKENS) {
    const left = await transfersOut(token);
    const asked = orders.filter((order) => order.token === token);
    const known = new Set(asked.map(({ toAddress }) => toAddress));
    for (const { to, transactionHash } of left) {
      if (!known.has(to)) wrong.push(`${token} to ${to}, whom nobody ordered: ${transactionHash}`);
    }
    for (const order of asked) {
      const end = ends.get(order.payoutId);
      const paid = left.filter(({ to }) => to === order.toAddress);
      const found = `${order.payoutId} ${end?.status}: ${paid.map(({ units }) => units).join(' + ')}`;
      if (end?.status === 'FAILED' && paid.length > 0) wrong.push(`${found} paid though FAILED`);
      if (end?.status !== 'COMPLETED') continue;
      const [only] = paid;
      if (paid.length !== 1 || only?.units !== order.units) wrong.push(`${found} is not once`);
      if (only?.transactionHash !== end.transactionHash) wrong.push(`${found} in another place`);
    }
  }
  return wrong;
}

async function transfersOut(token: 'USDT' | 'USDC'): Promise<TransferLog[]> {
  const logs = await chain.transferLogs(token);
  return logs.filter(({ from }) => from === platform.treasury);
}

type Units = Record<'USDT' | 'USDC', bigint>;

async function treasuryUnits(): Promise<Units> {
  const [USDT, USDC] = await Promise.all(
    TOKENS.map(async (token) => await chain.balanceOf(token, platform.treasury)),
  );
  return { USDT: USDT ?? 0n, USDC: USDC ?? 0n };
}

async function unitsThatLeft(before: Units): Promise<Units> {
  const now = await treasuryUnits();
  return { USDT: before.USDT - now.USDT, USDC: before.USDC - now.USDC };
}

function paidUnits(
  orders: readonly AcknowledgedOrder[],
  ends: ReadonlyMap<string, End>,
  businessId?: string,
): Units {
  const sum = (token: 'USDT' | 'USDC'): bigint =>
    orders
      .filter((order) => order.token === token && ends.get(order.payoutId)?.status === 'COMPLETED')
      .filter(({ merchant }) => businessId === undefined || merchant.businessId === businessId)
      .reduce((total, { units }) => total + units, 0n);
  return { USDT: sum('USDT'), USDC: sum('USDC') };
}

/** Each merchant has what he began with, less what was paid for him, and nothing is held. */
async function wrongBalances(
  orders: readonly AcknowledgedOrder[],
  ends: ReadonlyMap<string, End>,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { businessId } of platform.merchants) {
    const accounts = await platform.database.query<{
      token: 'USDT' | 'USDC';
      balance_units: bigint;
      held_units: bigint;
    }>(
      `SELECT token, balance_units, held_units FROM ledger_accounts
       WHERE business_id = $1 AND kind = 'API_ACCOUNT'`,
      [businessId],
    );
    const paid = paidUnits(orders, ends, businessId);
    expect(accounts).toHaveLength(TOKENS.length);
    for (const { token, balance_units: balance, held_units: held } of accounts) {
      const expected = OPENING_BALANCES[token] - paid[token] * LEDGER_SCALE;
      if (balance !== expected) wrong.push(`${businessId} ${token}: ${balance}, not ${expected}`);
      if (held !== 0n) wrong.push(`${businessId} ${token}: ${held} held for nothing`);
    }
  }
  return wrong;
}

function addressOf(name: string): string {
  const hash = keccak_256(new TextEncoder().encode(`${SEED} ${name}`));
  return `0x${Buffer.from(hash.slice(12)).toString('hex')}`;
}

/** Alarms and errors, by what they say and, where there is one, by the first words of their error. */
function countByMessage(lines: readonly string[]): Record<string, number> {
  const messages = lines.map((line) => {
    const message = /"msg":"([^":]*)/.exec(line)?.[1] ?? line;
    const cause = /"message":"([^":]*)/.exec(line)?.[1];
    return cause === undefined ? message : `${message}: ${cause}`;
  });
  return Object.fromEntries(
    [...Map.groupBy(messages, (message) => message)].map(([message, all]) => [message, all.length]),
  );
}

function tell(about: object): void {
  process.stderr.write(`chaos: ${JSON.stringify(about)}\n`);
}
