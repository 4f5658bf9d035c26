import { present } from '../../src/base/assert.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createIdSource, type IdSource } from '../../src/base/id.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import { noMeter, type Meter } from '../../src/base/meter.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Database } from '../../src/database/database.ts';
import { advancePayouts } from '../../src/payouts/advance-payouts.ts';
import { createPayout } from '../../src/payouts/create-payout.ts';
import type { PayoutEventType } from '../../src/payouts/outbox-topics.ts';
import type { Payout } from '../../src/payouts/payout.ts';
import type { Progress } from '../../src/payouts/progress.ts';
import { createEndpoint, type Endpoint } from '../../src/webhooks/endpoint.ts';
import { fanOutEvents } from '../../src/webhooks/fan-out-events.ts';
import { listEvents, type DeliveryLog, type EventLog } from '../../src/webhooks/find-events.ts';
import type { TargetGuard } from '../../src/webhooks/safe-target.ts';
import { createSender, type Sender } from '../../src/webhooks/send.ts';
import { createTestDatabase } from './database.ts';
import { createTestBusiness, testOrder, type TestBusiness } from './world.ts';

/** A clock that begins at the true time and stands still until it is moved. */
export interface MovableClock extends Clock {
  move(ms: number): void;
}

/** Everything that the webhook functions take, on a real database, with one funded business. */
export interface WebhookWorld {
  readonly database: Database;
  readonly clock: MovableClock;
  readonly ids: IdSource;
  readonly random: typeof systemRandom;
  readonly masterKey: Uint8Array;
  readonly log: Log;
  readonly meter: Meter;
  /** What was logged as a warning or an error. */
  readonly warnings: string[];
  /** The targets that are let through: push "127.0.0.1:port". */
  readonly allowed: string[];
  readonly guard: TargetGuard;
  readonly sender: Sender;
  readonly business: TestBusiness;
  readonly endpointAt: (
    receiver: { url: string; target: string },
    eventTypes?: readonly PayoutEventType[],
  ) => Promise<Endpoint>;
  /** A payout that is PENDING. */
  readonly newPayout: () => Promise<Payout>;
  readonly complete: (payout: Payout) => Promise<void>;
  readonly fail: (payout: Payout) => Promise<void>;
  /** Completes `count` new payouts and fans their events out. */
  readonly completeMany: (count: number) => Promise<Payout[]>;
  readonly onlyEvent: () => Promise<EventLog>;
  readonly onlyDelivery: () => Promise<DeliveryLog>;
  readonly close: () => Promise<void>;
}

const TIMEOUT_MS = 500;

export async function createWebhookWorld(): Promise<WebhookWorld> {
  const { database, drop } = await createTestDatabase();
  const clock = movableClock();
  const ids = createIdSource(clock, systemRandom);
  const business = await createTestBusiness(database, { units: 10n ** 24n });
  const { businessId } = business;
  const warnings: string[] = [];
  const allowed: string[] = [];
  const guard: TargetGuard = {
    lookup: async (name) => await Promise.reject(new Error(`no name server for ${name}`)),
    allowedPrivateTargets: allowed,
  };
  const sender = createSender({ guard, timeoutMs: TIMEOUT_MS });
  const log = collectingLog(warnings);
  const newPayout = async (): Promise<Payout> => {
    const order = testOrder(business, { units: 100_250000000000000000n });
    const outcome = await createPayout({ database, ids }, order);
    if (outcome.kind !== 'created') throw new Error('a payout is created');
    return outcome.payout;
  };
  const advance = async (payout: Payout, progress: Progress): Promise<void> => {
    const news = { businessId, payoutId: payout.payoutId, progress, at: clock.now() };
    await database.transaction(async (tx) => await advancePayouts(tx, { ids }, [news]));
  };
  const complete = async (payout: Payout): Promise<void> =>
    await advance(payout, { status: 'COMPLETED', transactionHash: `0x${'ab'.repeat(32)}` });
  const onlyEvent = async (): Promise<EventLog> => {
    const [event] = await listEvents(database, { businessId, limit: 2 });
    return present(event, 'there is an event');
  };
  return {
    database,
    clock,
    ids,
    random: systemRandom,
    masterKey: new Uint8Array(32).fill(7),
    log,
    meter: noMeter,
    warnings,
    allowed,
    guard,
    sender,
    business,
    endpointAt: async (receiver, eventTypes) => {
      allowed.push(receiver.target);
      const deps = { clock, ids, guard };
      return await createEndpoint(database, deps, { businessId, url: receiver.url, eventTypes });
    },
    newPayout,
    complete,
    fail: async (payout) =>
      await advance(payout, {
        status: 'FAILED',
        info: 'The recipient is blocked by the token.',
        wasSigned: false,
        transactionHash: null,
      }),
    completeMany: async (count) => {
      const payouts: Payout[] = [];
      for (let made = 0; made < count; made += 1) {
        const payout = await newPayout();
        await complete(payout);
        payouts.push(payout);
      }
      await fanOutEvents({ database, clock, ids, log });
      return payouts;
    },
    onlyEvent,
    onlyDelivery: async () => present((await onlyEvent()).deliveries[0], 'it has a delivery'),
    close: async () => {
      await sender.close();
      await drop();
    },
  };
}

function movableClock(): MovableClock {
  let moment = Date.now();
  return {
    now: () => new Date(moment),
    move: (ms) => {
      moment += ms;
    },
    sleep: async (ms, signal) => await systemClock.sleep(ms, signal),
  };
}

function collectingLog(warnings: string[]): Log {
  const keep = (_fields: object, message: string): void => {
    warnings.push(message);
  };
  const log: Log = { ...silentLog, warn: keep, error: keep, child: () => log };
  return log;
}
