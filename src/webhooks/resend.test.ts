import { afterEach, beforeEach, expect, test } from 'vitest';
import { startReceiver, type Receiver } from '../../test/harness/receiver.ts';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import { createTestBusiness } from '../../test/harness/world.ts';
import { deliverDue } from './deliver-due.ts';
import { disableEndpoint } from './endpoint.ts';
import { findEvent, listEvents } from './find-events.ts';
import { RETRY_DELAYS_MS } from './retry-schedule.ts';
import { resendDelivery, resendSince } from './resend.ts';

let world: WebhookWorld;
let receiver: Receiver;
let status: number;
beforeEach(async () => {
  world = await createWebhookWorld();
  status = 200;
  receiver = await startReceiver((response) => response.writeHead(status).end());
});
afterEach(async () => {
  await receiver.stop();
  await world.close();
});

async function ids(): Promise<{ businessId: string; eventId: string; endpointId: string }> {
  const { businessId, eventId, deliveries } = await world.onlyEvent();
  return { businessId, eventId, endpointId: deliveries[0]?.endpointId ?? '' };
}

test('a delivered event is sent again with the same webhook-id and body', async () => {
  await world.endpointAt(receiver);
  await world.completeMany(1);
  await deliverDue(world);
  await resendDelivery(world, await ids());
  expect(await world.onlyDelivery()).toMatchObject({ state: 'PENDING' });
  expect(await deliverDue(world)).toBe(1);
  const [first, second] = receiver.requests;
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second?.body).toBe(first?.body);
  expect(await world.onlyDelivery()).toMatchObject({
    state: 'DELIVERED',
    attempts: [{ number: 1 }, { number: 2 }],
  });
});

test('an exhausted delivery gets a whole new schedule, and goes on counting', async () => {
  await world.endpointAt(receiver);
  await world.completeMany(1);
  status = 500;
  const exhaust = async (): Promise<void> => {
    for (;;) {
      await deliverDue(world);
      const { nextAttemptAt } = await world.onlyDelivery();
      if (nextAttemptAt === null) return;
      world.clock.move(nextAttemptAt.getTime() - world.clock.now().getTime());
    }
  };
  await exhaust();
  expect((await world.onlyDelivery()).state).toBe('EXHAUSTED');
  await resendDelivery(world, await ids());
  await exhaust();
  const { state, attempts } = await world.onlyDelivery();
  expect(state).toBe('EXHAUSTED');
  const each = RETRY_DELAYS_MS.length + 1;
  expect(attempts.map(({ number }) => number)).toEqual(
    Array.from({ length: 2 * each }, (_, index) => index + 1),
  );
});

test('resending what waits for a retry sends it now, and once', async () => {
  await world.endpointAt(receiver);
  await world.completeMany(1);
  status = 500;
  await deliverDue(world);
  status = 200;
  await resendDelivery(world, await ids());
  await deliverDue(world);
  expect(await world.onlyDelivery()).toMatchObject({ state: 'DELIVERED' });
  expect(receiver.requests).toHaveLength(2);
  // The item of the first schedule is still there; when it is due, it ends without a word.
  world.clock.move(3_600_000);
  expect(await deliverDue(world)).toBe(1);
  expect(receiver.requests).toHaveLength(2);
  expect(
    await world.database.query(`SELECT 1 FROM outbox_items WHERE topic LIKE 'webhook%'`),
  ).toEqual([]);
});

test('an event can be sent to an endpoint that did not exist when it happened', async () => {
  await world.completeMany(1);
  const { businessId, eventId } = await world.onlyEvent();
  const { endpointId } = await world.endpointAt(receiver);
  await resendDelivery(world, { businessId, eventId, endpointId });
  await deliverDue(world);
  expect(receiver.requests).toHaveLength(1);
  expect(await world.onlyDelivery()).toMatchObject({ endpointId, state: 'DELIVERED' });
});

test('since a time: the places of the first sending that are still enabled', async () => {
  const endpoint = await world.endpointAt(receiver);
  const disabled = await world.endpointAt(receiver);
  await world.completeMany(1);
  world.clock.move(1000);
  const since = world.clock.now();
  await world.completeMany(2);
  world.clock.move(1);
  await deliverDue(world);
  await world.endpointAt(receiver);
  await disableEndpoint(world.database, world, disabled);
  const sent = receiver.requests.length;
  const { businessId } = world.business;
  expect(await resendSince(world, { businessId, since })).toBe(2);
  await deliverDue(world);
  expect(receiver.requests).toHaveLength(sent + 2);
  const events = await listEvents(world.database, { businessId, limit: 3 });
  const attempts = events.map(({ deliveries }) =>
    deliveries.map((delivery) => [delivery.endpointId, delivery.attempts.length]),
  );
  for (const [index, count] of [2, 2, 1].entries()) {
    expect(attempts[index]).toHaveLength(2);
    expect(attempts[index]).toContainEqual([endpoint.endpointId, count]);
    expect(attempts[index]).toContainEqual([disabled.endpointId, 1]);
  }
});

test('since a time, to one new endpoint: all of its kinds, over many pages', async () => {
  await world.completeMany(3);
  await world.database.query(
    `INSERT INTO webhook_events (business_id, event_id, event_type, payout_id, created_at)
     SELECT e.business_id, gen_random_uuid(), e.event_type, e.payout_id, e.created_at
     FROM webhook_events e CROSS JOIN generate_series(1, 150)`,
  );
  await world.fail(await world.newPayout());
  await world.completeMany(0);
  const { businessId } = world.business;
  const { endpointId } = await world.endpointAt(receiver);
  const order = { businessId, endpointId, since: new Date(0) };
  expect(await resendSince(world, order)).toBe(453);
  expect(await deliverDue(world)).toBe(453);
  expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(453);
});

test('what cannot be resent', async () => {
  const endpoint = await world.endpointAt(receiver);
  const failures = await world.endpointAt(receiver, ['PAYOUT_FAILED']);
  await world.completeMany(1);
  const good = { ...(await ids()), endpointId: endpoint.endpointId };
  const other = await createTestBusiness(world.database, { units: 0n });
  for (const wrong of [
    { ...good, eventId: world.ids.next() },
    { ...good, eventId: 'x' },
    { ...good, endpointId: world.ids.next() },
    { ...good, endpointId: 'x' },
    { ...good, businessId: other.businessId },
  ]) {
    await expect(resendDelivery(world, wrong)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
  await expect(
    resendDelivery(world, { ...good, endpointId: failures.endpointId }),
  ).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
    message: 'The endpoint does not subscribe to PAYOUT_SUCCESSFUL.',
  });
  await disableEndpoint(world.database, world, endpoint);
  const since = new Date(0);
  await expect(resendDelivery(world, good)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
  await expect(resendSince(world, { ...good, since })).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
  });
});

test('the log has pages, newest first, by payout too, and is its own business’s', async () => {
  await world.endpointAt(receiver);
  const payouts = await world.completeMany(5);
  const { businessId } = world.business;
  const all = await listEvents(world.database, { businessId, limit: 10 });
  expect(all).toHaveLength(5);
  expect(all.map(({ eventId }) => eventId)).toEqual(
    all
      .map(({ eventId }) => eventId)
      .sort()
      .reverse(),
  );
  const firstPage = await listEvents(world.database, { businessId, limit: 2 });
  const beforeId = firstPage[1]?.eventId;
  const rest = await listEvents(world.database, { businessId, beforeId, limit: 10 });
  expect([...firstPage, ...rest]).toEqual(all);
  const payoutId = payouts[3]?.payoutId;
  const ofPayout = await listEvents(world.database, { businessId, payoutId, limit: 10 });
  expect(ofPayout).toEqual(all.filter((event) => event.payoutId === payoutId));
  const [newest] = all;
  expect(await findEvent(world.database, businessId, newest?.eventId ?? '')).toEqual(newest);
  const other = (await createTestBusiness(world.database, { units: 0n })).businessId;
  expect(await listEvents(world.database, { businessId: other, limit: 10 })).toEqual([]);
  expect(await findEvent(world.database, other, newest?.eventId ?? '')).toBeUndefined();
  expect(await findEvent(world.database, businessId, 'x')).toBeUndefined();
});
