import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { present } from '../../src/base/assert.ts';
import type { Token } from '../../src/money/asset.ts';
import { findNetworkState } from '../../src/settlement/network-state.ts';
import { recipientOf } from './fresh-recipient.ts';
import { orderOverHttp, readOverHttp } from './order-over-http.ts';
import type { Platform } from './platform.ts';
import type { SeededRandom } from './seeded-random.ts';
import { startSteadyMerchants, type AcknowledgedOrder } from './steady-merchants.ts';
import { startUnrulyProcesses, type UnrulyProcesses } from './unruly-processes.ts';

/** Blocks that come all the time, some of them only to be taken back. */
export interface UnrulyBlocks {
  /** How often what was done to the chain. */
  readonly troubles: () => Readonly<Record<string, number>>;
  /** From now on. */
  begin(): void;
  /** No more trouble from now on. */
  calm(): void;
  stop(): Promise<void>;
}

/** Nodes whose faults come and go. */
export interface UnrulyNodes {
  readonly counts: () => Readonly<Record<string, number>>;
  /** From now on every node answers. */
  calm(): Promise<void>;
}

export interface ChaosPlan {
  readonly platform: Platform;
  readonly seed: number;
  readonly random: SeededRandom;
  /** How long things fail. */
  readonly lastsMs: number;
  /** How long what is left may take when nothing fails any more. */
  readonly patienceMs: number;
  readonly payoutsPerSecond: number;
  readonly startBlocks: () => UnrulyBlocks;
  readonly startNodes: () => UnrulyNodes;
  /** Default: each payout to somebody else. */
  readonly recipient?: (token: Token) => string;
}

/** As the API told it at the end. */
export type End = Awaited<ReturnType<typeof readOverHttp>>;

export interface ChaosOutcome {
  /** Every order that the API has acknowledged. */
  readonly orders: readonly AcknowledgedOrder[];
  /** By payout. */
  readonly ends: ReadonlyMap<string, End>;
}

/**
 * Everything fails at once for a while: the API and workers are killed and stalled, the chain takes blocks
 * back, nodes lie, stall and vanish. Then nothing does, until every payout has ended.
 */
export async function liveThroughChaos(plan: ChaosPlan): Promise<ChaosOutcome> {
  const blocks = plan.startBlocks();
  try {
    const orders = await failForAWhile(plan, blocks);
    return { orders, ends: await untilAllHaveEnded(plan, orders) };
  } finally {
    await blocks.stop();
  }
}

async function failForAWhile(
  plan: ChaosPlan,
  blocks: UnrulyBlocks,
): Promise<readonly AcknowledgedOrder[]> {
  const { platform, random, seed } = plan;
  const processes = await startUnrulyProcesses(
    {
      startApi: async () => await platform.startApi(),
      startWorker: () => platform.startWorker({ kind: 'test-worker' }),
    },
    { random: random.fork('processes'), workers: 3 },
  );
  const first = await untilOneIsPaid(plan).catch((error: unknown) => {
    tell({ complaints: countByMessage(processes.complaints()) });
    throw error;
  });
  processes.begin();
  blocks.begin();
  const nodes = plan.startNodes();
  const merchants = startSteadyMerchants(platform, {
    random: random.fork('merchants'),
    perSecond: plan.payoutsPerSecond,
    recipient: plan.recipient ?? recipientsOf(plan),
  });
  await untilEnoughHasFailed(plan, processes.counts);
  const paidMeanwhile = (await allPaidOut(platform)).length;
  await nodes.calm();
  await processes.calm();
  blocks.calm();
  await merchants.stop();
  tell({
    seed,
    acknowledged: merchants.acknowledged.length,
    repeated: merchants.repeated(),
    paidMeanwhile,
    processes: processes.counts,
    chain: blocks.troubles(),
    nodes: nodes.counts(),
    complaints: countByMessage(processes.complaints()),
  });
  return [first, ...merchants.acknowledged];
}

/** On a busy machine processes take long to start again, and few would be killed in the time. */
const LEAST_KILLED = 2;

async function untilEnoughHasFailed(
  { lastsMs }: ChaosPlan,
  counts: UnrulyProcesses['counts'],
): Promise<void> {
  const from = Date.now();
  while (Date.now() - from < lastsMs) await sleep(500);
  while (counts['worker killed'] < LEAST_KILLED && Date.now() - from < 2 * lastsMs) {
    await sleep(500);
  }
}

/** Several processes start, and the treasury's account may have to be set up first. */
const FIRST_WITHIN_MS = 120_000;

/** A payout before anything fails: the treasury's account is set up by then. */
async function untilOneIsPaid({ platform, seed }: ChaosPlan): Promise<AcknowledgedOrder> {
  const { network, tokens } = platform.chain;
  const merchant = present(platform.merchants[0], 'there is a merchant');
  const token = present(tokens[0], 'the chain has a token');
  const toAddress = recipientOf(network, `${seed} first`);
  const order = { merchant, token, units: 10_000n, toAddress, idempotencyKey: 'first' } as const;
  const outcome = await orderOverHttp(platform, order);
  if (outcome.kind !== 'accepted') throw new Error(JSON.stringify(outcome));
  const first = { ...order, payoutId: outcome.payoutId };
  await expect
    .poll(async () => (await readOverHttp(platform, first)).status, { timeout: FIRST_WITHIN_MS })
    .toBe('COMPLETED');
  return first;
}

function recipientsOf({ platform, seed }: ChaosPlan): () => string {
  let last = 0;
  return () => {
    last += 1;
    return recipientOf(platform.chain.network, `${seed} recipient ${last}`);
  };
}

async function untilAllHaveEnded(
  { platform, patienceMs }: ChaosPlan,
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
    if (Date.now() - from > patienceMs) {
      const such = `${open.length} payouts do not end, such as ${open[0]?.payoutId}`;
      throw new Error(`${such}; the network is stopped for: ${await stoppedFor(platform)}`);
    }
    await sleep(200);
  }
  tell({ allEndedAfterMs: Date.now() - from });
  return ends;
}

async function stoppedFor({ database, chain }: Platform): Promise<string> {
  return (await findNetworkState(database, chain.network))?.stoppedFor ?? 'nothing';
}

async function allPaidOut({ chain }: Platform): Promise<readonly unknown[]> {
  return (await Promise.all(chain.tokens.map(async (token) => await chain.paidOut(token)))).flat();
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
