import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startReceiver, type Receiver } from '../../test/harness/receiver.ts';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import { claimLanes, type LaneItem } from '../outbox/claim-lanes.ts';
import { append } from '../outbox/outbox.ts';
import { deliver, openDesk } from './deliver.ts';
import { deliverDue } from './deliver-due.ts';
import { disableEndpoint } from './endpoint.ts';
import { fanOutEvents } from './fan-out-events.ts';
import { DELIVERY_TOPIC } from './queue-deliveries.ts';
import { RETRY_DELAYS_MS } from './retry-schedule.ts';
import type { Sender } from './send.ts';
import {
  getOrCreateWebhookSecrets,
  rotateWebhookSecret,
  switchXSignature,
} from './webhook-secret.ts';

const HOUR_MS = 3_600_000;

let world: WebhookWorld;
let receivers: Receiver[];
beforeEach(async () => {
  world = await createWebhookWorld();
  receivers = [];
});
afterEach(async () => {
  await Promise.all(receivers.map(async (receiver) => await receiver.stop()));
  await world.close();
});

async function receiverWith(...arguments_: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...arguments_);
  receivers.push(receiver);
  await world.endpointAt(receiver);
  return receiver;
}

async function queuedItems(): Promise<number> {
  const rows = await world.database.query(`SELECT 1 FROM outbox_items WHERE topic = $1`, [
    DELIVERY_TOPIC,
  ]);
  return rows.length;
}

test('a paid payout is told of, signed, and the answer is kept', async () => {
  const receiver = await receiverWith((response) => response.end('thanks'));
  const [payout] = await world.completeMany(1);
  expect(await deliverDue(world)).toBe(1);

  const { businessId } = world.business;
  const { current } = await getOrCreateWebhookSecrets(world.database, world, businessId);
  const event = await world.onlyEvent();
  const [request] = receiver.requests;
  expect(
    new Webhook(current).verify(request?.body ?? '', request?.headers as Record<string, string>),
  ).toMatchObject({
    eventType: 'PAYOUT_SUCCESSFUL',
    payout: { id: payout?.payoutId, businessId, amount: '100.25', status: 'COMPLETED' },
  });
  expect(request?.headers['webhook-id']).toBe(event.eventId);
  expect(event.deliveries).toMatchObject([
    {
      state: 'DELIVERED',
      nextAttemptAt: null,
      attempts: [
        {
          number: 1,
          webhookId: event.eventId,
          startedAt: world.clock.now(),
          durationMs: 0,
          responseStatus: 200,
          error: null,
          responseBody: 'thanks',
        },
      ],
    },
  ]);
  expect(await queuedItems()).toBe(0);
  expect(await deliverDue(world)).toBe(0);
});

test('500 and then 200: the same bytes and the same webhook-id again, 5 to 6 s later', async () => {
  const receiver = await receiverWith((response, index) => {
    response.writeHead(index === 0 ? 500 : 200).end();
  });
  await world.completeMany(1);
  await deliverDue(world);
  const waiting = await world.onlyDelivery();
  expect(waiting).toMatchObject({ state: 'PENDING', attempts: [{ responseStatus: 500 }] });
  const waitMs = (waiting.nextAttemptAt?.getTime() ?? 0) - world.clock.now().getTime();
  expect(waitMs).toBeGreaterThanOrEqual(5000);
  expect(waitMs).toBeLessThanOrEqual(6000);
  world.clock.move(waitMs - 1);
  expect(await deliverDue(world)).toBe(0);
  world.clock.move(1);
  expect(await deliverDue(world)).toBe(1);
  expect(await world.onlyDelivery()).toMatchObject({
    state: 'DELIVERED',
    attempts: [{ number: 1 }, { number: 2, responseStatus: 200 }],
  });
  const [first, second] = receiver.requests;
  expect(second?.body).toBe(first?.body);
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second?.headers['x-signature']).toBe(first?.headers['x-signature']);
  expect(second?.headers['webhook-timestamp']).not.toBe(first?.headers['webhook-timestamp']);
});

test('an endpoint that never answers well is given up after 12 hours or more', async () => {
  const receiver = await receiverWith((response) => response.writeHead(404).end());
  await world.completeMany(1);
  const startedAt = world.clock.now().getTime();
  let lastAt = startedAt;
  for (;;) {
    await deliverDue(world);
    const { nextAttemptAt } = await world.onlyDelivery();
    if (nextAttemptAt === null) break;
    lastAt = nextAttemptAt.getTime();
    world.clock.move(lastAt - world.clock.now().getTime());
  }
  expect(lastAt - startedAt).toBeGreaterThanOrEqual(12 * HOUR_MS);
  expect(receiver.requests).toHaveLength(RETRY_DELAYS_MS.length + 1);
  const delivery = await world.onlyDelivery();
  expect(delivery.state).toBe('EXHAUSTED');
  expect(delivery.attempts).toHaveLength(RETRY_DELAYS_MS.length + 1);
  expect(world.warnings).toEqual(['webhook given up after its last retry']);
  expect(await queuedItems()).toBe(0);
});

test.each([
  [503, '600', 600_000],
  [429, '600', 600_000],
  [500, '600', 6000],
])('status %d with Retry-After %s waits %d ms at most', async (status, header, waitMs) => {
  await receiverWith((response) => response.writeHead(status, { 'retry-after': header }).end());
  await world.completeMany(1);
  await deliverDue(world);
  const next = (await world.onlyDelivery()).nextAttemptAt?.getTime() ?? 0;
  expect(next - world.clock.now().getTime()).toBeLessThanOrEqual(waitMs);
  expect(next - world.clock.now().getTime()).toBeGreaterThanOrEqual(waitMs / 1.2);
});

test('what the log says of a redirect, of silence and of a refused connection', async () => {
  await receiverWith((response) => response.writeHead(302, { location: '/' }).end());
  await receiverWith(() => undefined);
  const closed = await receiverWith();
  await closed.stop();
  receivers.pop();
  await world.completeMany(1);
  expect(await deliverDue(world)).toBe(3);
  const { deliveries } = await world.onlyEvent();
  expect(deliveries.map(({ state }) => state)).toEqual(['PENDING', 'PENDING', 'PENDING']);
  const told = deliveries.map(({ attempts }) => [attempts[0]?.responseStatus, attempts[0]?.error]);
  expect(told).toHaveLength(3);
  expect(told).toEqual(
    expect.arrayContaining([
      [302, 'redirects are not followed'],
      [null, 'no complete answer within 0.5 s'],
      [null, 'the connection was refused'],
    ]),
  );
});

test('a success that the payout denies is skipped, logged and not sent', async () => {
  const receiver = await receiverWith();
  const payout = await world.newPayout();
  await world.database.transaction(
    async (tx) =>
      await append(tx, {
        businessId: payout.businessId,
        itemId: world.ids.next(),
        topic: 'payout-events',
        lane: 'all',
        payload: { eventType: 'PAYOUT_SUCCESSFUL', payoutId: payout.payoutId },
        at: world.clock.now(),
      }),
  );
  await fanOutEvents(world);
  await deliverDue(world);
  expect(await world.onlyDelivery()).toMatchObject({
    state: 'SKIPPED',
    detail: 'the payout is PENDING, not COMPLETED',
    attempts: [],
  });
  expect(receiver.requests).toEqual([]);
  expect(world.warnings).toEqual(['webhook skipped']);
  expect(await queuedItems()).toBe(0);
});

test('what waits for an endpoint when it is disabled is skipped', async () => {
  const receiver = await startReceiver();
  receivers.push(receiver);
  const endpoint = await world.endpointAt(receiver);
  await world.completeMany(1);
  await disableEndpoint(world.database, world, endpoint);
  await deliverDue(world);
  expect(await world.onlyDelivery()).toMatchObject({
    state: 'SKIPPED',
    detail: 'the endpoint is disabled',
  });
  expect(receiver.requests).toEqual([]);
});

test('a failed payout is told of to who asked for it', async () => {
  const receiver = await startReceiver();
  receivers.push(receiver);
  await world.endpointAt(receiver, ['PAYOUT_FAILED']);
  await world.fail(await world.newPayout());
  await fanOutEvents(world);
  await deliverDue(world);
  expect(JSON.parse(receiver.requests[0]?.body ?? '')).toMatchObject({
    eventType: 'PAYOUT_FAILED',
    payout: { status: 'FAILED', info: 'The recipient is blocked by the token.' },
  });
});

test('the merchant can go on with the trace that the payout was asked for in', async () => {
  const receiver = await receiverWith();
  const [traced, untraced] = [await world.newPayout(), await world.newPayout()];
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  await world.database.query(
    `UPDATE payout_audits SET trace_id = CASE payout_id WHEN $2 THEN $3 END WHERE business_id = $1`,
    [world.business.businessId, traced.payoutId, traceId],
  );
  for (const payout of [traced, untraced]) await world.complete(payout);
  await fanOutEvents(world);
  const logged: object[] = [];
  const log: WebhookWorld['log'] = { ...world.log, info: (fields) => logged.push(fields) };
  await deliverDue({ ...world, log });
  const headers = receiver.requests.map(({ body, headers: { traceparent } }) => ({
    payoutId: (JSON.parse(body) as { payout: { id: string } }).payout.id,
    traceparent,
  }));
  expect(headers).toHaveLength(2);
  expect(headers).toContainEqual({
    payoutId: traced.payoutId,
    traceparent: expect.stringMatching(`^00-${traceId}-[0-9a-f]{16}-0[01]$`) as string,
  });
  expect(headers).toContainEqual({ payoutId: untraced.payoutId, traceparent: undefined });
  expect(logged).toContainEqual(expect.objectContaining({ payoutId: traced.payoutId, traceId }));
});

test('two workers at once deliver each once', async () => {
  const receiver = await receiverWith();
  await world.completeMany(20);
  const counts = await Promise.all([deliverDue(world), deliverDue(world)]);
  expect(counts.reduce((sum, count) => sum + count)).toBe(20);
  expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(20);
  expect(receiver.requests).toHaveLength(20);
});

test('a crash between send and record: sent again with the same webhook-id, and both are kept', async () => {
  const receiver = await receiverWith();
  await world.completeMany(1);
  const crashing: Sender = {
    ...world.sender,
    send: async (request) => {
      await world.sender.send(request);
      throw new Error('the process ends here');
    },
  };
  await deliverDue({ ...world, sender: crashing });
  expect(receiver.requests).toHaveLength(1);
  expect(await deliverDue(world)).toBe(0);
  world.clock.move(60_000);
  expect(await deliverDue(world)).toBe(1);
  expect(receiver.requests).toHaveLength(2);
  const [first, second] = receiver.requests;
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(await world.onlyDelivery()).toMatchObject({
    state: 'DELIVERED',
    attempts: [
      { number: 1, durationMs: null, responseStatus: null },
      { number: 2, responseStatus: 200 },
    ],
  });
});

test('a holder whose lease has passed on may say that it delivered, not that it failed', async () => {
  const receiver = await receiverWith((response, index) => {
    response.writeHead(index === 0 ? 500 : 200).end();
  });
  await world.completeMany(2);
  const { endpointId, nextAttemptAt: queuedAt } = await world.onlyDelivery();
  const claimBoth = async (): Promise<readonly LaneItem[]> => {
    const want = { topic: DELIVERY_TOPIC, wanted: new Map([[endpointId, 2]]), leaseMs: 1000 };
    return (await claimLanes(world.database, { ...want, now: world.clock.now() })).items;
  };
  const items = await claimBoth();
  world.clock.move(1000);
  expect(await claimBoth()).toHaveLength(2);
  const kinds: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const ended = (_lane: string, { kind }: { kind: string }): void => {
      if (kinds.push(kind) === 2) resolve();
    };
    deliver(openDesk(world), items, ended).catch(reject);
  });
  expect(kinds.toSorted()).toEqual(['delivered', 'failed']);
  const states = await world.database.query(
    `SELECT state, attempts, next_attempt_at FROM webhook_deliveries ORDER BY state`,
  );
  expect(states).toEqual([
    { state: 'DELIVERED', attempts: 1, next_attempt_at: null },
    { state: 'PENDING', attempts: 1, next_attempt_at: queuedAt },
  ]);
  // The later claims still stand, so both items are still there; the delivered one is not sent again.
  expect(await queuedItems()).toBe(2);
  world.clock.move(1000);
  expect(await deliverDue(world)).toBe(2);
  expect(receiver.requests).toHaveLength(3);
  expect(await queuedItems()).toBe(0);
});

test('through a rotation every receiver can verify, with the old secret and with the new', async () => {
  const { businessId } = world.business;
  const receiver = await receiverWith();
  const { current: old } = await getOrCreateWebhookSecrets(world.database, world, businessId);
  const step = async (change: typeof rotateWebhookSecret | undefined): Promise<string[]> => {
    if (change !== undefined) {
      await world.database.transaction(async (tx) => await change(tx, world, businessId));
    }
    await world.completeMany(1);
    await deliverDue(world);
    const { body = '', headers = {} } = receiver.requests.at(-1) ?? {};
    const { current } = await getOrCreateWebhookSecrets(world.database, world, businessId);
    const verified = Object.entries({ old, new: current }).filter(([, secret]) => {
      try {
        return new Webhook(secret).verify(body, headers as Record<string, string>);
      } catch {
        return false;
      }
    });
    const xSignature = Object.entries({ old, new: current }).filter(
      ([, secret]) => headers['x-signature'] === hmacHex(secret, body),
    );
    return [verified.map(([name]) => name).join('+'), xSignature.map(([name]) => name).join('+')];
  };
  expect(await step(rotateWebhookSecret)).toEqual(['old+new', 'old']);
  expect(await step(undefined)).toEqual(['old+new', 'old']);
  expect(await step(switchXSignature)).toEqual(['old+new', 'new']);
});

function hmacHex(secret: string, body: string): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}
