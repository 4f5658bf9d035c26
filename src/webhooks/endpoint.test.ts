import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import { createTestBusiness } from '../../test/harness/world.ts';
import { createEndpoint, disableEndpoint, findEndpoint, listEndpoints } from './endpoint.ts';

let world: WebhookWorld;
let businessId: string;
beforeAll(async () => {
  world = await createWebhookWorld();
});
beforeEach(async () => {
  ({ businessId } = await createTestBusiness(world.database, { units: 0n }));
});
afterAll(async () => await world.close());

async function create(
  order: Partial<Parameters<typeof createEndpoint>[2]>,
): ReturnType<typeof createEndpoint> {
  const url = 'https://93.184.215.14/hook';
  return await createEndpoint(world.database, world, { businessId, url, ...order });
}

test('an endpoint subscribes to successes alone unless it says otherwise', async () => {
  const plain = await create({ description: 'orders' });
  const both = await create({ eventTypes: ['PAYOUT_FAILED', 'PAYOUT_SUCCESSFUL'] });
  expect(plain).toMatchObject({
    businessId,
    url: 'https://93.184.215.14/hook',
    eventTypes: ['PAYOUT_SUCCESSFUL'],
    description: 'orders',
    disabledAt: null,
  });
  expect(await listEndpoints(world.database, businessId)).toEqual(
    expect.arrayContaining([plain, both]),
  );
  expect(await findEndpoint(world.database, businessId, both.endpointId)).toEqual(both);
});

test.each([
  [
    { url: 'http://127.0.0.1:1/' },
    { url: ['The url cannot be used: the host is not a public address.'] },
  ],
  [{ url: 'nonsense' }, { url: ['The url cannot be used: not a URL.'] }],
  [
    { url: 'https://unknown.example.com/' },
    { url: ['The url cannot be used: the host name has no address.'] },
  ],
  [{ eventTypes: [] }, { eventTypes: ['The event types field must hold at least one.'] }],
  [{ description: 'a'.repeat(201) }, { description: ['The description may have 200 characters.'] }],
])('refuses %j', async (order, fields) => {
  await expect(create(order)).rejects.toMatchObject({ code: 'VALIDATION_FAILED', fields });
  expect(await listEndpoints(world.database, businessId)).toEqual([]);
});

test('a business has a bounded number of them, the disabled ones not counted', async () => {
  const endpoints = [];
  for (let made = 0; made < 20; made += 1) endpoints.push(await create({}));
  await expect(create({})).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
  const [first] = endpoints;
  await disableEndpoint(world.database, world, { businessId, endpointId: first?.endpointId ?? '' });
  await create({});
});

test('disabling is for good and keeps its first time', async () => {
  const { endpointId } = await create({});
  const disabled = await disableEndpoint(world.database, world, { businessId, endpointId });
  expect(disabled.disabledAt).toEqual(world.clock.now());
  world.clock.move(1000);
  expect(await disableEndpoint(world.database, world, { businessId, endpointId })).toEqual(
    disabled,
  );
});

test('another business neither sees nor disables it', async () => {
  const { endpointId } = await create({});
  const other = (await createTestBusiness(world.database, { units: 0n })).businessId;
  expect(await findEndpoint(world.database, other, endpointId)).toBeUndefined();
  for (const id of [endpointId, 'not-a-uuid']) {
    await expect(
      disableEndpoint(world.database, world, { businessId: other, endpointId: id }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
  expect((await findEndpoint(world.database, businessId, endpointId))?.disabledAt).toBeNull();
});
