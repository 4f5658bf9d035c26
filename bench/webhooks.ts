import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { STANDARD_LIMITS } from '../src/webhooks/deliver-due.ts';
import type { Endpoint } from '../src/webhooks/endpoint.ts';
import { compareRuns, type BenchResult, type Run } from './bench-result.ts';
import { askChild } from './child.ts';
import { cpuSecondsOf } from './cpu-time.ts';
import type { BareClientAnswers, BareClientLoad } from './load-webhooks-bare.ts';
import { startWebhooksWorld, sum, until, type Seen, type WebhooksWorld } from './webhooks-world.ts';

export interface WebhooksPlan {
  readonly runs: number;
  readonly endpoints: number;
  /** Of each endpoint, in each part of a run. */
  readonly deliveries: number;
  readonly bareWarmUpSeconds: number;
  readonly bareSeconds: number;
  /** Where the worker's profile is written. */
  readonly profileFolder: string | undefined;
}

const FULL: WebhooksPlan = {
  runs: 5,
  endpoints: 100,
  deliveries: 300,
  bareWarmUpSeconds: 2,
  bareSeconds: 5,
  profileFolder: process.env['KNIT_BENCH_PROFILE'],
};

/** By the baseline's key the figure of ours that is compared with it. */
const OWN: Readonly<Record<string, string>> = {
  bareClient: 'deliveries',
  othersWithOneDead: 'others/one-silent',
  othersWithOneRefusing: 'others/one-refusing',
};

/**
 * Deliveries per second of one worker that has a backlog of them, each signed, sent and recorded, by what comes
 * in at the receiver: beside the same HTTP client that sends the same bytes with as many requests under way, to
 * the same receiver, and does nothing else (`bareClient`). `events` is the same where the worker has to make
 * the deliveries of events first. `others` are all endpoints but one: with that one well, which is what the
 * rate with it dead is compared with, taking requests without an answer (`othersWithOneDead`), and refusing
 * connections (`othersWithOneRefusing`). What came in must have been recorded as delivered in the end.
 */
export async function measureWebhooks(
  tell: (progress: string) => void,
  plan: WebhooksPlan = FULL,
): Promise<BenchResult> {
  const refusing = await closedTarget();
  const { endpoints, profileFolder } = plan;
  const world = await startWebhooksWorld({ endpoints, allowed: [refusing], profileFolder });
  try {
    const bench = { world, plan, tell, refusing };
    await measureBare(bench, 1);
    await measureWorker(bench, 'warm-up', { endpoints: world.endpoints, queued: false });
    const runs: Run[] = [];
    for (let run = 1; run <= plan.runs; run += 1) {
      tell(`run ${run} of ${plan.runs}`);
      runs.push(await measureOnce(bench, run));
    }
    const unit = 'deliveries per second';
    return compareRuns({ name: 'webhooks', unit }, runs, (key) => OWN[key] ?? key);
  } finally {
    await world.stop();
  }
}

interface WebhooksBench {
  readonly world: WebhooksWorld;
  readonly plan: WebhooksPlan;
  readonly tell: (progress: string) => void;
  readonly refusing: string;
}

/** Every other run goes the other way round, so that no part always comes after the same one. */
async function measureOnce(bench: WebhooksBench, run: number): Promise<Run> {
  const { world, refusing } = bench;
  const { endpoints } = world;
  const others = endpoints.slice(1);
  const withDead = async (name: string, url: string): Promise<number> => {
    const dead = await world.newEndpoint(url);
    return await measureWorker(bench, name, { endpoints: [dead, ...others], queued: true });
  };
  const parts: Readonly<Record<string, () => Promise<number>>> = {
    bareClient: async () => await measureBare(bench, bench.plan.bareSeconds),
    deliveries: async () => await measureWorker(bench, 'deliveries', { endpoints, queued: true }),
    silent: async () => await withDead('one silent', `http://${world.target}/silent`),
    refusing: async () => await withDead('one refusing', `http://${refusing}/`),
    events: async () => await measureWorker(bench, 'events', { endpoints, queued: false }),
  };
  const figures = new Map<string, number>();
  const names = Object.keys(parts);
  for (const name of run % 2 === 1 ? names : names.toReversed()) {
    figures.set(name, (await parts[name]?.()) ?? Number.NaN);
  }
  const figure = (name: string): number => figures.get(name) ?? Number.NaN;
  const othersBefore = (figure('deliveries') * others.length) / endpoints.length;
  return {
    ours: new Map([
      ['deliveries', figure('deliveries')],
      ['events', figure('events')],
      ['others/one-silent', figure('silent')],
      ['others/one-refusing', figure('refusing')],
    ]),
    baselines: new Map([
      ['bareClient', figure('bareClient')],
      ['othersWithOneDead', othersBefore],
      ['othersWithOneRefusing', othersBefore],
    ]),
  };
}

async function measureBare(bench: WebhooksBench, seconds: number): Promise<number> {
  const { world, plan, tell } = bench;
  const load: BareClientLoad = {
    urls: world.endpoints.map(({ url }) => url),
    headers: SAMPLE_HEADERS,
    body: SAMPLE_BODY,
    concurrency: STANDARD_LIMITS.overall,
    warmUpSeconds: plan.bareWarmUpSeconds,
    seconds,
  };
  const { perSecond, cpuMicrosEach } = await askChild<BareClientAnswers>(
    'load-webhooks-bare.ts',
    load,
  );
  tell(`  bare client: ${perSecond.toFixed(0)}/s, CPU each ${cpuMicrosEach.toFixed(0)} µs`);
  return perSecond;
}

/** What one delivery of this bench looks like. */
const SAMPLE_HEADERS = {
  'x-signature': 'ab'.repeat(32),
  'webhook-id': '01890000-0000-7000-8000-000000000000',
  'webhook-timestamp': '1700000000',
  'webhook-signature': `v1,${'a'.repeat(43)}=`,
  traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`,
  'content-type': 'application/json',
  'user-agent': 'Knit-Webhooks/1',
};
const SAMPLE_BODY = JSON.stringify({
  eventType: 'PAYOUT_SUCCESSFUL',
  payout: {
    id: '01890000-0000-7000-8000-000000000000',
    businessId: '01890000-0000-7000-8000-000000000000',
    token: 'USDT',
    network: 'MATIC_MAINNET',
    amount: '100.25',
    merchantReference: null,
    toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
    transactionHash: `0x${'ab'.repeat(32)}`,
    status: 'COMPLETED',
    createdAt: '2026-01-01T00:00:00.000000Z',
    updatedAt: '2026-01-01T00:00:00.000000Z',
  },
});

/** From a tenth of what the living endpoints are told to nine tenths: neither the start nor the end counts. */
async function measureWorker(
  bench: WebhooksBench,
  name: string,
  order: { readonly endpoints: readonly Endpoint[]; readonly queued: boolean },
): Promise<number> {
  const { world, plan, tell } = bench;
  const paths = order.endpoints.flatMap(({ url }) => {
    const { host, pathname } = new URL(url);
    return host === world.target && pathname !== '/silent' ? [pathname] : [];
  });
  const all = paths.length * plan.deliveries;
  const arrived = ({ counts }: Seen): number => sum(paths.map((path) => counts.get(path) ?? 0));
  const deliveredBefore = await world.countDelivered();
  await world.prepare({ ...order, count: plan.deliveries });
  const before = readCpu(world);
  const timeline = await world.watch((seen) => arrived(seen) >= all);
  const after = readCpu(world);
  const delivered = async (): Promise<number> => (await world.countDelivered()) - deliveredBefore;
  await until(async () => (await delivered()) >= all);
  const extra = arrived(timeline.at(-1) ?? { atMs: 0, counts: new Map() }) - all;
  if (extra > 0 || (await delivered()) !== all) throw new Error(`${extra} came in twice`);
  const perSecond = rateOf(timeline.map((seen) => ({ atMs: seen.atMs, count: arrived(seen) })));
  const micros = (part: keyof typeof after): string =>
    `${part} ${(((after[part] - before[part]) * 1e6) / all).toFixed(0)} µs`;
  const cpu = [micros('worker'), micros('receiver'), micros('postgres')].join(', ');
  tell(`  ${name}: ${perSecond.toFixed(0)}/s, CPU each: ${cpu}`);
  return perSecond;
}

function rateOf(arrivals: readonly { readonly atMs: number; readonly count: number }[]): number {
  const all = arrivals.at(-1)?.count ?? 0;
  const from = arrivals.find(({ count }) => count >= all * 0.1);
  const to = arrivals.find(({ count }) => count >= all * 0.9);
  if (from === undefined || to === undefined || to.atMs <= from.atMs) {
    throw new Error('too few deliveries to tell a rate');
  }
  return ((to.count - from.count) * 1_000) / (to.atMs - from.atMs);
}

function readCpu({ pids }: WebhooksWorld): Record<'worker' | 'postgres' | 'receiver', number> {
  return {
    worker: cpuSecondsOf(pids.worker),
    postgres: cpuSecondsOf(pids.postgres),
    receiver: cpuSecondsOf(pids.receiver),
  };
}

/** A port of loopback that nobody listens on. */
async function closedTarget(): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}
