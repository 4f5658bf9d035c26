import { afterEach, beforeEach, expect, test } from 'vitest';
import { present } from '../base/assert.ts';
import { startReceiver, type Receiver } from '../../test/harness/receiver.ts';
import { createWebhookWorld, type WebhookWorld } from '../../test/harness/webhook-world.ts';
import type { Database } from '../database/database.ts';
import { CommitUnknown, ConnectionLost } from '../database/sql-failure.ts';
import { deliverDue } from './deliver-due.ts';

let world: WebhookWorld;
let receiver: Receiver;
beforeEach(async () => {
  world = await createWebhookWorld();
  receiver = await startReceiver();
  await world.endpointAt(receiver);
});
afterEach(async () => {
  await receiver.stop();
  await world.close();
});

/**
 * The true database, whose transactions fail from the moment that a webhook has been sent, as often as `failures`
 * says: before they begin, or after they were committed.
 */
function failing(failures: readonly ('lost' | 'unknown')[]): Database {
  const left = [...failures];
  return {
    ...world.database,
    transaction: async (work) => {
      const failure = receiver.requests.length > 0 ? left.shift() : undefined;
      if (failure === 'lost') throw new ConnectionLost(new Error('away'));
      const result = await world.database.transaction(work);
      if (failure === 'unknown') throw new CommitUnknown(new Error('cut'));
      return result;
    },
  };
}

/** Waits for nothing. */
function hurried(): WebhookWorld['clock'] {
  return { ...world.clock, sleep: async () => await Promise.resolve() };
}

test.each([
  ['away when it is written down', ['lost', 'lost', 'lost']],
  ['cut off at its commit, and then away', ['unknown', 'lost']],
] as const)(
  'what was sent is not sent again for a database that is %s',
  async (_name, failures) => {
    await world.completeMany(3);
    const database = failing(failures);
    expect(await deliverDue({ ...world, clock: hurried(), database })).toBe(3);
    expect(new Set(world.warnings)).toEqual(new Set(['webhook outcomes wait for the database']));
    world.clock.move(3_600_000);
    expect(await deliverDue(world)).toBe(0);
    expect(receiver.requests).toHaveLength(3);
    expect(await world.onlyDelivery()).toMatchObject({
      state: 'DELIVERED',
      attempts: [{ number: 1, responseStatus: 200 }],
    });
  },
);

test('of a database that stays away, the lease remembers: all of it is sent again', async () => {
  await world.completeMany(2);
  const database = failing(Array.from({ length: 100 }, () => 'lost' as const));
  expect(await deliverDue({ ...world, clock: hurried(), database })).toBe(2);
  expect(await world.onlyDelivery()).toMatchObject({
    state: 'PENDING',
    attempts: [{ responseStatus: null, durationMs: null }],
  });
  world.clock.move(60_000);
  expect(await deliverDue(world)).toBe(2);
  expect(receiver.requests).toHaveLength(4);
});

test('an outcome that cannot be written keeps no other from being written', async () => {
  const payouts = await world.completeMany(3);
  const { payoutId } = present(payouts[1], 'there are three');
  // Its attempt's answer is one that the schema refuses.
  const sender: WebhookWorld['sender'] = {
    ...world.sender,
    send: async (request) => {
      const outcome = await world.sender.send(request);
      return request.body.includes(payoutId) && outcome.kind === 'answered'
        ? { ...outcome, bodyExcerpt: 'x'.repeat(2000) }
        : outcome;
    },
  };
  expect(await deliverDue({ ...world, sender })).toBe(3);
  expect(world.warnings).toEqual(['a webhook could not be handled']);
  const states = await world.database.query<{ state: string }>(
    `SELECT state FROM webhook_deliveries ORDER BY state`,
  );
  expect(states.map(({ state }) => state)).toEqual(['DELIVERED', 'DELIVERED', 'PENDING']);
});
