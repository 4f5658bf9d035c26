import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import { createTestBusiness } from '../../test/harness/world.ts';
import { append, claim } from '../outbox/outbox.ts';
import { advancePayouts } from '../payouts/advance-payouts.ts';
import type { Payout } from '../payouts/payout.ts';
import { createEndpoint, disableEndpoint } from './endpoint.ts';
import { fanOutEvents } from './fan-out-events.ts';
import { listEvents } from './find-events.ts';
import { DELIVERY_TOPIC } from './queue-deliveries.ts';

let world: WebhookWorld;
beforeEach(async () => {
  world = await createWebhookWorld();
});
afterEach(async () => await world.close());

const place = { url: 'http://127.0.0.1:9/', target: '127.0.0.1:9' };

async function itemsOf(topic: string): Promise<{ lane: string }[]> {
  return await world.database.query(`SELECT lane FROM outbox_items WHERE topic = $1`, [topic]);
}

test('an event goes to every endpoint that subscribes to it and is not disabled', async () => {
  const { businessId } = world.business;
  const successes = await world.endpointAt(place);
  const both = await world.endpointAt(place, ['PAYOUT_SUCCESSFUL', 'PAYOUT_FAILED']);
  const failures = await world.endpointAt(place, ['PAYOUT_FAILED']);
  const disabled = await world.endpointAt(place);
  await disableEndpoint(world.database, world, disabled);
  const other = await createTestBusiness(world.database, { units: 0n });
  await createEndpoint(world.database, world, { businessId: other.businessId, url: place.url });

  const [paid, unpaid] = [await world.newPayout(), await world.newPayout()];
  await world.complete(paid);
  await world.fail(unpaid);
  expect(await fanOutEvents(world)).toBe(2);

  const events = await listEvents(world.database, { businessId, limit: 10 });
  const places = events.map(({ eventType, payoutId, deliveries }) => ({
    eventType,
    payoutId,
    endpointIds: deliveries.map((delivery) => delivery.endpointId).sort(),
  }));
  expect(places).toHaveLength(2);
  expect(places).toContainEqual({
    eventType: 'PAYOUT_SUCCESSFUL',
    payoutId: paid.payoutId,
    endpointIds: [successes.endpointId, both.endpointId].sort(),
  });
  expect(places).toContainEqual({
    eventType: 'PAYOUT_FAILED',
    payoutId: unpaid.payoutId,
    endpointIds: [both.endpointId, failures.endpointId].sort(),
  });
  expect((await itemsOf(DELIVERY_TOPIC)).map(({ lane }) => lane).sort()).toEqual(
    [successes, both, both, failures].map(({ endpointId }) => endpointId).sort(),
  );
  expect(await itemsOf('payout-events')).toEqual([]);
  expect(await fanOutEvents(world)).toBe(0);
});

test('an event without a subscriber is kept in the log', async () => {
  await world.completeMany(1);
  expect(await world.onlyEvent()).toMatchObject({
    eventType: 'PAYOUT_SUCCESSFUL',
    createdAt: world.clock.now(),
    deliveries: [],
  });
});

test('events of one transaction go their ways one by one', async () => {
  const endpoint = await world.endpointAt(place, ['PAYOUT_SUCCESSFUL', 'PAYOUT_FAILED']);
  const at = world.clock.now();
  const paid = { status: 'COMPLETED', transactionHash: '0xaa' } as const;
  const unpaid = { status: 'FAILED', info: 'no', wasSigned: false, transactionHash: null } as const;
  const payouts: Payout[] = [];
  for (let made = 0; made < 6; made += 1) payouts.push(await world.newPayout());
  await world.database.transaction(async (tx) => {
    const news = payouts.map(({ businessId, payoutId }, index) => ({
      businessId,
      payoutId,
      progress: index % 3 === 0 ? unpaid : paid,
      at,
    }));
    await advancePayouts(tx, world, news);
  });
  expect(await fanOutEvents(world)).toBe(6);
  const { businessId } = world.business;
  const events = await listEvents(world.database, { businessId, limit: 10 });
  expect(new Set(events.map(({ payoutId }) => payoutId)).size).toBe(6);
  for (const [index, { payoutId }] of payouts.entries()) {
    expect(events.find((event) => event.payoutId === payoutId)).toMatchObject({
      eventType: index % 3 === 0 ? 'PAYOUT_FAILED' : 'PAYOUT_SUCCESSFUL',
      deliveries: [{ endpointId: endpoint.endpointId, state: 'PENDING' }],
    });
  }
  expect(await itemsOf(DELIVERY_TOPIC)).toHaveLength(6);
  expect(await itemsOf('payout-events')).toEqual([]);
});

test('an event that is fanned out twice is delivered once', async () => {
  const endpoint = await world.endpointAt(place);
  const [payout] = await world.completeMany(1);
  const { eventId } = await world.onlyEvent();
  await world.database.transaction(
    async (tx) =>
      await append(tx, {
        businessId: world.business.businessId,
        itemId: eventId,
        topic: 'payout-events',
        lane: 'all',
        payload: { eventType: 'PAYOUT_SUCCESSFUL', payoutId: payout?.payoutId ?? '' },
        at: world.clock.now(),
      }),
  );
  expect(await fanOutEvents(world)).toBe(1);
  expect(await itemsOf(DELIVERY_TOPIC)).toEqual([{ lane: endpoint.endpointId }]);
  expect(await itemsOf('payout-events')).toEqual([]);
});

test('two workers at once make each delivery once', async () => {
  await world.endpointAt(place);
  const payouts = [];
  for (let made = 0; made < 12; made += 1) payouts.push(await world.newPayout());
  for (const payout of payouts) await world.complete(payout);
  const counts = await Promise.all([fanOutEvents(world), fanOutEvents(world), fanOutEvents(world)]);
  expect(counts.reduce((sum, count) => sum + count)).toBe(12);
  expect(await itemsOf(DELIVERY_TOPIC)).toHaveLength(12);
});

test('a worker whose lease has passed on changes nothing', async () => {
  await world.endpointAt(place);
  await world.complete(await world.newPayout());
  const lane = world.business.businessId;
  const want = { topic: 'payout-events', lane, limit: 1, leaseMs: 1000 };
  expect(await claim(world.database, { ...want, now: world.clock.now() })).toHaveLength(1);
  expect(await fanOutEvents(world)).toBe(0);
  world.clock.move(1000);
  expect(await fanOutEvents(world)).toBe(1);
  expect(await itemsOf(DELIVERY_TOPIC)).toHaveLength(1);
});

test('an item that cannot be read stays and stops no other', async () => {
  await world.endpointAt(place);
  await world.complete(await world.newPayout());
  const { businessId } = world.business;
  const item = { businessId, topic: 'payout-events', lane: 'all', at: world.clock.now() };
  await world.database.transaction(async (tx) => {
    await append(tx, { ...item, itemId: world.ids.next(), payload: { eventType: 'NEW_KIND' } });
  });
  expect(await fanOutEvents(world)).toBe(2);
  expect(world.warnings).toEqual(['an event cannot be read']);
  expect(await itemsOf(DELIVERY_TOPIC)).toHaveLength(1);
  expect(await itemsOf('payout-events')).toHaveLength(1);
});

test('an event that no delivery can be made of stops no other of its business', async () => {
  await world.endpointAt(place);
  for (let made = 0; made < 3; made += 1) await world.complete(await world.newPayout());
  const { businessId } = world.business;
  await world.database.transaction(async (tx) => {
    const payload = { eventType: 'PAYOUT_SUCCESSFUL', payoutId: world.ids.next() };
    const item = { businessId, topic: 'payout-events', lane: businessId, at: world.clock.now() };
    await append(tx, { ...item, itemId: world.ids.next(), payload });
  });
  expect(await fanOutEvents(world)).toBe(4);
  expect(world.warnings).toEqual(['events could not be fanned out']);
  expect(await itemsOf(DELIVERY_TOPIC)).toHaveLength(3);
  expect(await itemsOf('payout-events')).toEqual([{ lane: businessId }]);
});

test('a business with many events does not keep another waiting', async () => {
  await world.endpointAt(place);
  const other = await createTestBusiness(world.database, { units: 10n ** 24n });
  const { businessId } = world.business;
  const item = { topic: 'payout-events', at: world.clock.now() };
  const payload = { eventType: 'NEW_KIND' };
  await world.database.transaction(async (tx) => {
    for (let made = 0; made < 600; made += 1) {
      await append(tx, {
        ...item,
        businessId,
        lane: businessId,
        itemId: world.ids.next(),
        payload,
      });
    }
    const last = { ...item, businessId: other.businessId, lane: other.businessId, payload };
    await append(tx, { ...last, at: new Date(item.at.getTime() + 1), itemId: world.ids.next() });
  });
  world.clock.move(1);
  expect(await fanOutEvents(world)).toBe(101);
});
