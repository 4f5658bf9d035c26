import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import { claimLanes } from '../outbox/claim-lanes.ts';
import { measureDue } from '../outbox/measure-due.ts';
import { createPrometheusMeter } from '../metrics/prometheus-meter.ts';
import { deliverDue } from './deliver-due.ts';
import { DELIVERY_TOPIC } from './queue-deliveries.ts';
import { watchBacklog } from './watch-backlog.ts';

let world: WebhookWorld;
beforeEach(async () => {
  world = await createWebhookWorld();
});
afterEach(async () => await world.close());

const place = { url: 'http://127.0.0.1:9/', target: '127.0.0.1:9' };

test('what is due is counted, over all lanes, and not what is claimed or put off', async () => {
  const first = await world.endpointAt(place);
  await world.endpointAt(place);
  const due = async (): Promise<unknown> =>
    await measureDue(world.database, { topic: DELIVERY_TOPIC, now: world.clock.now() });
  expect(await due()).toEqual({ items: 0, oldestAt: undefined });
  const oldestAt = world.clock.now();
  await world.completeMany(2);
  world.clock.move(5_000);
  await world.completeMany(1);
  expect(await due()).toEqual({ items: 6, oldestAt });
  await claimLanes(world.database, {
    topic: DELIVERY_TOPIC,
    wanted: new Map([[first.endpointId, 2]]),
    leaseMs: 1_000,
    now: world.clock.now(),
  });
  expect(await due()).toEqual({ items: 4, oldestAt });
});

test('the figures of a worker: the backlog, and what came of deliveries', async () => {
  const meter = createPrometheusMeter({ clock: world.clock });
  watchBacklog(meter, world);
  await world.endpointAt(place);
  await world.completeMany(3);
  world.clock.move(2_000);
  const read = async (): Promise<string[]> => (await meter.read()).text.split('\n');
  expect(await read()).toEqual(
    expect.arrayContaining(['knit_webhook_backlog 3', 'knit_webhook_oldest_due_age_seconds 2']),
  );
  await deliverDue({ ...world, meter });
  world.clock.move(1);
  const after = await read();
  expect(after).toEqual(
    expect.arrayContaining([
      'knit_webhook_deliveries_total{outcome="failed"} 3',
      'knit_webhook_delivery_duration_seconds_count 3',
      'knit_webhook_in_flight 0',
    ]),
  );
  world.clock.move(10_000);
  expect(await read()).toContain('knit_webhook_backlog 3');
});
