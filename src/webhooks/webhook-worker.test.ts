import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startReceiver, type Receiver } from '../../test/harness/receiver.ts';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import type { Database } from '../database/database.ts';
import { createSender } from './send.ts';
import { createWebhookWorker, type WebhookWorker } from './webhook-worker.ts';

let world: WebhookWorld;
let receivers: Receiver[];
let workers: WebhookWorker[];
beforeEach(async () => {
  world = await createWebhookWorld();
  receivers = [];
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map(async (worker) => await worker.stop()));
  await Promise.all(receivers.map(async (receiver) => await receiver.stop()));
  await world.close();
});

async function receiverWith(...arguments_: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...arguments_);
  receivers.push(receiver);
  await world.endpointAt(receiver);
  return receiver;
}

function startWorker(
  options: { stopPatienceMs?: number; timeoutMs?: number; database?: Database } = {},
): WebhookWorker {
  const { timeoutMs = 500, database = world.database, ...rest } = options;
  const sender = createSender({ guard: world.guard, timeoutMs });
  const worker = createWebhookWorker({ ...world, database, sender }, { pollMs: 10, ...rest });
  workers.push(worker);
  worker.start();
  return worker;
}

test('workers turn what payouts report into webhooks, each once, past one that hangs', async () => {
  await receiverWith(() => undefined);
  const healthy = await receiverWith();
  startWorker({ timeoutMs: 2000, stopPatienceMs: 0 });
  startWorker({ timeoutMs: 2000, stopPatienceMs: 0 });
  const payouts = [];
  for (let made = 0; made < 20; made += 1) payouts.push(await world.newPayout());
  for (const payout of payouts) await world.complete(payout);
  await healthy.received(20);
  await Promise.all(workers.map(async (worker) => await worker.stop()));
  expect(healthy.requests).toHaveLength(20);
});

test('a stop lets what is being sent end and be recorded, and nothing more begins', async () => {
  let answer: (() => void) | undefined;
  const receiver = await receiverWith((response) => {
    answer = () => response.writeHead(200).end();
  });
  await world.completeMany(1);
  const worker = startWorker({ timeoutMs: 10_000 });
  await receiver.received(1);
  const stopped = worker.stop();
  await world.complete(await world.newPayout());
  answer?.();
  await stopped;
  expect(await world.onlyDelivery()).toMatchObject({ state: 'DELIVERED' });
  expect(receiver.requests).toHaveLength(1);
});

test('a stop does not wait for ever: what still hangs is broken off and recorded', async () => {
  const receiver = await receiverWith(() => undefined);
  await world.completeMany(1);
  const worker = startWorker({ timeoutMs: 60_000, stopPatienceMs: 20 });
  await receiver.received(1);
  await worker.stop();
  const delivery = await world.onlyDelivery();
  expect(delivery).toMatchObject({ state: 'PENDING', attempts: [{ responseStatus: null }] });
  expect(delivery.attempts[0]?.error).not.toBeNull();
});

test('a worker whose database fails says so, and can be stopped', async () => {
  const away: Database = {
    ...world.database,
    query: async () => await Promise.reject(new Error('the database is away')),
  };
  const worker = startWorker({ database: away });
  while (world.warnings.length < 2) await world.clock.sleep(5);
  await worker.stop();
  expect(new Set(world.warnings)).toEqual(new Set(['the webhook worker could not work']));
});

test('a worker that never started can be stopped', async () => {
  const worker = createWebhookWorker(world);
  await worker.stop();
  expect(world.warnings).toEqual([]);
});

test('says whether its rounds come round', async () => {
  const sender = createSender({ guard: world.guard, timeoutMs: 500 });
  const worker = createWebhookWorker({ ...world, sender }, { pollMs: 10 });
  workers.push(worker);
  expect(worker.condition()).toBe('ok');
  world.clock.move(60_001);
  expect(worker.condition()).toBe('no round has ended well for 60 s');
  worker.start();
  await vi.waitFor(() => expect(worker.condition()).toBe('ok'));
});
