import { afterEach, beforeEach, expect, test } from 'vitest';
import { startReceiver, type Receiver } from '../../test/harness/receiver.ts';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import { createDeliverer, deliverDue } from './deliver-due.ts';
import type { Sender, SendOutcome, WebhookRequest } from './send.ts';

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

/** An endpoint whose requests are answered when the test says so. */
interface Held {
  readonly sent: WebhookRequest[];
  readonly sender: Sender;
  readonly answer: (endpointId: string, status: number) => void;
}

function heldSender(): Held {
  const sent: WebhookRequest[] = [];
  const open: { endpointId: string; resolve: (outcome: SendOutcome) => void }[] = [];
  return {
    sent,
    sender: {
      close: async () => await Promise.resolve(),
      send: async (request) => {
        sent.push(request);
        return await new Promise((resolve) =>
          open.push({ endpointId: request.endpointId, resolve }),
        );
      },
    },
    answer: (endpointId, status) => {
      const index = open.findIndex((held) => held.endpointId === endpointId);
      const [held] = open.splice(index, 1);
      held?.resolve({ kind: 'answered', status, retryAfter: undefined, bodyExcerpt: '' });
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await world.clock.sleep(5);
}

async function receiverWith(...arguments_: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...arguments_);
  receivers.push(receiver);
  await world.endpointAt(receiver);
  return receiver;
}

test('a receiver that hangs keeps nothing from a healthy one', async () => {
  const hanging = await receiverWith(() => undefined);
  const healthy = await receiverWith();
  await world.completeMany(30);
  const held = { ...world, sender: neverAnswering(hanging) };
  const deliverer = createDeliverer(held, { overall: 8, perEndpoint: 4 });
  // The hanging endpoint's requests never end in this test, and the healthy one is served in full.
  while (healthy.requests.length < 30) {
    if ((await deliverer.startDue()) === 0) await deliverer.next();
  }
  expect(hanging.requests).toHaveLength(4);
  expect(deliverer.inFlight()).toBeGreaterThanOrEqual(4);
});

/** Passes on to the real sender, but waits for ever where the receiver hangs. */
function neverAnswering(hanging: Receiver): Sender {
  return {
    close: async () => await Promise.resolve(),
    send: async (request) => {
      const outcome = await world.sender.send(request);
      return request.url === hanging.url ? await new Promise<never>(() => undefined) : outcome;
    },
  };
}

test('places are bounded for an endpoint, and overall; who has not been heard yet holds half', async () => {
  const place = { url: 'http://127.0.0.1:9/', target: '127.0.0.1:9' };
  for (let made = 0; made < 3; made += 1) await world.endpointAt(place);
  await world.completeMany(6);
  const { sent, sender, answer } = heldSender();
  const deliverer = createDeliverer({ ...world, sender }, { overall: 7, perEndpoint: 3 });
  const counts = (): number[] => {
    const byEndpoint = Map.groupBy(sent, (request) => request.endpointId);
    return [...byEndpoint.values()].map(({ length }) => length).sort((a, b) => a - b);
  };
  while ((await deliverer.startDue()) > 0);
  await until(() => sent.length === 3);
  expect(counts()).toEqual([1, 1, 1]);
  for (const { endpointId } of sent.splice(0)) answer(endpointId, 200);
  while (deliverer.inFlight() > 0) await deliverer.next();
  while ((await deliverer.startDue()) > 0);
  await until(() => sent.length === 7);
  expect(counts()).toEqual([2, 2, 3]);
});

test('endpoints that fail hold a quarter of the places, one each, until they answer well', async () => {
  const place = { url: 'http://127.0.0.1:9/', target: '127.0.0.1:9' };
  const endpoints = [];
  for (let made = 0; made < 4; made += 1) endpoints.push(await world.endpointAt(place));
  const { sent, sender, answer } = heldSender();
  const deliverer = createDeliverer({ ...world, sender }, { overall: 8, perEndpoint: 4 });
  const [first] = endpoints;
  await world.completeMany(1);
  while ((await deliverer.startDue()) > 0);
  await until(() => sent.length === 4);
  for (const { endpointId } of endpoints) answer(endpointId, 500);
  while (deliverer.inFlight() > 0) await deliverer.next();

  await world.completeMany(10);
  while ((await deliverer.startDue()) > 0);
  await until(() => sent.length === 6);
  expect(deliverer.inFlight()).toBe(2);
  const inTurn = sent.slice(4).map((request) => request.endpointId);
  expect(new Set(inTurn).size).toBe(2);

  // One recovers, and with it its share.
  const recovered = inTurn[0] ?? first?.endpointId ?? '';
  answer(recovered, 200);
  await deliverer.next();
  while ((await deliverer.startDue()) > 0);
  await until(() => sent.filter((request) => request.endpointId === recovered).length === 6);
  expect(deliverer.inFlight()).toBe(6);
});

test('every endpoint has its turn when places are few', async () => {
  const place = { url: 'http://127.0.0.1:9/', target: '127.0.0.1:9' };
  for (let made = 0; made < 5; made += 1) await world.endpointAt(place);
  await world.completeMany(4);
  const { sent, sender, answer } = heldSender();
  const deliverer = createDeliverer({ ...world, sender }, { overall: 1, perEndpoint: 1 });
  for (let turn = 1; turn <= 10; turn += 1) {
    await deliverer.startDue();
    await until(() => sent.length === turn);
    answer(sent.at(-1)?.endpointId ?? '', 200);
    await deliverer.next();
  }
  const counts = Map.groupBy(sent, (request) => request.endpointId);
  expect([...counts.values()].map(({ length }) => length)).toEqual([2, 2, 2, 2, 2]);
});

test('what fails on our side is logged, and comes back when its lease ends', async () => {
  const receiver = await receiverWith();
  await world.completeMany(2);
  const broken: Sender = {
    ...world.sender,
    send: async () => await Promise.reject(new Error('a mistake of ours')),
  };
  expect(await deliverDue({ ...world, sender: broken })).toBe(2);
  expect(world.warnings).toEqual([
    'a webhook could not be handled',
    'a webhook could not be handled',
  ]);
  world.clock.move(60_000);
  expect(await deliverDue(world)).toBe(2);
  expect(receiver.requests).toHaveLength(2);
});
