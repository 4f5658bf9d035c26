import { createHash } from 'node:crypto';
import { later, systemClock } from '../src/base/clock.ts';
import { createIdSource, lowestIdAt } from '../src/base/id.ts';
import { systemRandom } from '../src/base/random.ts';
import type { Database, Tx } from '../src/database/database.ts';
import { claimLanes } from '../src/outbox/claim-lanes.ts';
import { claim, dueLanes } from '../src/outbox/outbox.ts';
import { advancePayouts } from '../src/payouts/advance-payouts.ts';
import { createPayouts } from '../src/payouts/create-payouts.ts';
import { findHistory } from '../src/payouts/find-history.ts';
import {
  findPayout,
  findPayouts,
  isReferenceTaken,
  listPayouts,
  type PayoutFilter,
} from '../src/payouts/find-payouts.ts';
import { findAnswer } from '../src/payouts/idempotency.ts';
import { SETTLEMENT_TOPIC } from '../src/payouts/outbox-topics.ts';
import type { PayoutOrder } from '../src/payouts/payout-order.ts';
import { claimDueAttempts } from '../src/settlement/internal/attempt-store.ts';
import { claimQueued } from '../src/settlement/internal/order-store.ts';
import { listUnreported } from '../src/settlement/internal/report-store.ts';
import { findEvent, listEvents } from '../src/webhooks/find-events.ts';
import { findDeliveries } from '../src/webhooks/internal/delivery-store.ts';
import { DELIVERY_TOPIC } from '../src/webhooks/queue-deliveries.ts';
import { idsOf, type Shape } from './growth-rows.ts';

/** A database with a history, and the business that half of it belongs to. */
export interface GrownDatabase {
  readonly url: string;
  readonly database: Database;
  readonly shape: Shape;
  readonly businessId: string;
  readonly userId: string;
  readonly endpointId: string;
}

/** Of one run of an operation: what it took, and what it found, which must not depend on the history. */
export interface Measured {
  readonly ms: number;
  readonly found: number;
}

export type Operation = (world: GrownDatabase, turn: number) => Promise<Measured>;

const PAGE = 26;
const CLAIM = 20;
const WATCH = 4;
const LEASE_MS = 60_000;
const ids = createIdSource(systemClock, systemRandom);

/** By the name that the result gives it. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['create', timed(async (world) => await create(world, {}))],
  ['create/key-and-reference', timed(async (world) => await create(world, { isNamed: true }))],
  ['create/64-at-once', timed(async (world) => await create(world, { count: 64, isNamed: true }))],
  ['advance', undone(advance)],
  ['get', timed(async (world, turn) => await get(world, pick(world, turn)))],
  ['get/any-age', timed(async (world, turn) => await get(world, pick(world, turn, Infinity)))],
  ['get/history', timed(getHistory)],
  ['get/idempotency-key', timed(getAnswer)],
  ['reference', timed(findReference)],
  ...lists(),
  ['outbox/lanes', timed(listLanes)],
  ['outbox/claim', undone(claimItems)],
  ['webhook/claim', undone(claimDeliveries)],
  ['webhook/prepare', timed(prepareDeliveries)],
  ['webhook/event', timed(getEvent)],
  ['webhook/log', timed(listLog)],
  ['webhook/log-of-payout', timed(listLogOfPayout)],
  ['settlement/claim', undone(claimOrders)],
  ['settlement/watch', undone(watch)],
  ['settlement/report', timed(report)],
]);

function timed(work: (world: GrownDatabase, turn: number) => Promise<number>): Operation {
  return async (world, turn) => {
    const start = performance.now();
    const found = await work(world, turn);
    return { ms: performance.now() - start, found };
  };
}

/** What changes rows is rolled back, outside of the time taken, so that each turn finds the same. */
function undone(work: (tx: Tx, world: GrownDatabase, turn: number) => Promise<number>): Operation {
  return async (world, turn) => {
    let measured: Measured | undefined;
    const undo = new Error('undo');
    try {
      await world.database.transaction(async (tx) => {
        const start = performance.now();
        const found = await work(tx, world, turn);
        measured = { ms: performance.now() - start, found };
        throw undo;
      });
    } catch (error) {
      if (error !== undo) throw error;
    }
    if (measured === undefined) throw new Error('nothing was measured');
    return measured;
  };
}

/** What is read is mostly young: of so many of the newest that have ended. As many in a small history as in a large one. */
const YOUNG = 6_000;

/** The number of one of the business's payouts that has ended, another one at each turn. All of its rows are there. */
function pick({ shape }: GrownDatabase, turn: number, among = YOUNG): number {
  const step = 2 * shape.detailEvery;
  const newest = Math.floor((shape.payouts - shape.open) / step) - 1;
  const drawn = createHash('sha256').update(`turn ${turn}`).digest().readUInt32BE();
  return (newest - (drawn % Math.min(newest, Math.floor(among / step)))) * step;
}

async function create(
  { database, ...owner }: GrownDatabase,
  { count = 1, isNamed = false }: { readonly count?: number; readonly isNamed?: boolean },
): Promise<number> {
  const orders = Array.from({ length: count }, () => newOrder(owner, isNamed));
  const outcomes = await createPayouts({ database, ids }, orders);
  return outcomes.filter(({ kind }) => kind === 'created').length;
}

function newOrder(
  { businessId, userId }: Pick<GrownDatabase, 'businessId' | 'userId'>,
  isNamed: boolean,
): PayoutOrder {
  // As merchants choose them: in no order.
  const name = Buffer.from(systemRandom.bytes(16)).toString('hex');
  const requestHash = createHash('sha256').update(name).digest();
  const answer = { status: 201, body: 'x'.repeat(600) };
  return {
    network: 'MATIC_MAINNET',
    token: 'USDT',
    units: 10n ** 18n,
    toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
    merchantReference: isNamed ? name : null,
    requester: {
      businessId,
      userId,
      credentialKind: 'API_KEY',
      credentialId: userId,
      clientIp: '127.0.0.1',
      requestId: name,
      traceId: null,
    },
    idempotency: isNamed
      ? { request: { businessId, key: name, requestHash }, render: () => answer }
      : undefined,
  };
}

/** A payout is signed, as settlement reports it. */
async function advance(tx: Tx, world: GrownDatabase, turn: number): Promise<number> {
  const { shape, businessId } = world;
  const queued = shape.payouts - Math.floor(shape.open / 4) - 2 * (turn % 100);
  const { payoutId } = idsOf(shape, queued);
  const progress = { status: 'PROCESSING', transactionHash: '0x00' } as const;
  const at = systemClock.now();
  const news = await advancePayouts(tx, { ids }, [{ businessId, payoutId, progress, at }]);
  return news.filter(Boolean).length;
}

async function get(world: GrownDatabase, number: number): Promise<number> {
  const { payoutId } = idsOf(world.shape, number);
  return (await findPayout(world.database, world.businessId, payoutId)) === undefined ? 0 : 1;
}

async function getHistory(world: GrownDatabase, turn: number): Promise<number> {
  const { payoutId } = idsOf(world.shape, pick(world, turn));
  return (await findHistory(world.database, { ...world, payoutId })).length;
}

async function getAnswer(world: GrownDatabase, turn: number): Promise<number> {
  const { hex } = idsOf(world.shape, pick(world, turn));
  const { database, businessId } = world;
  const requestHash = createHash('sha256').update(hex).digest();
  const answer = await findAnswer(database, { businessId, key: `key-${hex}`, requestHash });
  return answer === undefined ? 0 : 1;
}

async function findReference(world: GrownDatabase, turn: number): Promise<number> {
  const { database, businessId } = world;
  return (await isReferenceTaken(database, businessId, `order-${pick(world, turn)}`)) ? 1 : 0;
}

type Filter = Omit<PayoutFilter, 'businessId' | 'limit'>;

/** Each turn takes the next of the filters. All of them find a whole page, or what their name says. */
function lists(): [string, Operation][] {
  const filters: Record<string, readonly Filter[]> = {
    list: [{}],
    'list/status': statuses('COMPLETED', 'FAILED', 'PENDING', 'PROCESSING'),
    'list/network': [
      { network: 'MATIC_MAINNET' },
      { network: 'TRON_MAINNET' },
      { network: 'ETHEREUM_MAINNET' },
      { network: 'SOL_MAINNET' },
    ],
    'list/token': [{ token: 'USDT' }, { token: 'USDC' }],
    'list/network-and-token': [
      { network: 'TRON_MAINNET', token: 'USDT' },
      { network: 'MATIC_MAINNET', token: 'USDC' },
    ],
    'list/network-and-status': [
      { network: 'MATIC_MAINNET', status: 'FAILED' },
      { network: 'BSC_MAINNET', status: 'COMPLETED' },
    ],
    'list/token-and-status': [
      { token: 'USDT', status: 'FAILED' },
      { token: 'USDC', status: 'COMPLETED' },
    ],
    'list/network-token-and-status': [
      { network: 'MATIC_MAINNET', token: 'USDT', status: 'FAILED' },
      { network: 'TRON_MAINNET', token: 'USDT', status: 'COMPLETED' },
    ],
    'list/only-the-oldest': [{ network: 'BITCOIN_MAINNET' }, { token: 'BTC' }],
    'list/nothing': [
      { network: 'ETHEREUM_MAINNET', token: 'BTC' },
      { network: 'BITCOIN_MAINNET', status: 'PENDING' },
    ],
  };
  const all = Object.entries(filters).flatMap(([name, each]): [string, Operation][] => [
    [name, list((_, turn) => each[turn % each.length] ?? {})],
  ]);
  return [
    ...all,
    [
      'list/reference',
      list((world, turn) => ({ merchantReference: `order-${pick(world, turn)}` })),
    ],
    ['list/far-back', list((world, turn) => ({ beforeId: longAgo(world, turn) }))],
    [
      'list/status-far-back',
      list((world, turn) => ({ status: 'COMPLETED', beforeId: longAgo(world, turn) })),
    ],
    ['list/token-and-time', list((world, turn) => ({ token: 'USDT', ...yearBut(world, turn) }))],
  ];
}

function statuses(...all: readonly NonNullable<Filter['status']>[]): Filter[] {
  return all.map((status) => ({ status }));
}

function list(filterAt: (world: GrownDatabase, turn: number) => Filter): Operation {
  return timed(async (world, turn) => {
    const { database, businessId } = world;
    const filter = { ...filterAt(world, turn), businessId, limit: PAGE };
    return (await listPayouts(database, filter)).length;
  });
}

/** One of twenty places in the newer half of what has ended, so that a whole page lies before it. */
function longAgo({ shape }: GrownDatabase, turn: number): string {
  const { payouts, open, startMs, stepMs } = shape;
  const newest = payouts - open;
  const place = newest / 2 + (turn % 20) * (newest / 40);
  return lowestIdAt(new Date(startMs + Math.floor(place) * stepMs));
}

function yearBut({ shape }: GrownDatabase, turn: number): Pick<Filter, 'from' | 'to'> {
  const { payouts, startMs, stepMs } = shape;
  const from = new Date(startMs);
  return {
    from,
    to: new Date(startMs + Math.floor((payouts * (500 + (turn % 20) * 15)) / 1000) * stepMs),
  };
}

async function listLanes({ database }: GrownDatabase): Promise<number> {
  const want = { topic: DELIVERY_TOPIC, now: systemClock.now(), limit: 64 };
  return (await dueLanes(database, want)).length;
}

async function claimItems(tx: Tx): Promise<number> {
  const of = { topic: SETTLEMENT_TOPIC, lane: 'MATIC_MAINNET', limit: CLAIM };
  return (await claim(tx, { ...of, leaseMs: LEASE_MS, now: systemClock.now() })).length;
}

/** A look of the sender: the lanes with work, and an item of each. */
async function claimDeliveries(tx: Tx): Promise<number> {
  const about = { topic: DELIVERY_TOPIC, now: systemClock.now() };
  const lanes = await dueLanes(tx, { ...about, limit: CLAIM });
  const wanted = new Map(lanes.map((lane) => [lane, 1]));
  return (await claimLanes(tx, { ...about, wanted, leaseMs: LEASE_MS })).items.length;
}

/** As much as a claim brings: what the sender reads before it sends. */
async function prepareDeliveries(world: GrownDatabase, turn: number): Promise<number> {
  const { database, businessId, endpointId } = world;
  const numbers = new Set<number>();
  for (let at = turn * CLAIM; numbers.size < CLAIM; at += 1) numbers.add(paid(world, at));
  const named = [...numbers].map((number) => idsOf(world.shape, number));
  const keys = named.map(({ eventId }) => ({ businessId, eventId, endpointId }));
  const deliveries = await findDeliveries(database, keys);
  const payouts = await findPayouts(
    database,
    named.map(({ payoutId }) => ({ businessId, payoutId })),
  );
  return deliveries.size + payouts.length;
}

async function getEvent(world: GrownDatabase, turn: number): Promise<number> {
  const { eventId } = idsOf(world.shape, paid(world, turn));
  const event = await findEvent(world.database, world.businessId, eventId);
  return event?.deliveries.flatMap((delivery) => delivery.attempts).length ?? 0;
}

/** One that was told of: those that failed were not. */
function paid(world: GrownDatabase, turn: number): number {
  for (let at = turn; ; at += 100_003) {
    const number = pick(world, at);
    if (!idsOf(world.shape, number).isFailed) return number;
  }
}

async function listLog({ database, businessId }: GrownDatabase): Promise<number> {
  return (await listEvents(database, { businessId, limit: PAGE })).length;
}

async function listLogOfPayout(world: GrownDatabase, turn: number): Promise<number> {
  const { database, businessId, shape } = world;
  const { payoutId } = idsOf(shape, paid(world, turn));
  return (await listEvents(database, { businessId, payoutId, limit: PAGE })).length;
}

async function claimOrders(tx: Tx): Promise<number> {
  const orders = await claimQueued(tx, {
    network: 'MATIC_MAINNET',
    token: 'USDT',
    limit: CLAIM,
    leaseMs: LEASE_MS,
    now: systemClock.now(),
  });
  return orders.length;
}

async function watch(tx: Tx): Promise<number> {
  const attempts = await claimDueAttempts(tx, {
    network: 'MATIC_MAINNET',
    limit: WATCH,
    leaseMs: LEASE_MS,
    longestMs: LEASE_MS,
    now: systemClock.now(),
  });
  return attempts.length;
}

async function report({ database }: GrownDatabase): Promise<number> {
  const now = systemClock.now();
  const want = { network: 'MATIC_MAINNET', limit: 500, except: [], now } as const;
  return (await listUnreported(database, { ...want, signedUntil: later(now, -2_000) })).length;
}
