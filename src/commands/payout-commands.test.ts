import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { runKnit } from '../../test/harness/run-knit.ts';
import {
  createTestBusiness,
  testIds,
  testOrder,
  type TestBusiness,
} from '../../test/harness/world.ts';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { advancePayouts } from '../payouts/advance-payouts.ts';
import { createPayout } from '../payouts/create-payout.ts';
import type { Payout } from '../payouts/payout.ts';
import { createEndpoint } from '../webhooks/endpoint.ts';
import { fanOutEvents } from '../webhooks/fan-out-events.ts';

const HASH = `0x${'ab'.repeat(32)}`;

let db: TestDatabase;
let env: Record<string, string>;
let business: TestBusiness;
let endpointId: string;
let payout: Payout;

beforeAll(async () => {
  db = await createTestDatabase();
  env = { DATABASE_URL: db.url };
  business = await createTestBusiness(db.database, { units: 10n ** 21n });
  const guard = {
    lookup: async () => await Promise.reject(new Error('no name server')),
    allowedPrivateTargets: ['127.0.0.1:8090'],
  };
  const endpoint = { businessId: business.businessId, url: 'http://127.0.0.1:8090/' };
  const deps = { clock: systemClock, ids: testIds, guard };
  endpointId = (await createEndpoint(db.database, deps, endpoint)).endpointId;
  payout = await newPayout();
});
afterAll(async () => {
  await db.drop();
});

async function newPayout(): Promise<Payout> {
  const order = testOrder(business, { units: 100_250000000000000000n, merchantReference: 'A-1' });
  const outcome = await createPayout({ database: db.database, ids: testIds }, order);
  if (outcome.kind !== 'created') throw new Error('a payout is created');
  return outcome.payout;
}

async function complete(): Promise<void> {
  const { businessId, payoutId } = payout;
  const progress = { status: 'COMPLETED', transactionHash: HASH } as const;
  await db.database.transaction(async (tx) => {
    const news = { businessId, payoutId, progress, at: systemClock.now() };
    await advancePayouts(tx, { ids: testIds }, [news]);
  });
  await fanOutEvents({
    database: db.database,
    clock: systemClock,
    ids: testIds,
    log: silentLog,
  });
}

async function jsonOf(...args: string[]): Promise<unknown> {
  const result = await runKnit([...args, '--business', business.businessId, '--json'], env);
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return JSON.parse(result.stdout);
}

test('a payout is shown with its history and where settlement stands', async () => {
  const show = ['payout', 'show', '--payout', payout.payoutId];
  expect(await jsonOf(...show)).toMatchObject({
    payoutId: payout.payoutId,
    amount: '100.25',
    status: 'PENDING',
    merchantReference: 'A-1',
    history: [{ number: 1, status: 'PENDING' }],
    settlement: null,
    attempts: [],
  });
  await db.database.query(
    `INSERT INTO settlement_orders
       (network, payout_id, business_id, token, units, to_address, state, available_at, claim_token,
        waiting_for, version, reported_version, created_at, updated_at)
     VALUES ($1, $2, $3, 'USDT', 1, '0x', 'QUEUED', $4, 0, 'the treasury is short', 0, 0, $4, $4)`,
    [payout.network, payout.payoutId, payout.businessId, new Date()],
  );
  const text = await runKnit([...show, '--business', business.businessId], env);
  expect(text.stdout).toMatch(/settlement +QUEUED, waits: the treasury is short\n/);
  expect(text.stdout).toContain('nothing was ever signed for it\n');
  const unknown = ['payout', 'show', '--payout', testIds.next(), '--business', payout.businessId];
  expect(await runKnit(unknown, env)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'knit: Payout not found\n',
  });
});

describe('webhooks', () => {
  let eventId: string;
  const resend = ['webhook', 'resend'];

  async function queued(): Promise<number> {
    const rows = await db.database.query(`SELECT item_id FROM outbox_items WHERE topic = $1`, [
      'webhook-deliveries',
    ]);
    return rows.length;
  }

  test('the event log shows each delivery', async () => {
    expect(await jsonOf('webhook', 'events')).toEqual([]);
    await complete();
    const [event] = (await jsonOf('webhook', 'events')) as { eventId: string }[];
    expect(event).toMatchObject({
      eventType: 'PAYOUT_SUCCESSFUL',
      payoutId: payout.payoutId,
      deliveries: [{ endpointId, state: 'PENDING', attempts: [] }],
    });
    eventId = String(event?.eventId);
    expect(await jsonOf('webhook', 'events', '--event', eventId)).toEqual([event]);
    expect(await jsonOf('webhook', 'events', '--before', eventId)).toEqual([]);
    const history = (await jsonOf('payout', 'show', '--payout', payout.payoutId)) as object;
    expect(history).toMatchObject({
      status: 'COMPLETED',
      transactionHash: HASH,
      history: [{ status: 'PENDING' }, { status: 'PROCESSING' }, { status: 'COMPLETED' }],
    });
  });

  test('an answer that would steer the terminal is shown as text', async () => {
    await db.database.query(
      `INSERT INTO webhook_attempts
         (business_id, event_id, endpoint_id, number, webhook_id, started_at, duration_ms,
          response_status, error, response_body)
       VALUES ($1, $2, $3, 1, 'id', $4, 12, 500, $5, null)`,
      [business.businessId, eventId, endpointId, new Date(), 'no\u001b[2J'],
    );
    const { stdout } = await runKnit(['webhook', 'events', '--business', business.businessId], env);
    expect(stdout).toMatch(/attempt 1 at \S+: status 500, no\?\[2J after 12 ms\n/);
  });

  test('an event is queued again, or all since a time', async () => {
    const before = await queued();
    expect(await jsonOf(...resend, '--event', eventId)).toMatchObject({ queuedDeliveries: 1 });
    expect(await queued()).toBe(before + 1);
    const since = new Date(Date.now() - 60_000).toISOString();
    expect(await jsonOf(...resend, '--since', since)).toMatchObject({ queuedDeliveries: 1 });
    expect(await jsonOf(...resend, '--event', eventId, '--endpoint', endpointId)).toMatchObject({
      queuedDeliveries: 1,
    });
    const later = new Date(Date.now() + 60_000).toISOString();
    expect(await jsonOf(...resend, '--since', later)).toMatchObject({ queuedDeliveries: 0 });
  });

  test('what to send again has to be said, once', async () => {
    const of = [...resend, '--business', business.businessId];
    expect((await runKnit(of, env)).exitCode).toBe(2);
    const both = ['--event', eventId, '--since', '2026-01-01T00:00:00Z'];
    expect((await runKnit([...of, ...both], env)).exitCode).toBe(2);
    expect((await runKnit([...of, '--event', testIds.next()], env)).exitCode).toBe(1);
  });
});
