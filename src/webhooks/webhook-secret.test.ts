import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import { createTestBusiness } from '../../test/harness/world.ts';
import type { SigningSecrets } from './sign.ts';
import { createSigningKeys, type SigningKeys } from './signing-secrets.ts';
import {
  endRotation,
  getOrCreateWebhookSecrets,
  ROTATION_MS,
  rotateWebhookSecret,
  switchXSignature,
  type WebhookSecrets,
} from './webhook-secret.ts';

let world: WebhookWorld;
let keys: SigningKeys;
let businessId: string;
beforeAll(async () => {
  world = await createWebhookWorld();
  keys = createSigningKeys(world);
});
beforeEach(async () => {
  ({ businessId } = await createTestBusiness(world.database, { units: 0n }));
});
afterAll(async () => await world.close());

type Change = typeof rotateWebhookSecret;

async function change(by: Change): Promise<WebhookSecrets> {
  return await world.database.transaction(async (tx) => await by(tx, world, businessId));
}

/** One set of keys for all tests, as a worker has: what it remembers must not outlive a change. */
async function signing(): Promise<SigningSecrets | undefined> {
  return (await keys.of([businessId])).get(businessId)?.secrets;
}

test('a business has one secret, whoever asks first', async () => {
  const asked = await Promise.all(
    Array.from(
      { length: 8 },
      async () => await getOrCreateWebhookSecrets(world.database, world, businessId),
    ),
  );
  const [first] = asked;
  expect(first?.current).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(first?.retiring).toBeNull();
  for (const secrets of asked) expect(secrets).toEqual(first);
});

test('it is sealed at rest, and opens for its own business alone', async () => {
  const { current } = await getOrCreateWebhookSecrets(world.database, world, businessId);
  const [row] = await world.database.query<{ current_sealed: Buffer }>(
    `SELECT current_sealed FROM webhook_secrets WHERE business_id = $1`,
    [businessId],
  );
  expect(row?.current_sealed.includes(current)).toBe(false);
  const other = await createTestBusiness(world.database, { units: 0n });
  await getOrCreateWebhookSecrets(world.database, world, other.businessId);
  await world.database.query(
    `UPDATE webhook_secrets SET current_sealed = $2 WHERE business_id = $1`,
    [other.businessId, row?.current_sealed],
  );
  await expect(getOrCreateWebhookSecrets(world.database, world, other.businessId)).rejects.toThrow(
    'does not open',
  );
});

test('a rotation: both sign, X-Signature stays with the old one, until it is switched', async () => {
  const { current: old } = await getOrCreateWebhookSecrets(world.database, world, businessId);
  const rotated = await change(rotateWebhookSecret);
  expect(rotated.current).not.toBe(old);
  expect(rotated.retiring).toEqual({
    secret: old,
    retiresAt: new Date(world.clock.now().getTime() + ROTATION_MS),
    makesXSignature: true,
  });
  expect(await signing()).toEqual({ all: [rotated.current, old], forXSignature: old });
  await change(switchXSignature);
  expect(await signing()).toEqual({ all: [rotated.current, old], forXSignature: rotated.current });
});

test('a rotation ends by itself after 24 hours, to the millisecond', async () => {
  const { current: old } = await getOrCreateWebhookSecrets(world.database, world, businessId);
  const { current } = await change(rotateWebhookSecret);
  world.clock.move(ROTATION_MS - 1);
  expect(await signing()).toEqual({ all: [current, old], forXSignature: old });
  world.clock.move(1);
  expect(await signing()).toEqual({ all: [current], forXSignature: current });
  const next = await change(rotateWebhookSecret);
  expect(await signing()).toEqual({ all: [next.current, current], forXSignature: current });
});

test('a second rotation waits for the first, which can be ended at once', async () => {
  const { current } = await change(rotateWebhookSecret);
  await expect(change(rotateWebhookSecret)).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
    message: expect.stringContaining('A rotation is under way until') as string,
  });
  await change(endRotation);
  expect(await signing()).toEqual({ all: [current], forXSignature: current });
  expect((await change(rotateWebhookSecret)).retiring?.secret).toBe(current);
});

test('of two rotations at once one happens', async () => {
  await getOrCreateWebhookSecrets(world.database, world, businessId);
  const results = await Promise.allSettled([
    change(rotateWebhookSecret),
    change(rotateWebhookSecret),
  ]);
  expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('outside a rotation switching and ending change nothing; without a secret they are faults', async () => {
  await expect(change(switchXSignature)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(change(endRotation)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const before = await getOrCreateWebhookSecrets(world.database, world, businessId);
  expect(await change(switchXSignature)).toEqual(before);
  expect(await change(endRotation)).toEqual(before);
});
