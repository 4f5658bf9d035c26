import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { startInbox, type Delivery, type Inbox } from './inbox.ts';

const NOON = new Date('2026-01-02T12:00:00.000Z');
let inbox: Inbox;
beforeEach(async () => {
  inbox = await startInbox({ clock: { ...systemClock, now: () => NOON }, kept: 3 });
});
afterEach(async () => await inbox.stop());

async function deliver(body: string, headers: Record<string, string> = {}): Promise<number> {
  return (await fetch(inbox.webhookUrl, { method: 'POST', body, headers })).status;
}

async function list(): Promise<Delivery[]> {
  const response = await fetch(inbox.inboxUrl);
  expect(response.headers.get('content-type')).toBe('application/json');
  return (await response.json()) as Delivery[];
}

test('a delivery is kept as it arrived', async () => {
  expect(await list()).toEqual([]);
  const body = '{ "eventType": "PAYOUT_SUCCESSFUL",\n  "name": "Zoë" }';
  expect(await deliver(body, { 'X-Signature': 'ab12' })).toBe(200);
  const [delivery] = await list();
  expect(delivery).toMatchObject({
    receivedAt: '2026-01-02T12:00:00.000Z',
    rawBody: body,
    headers: { 'x-signature': 'ab12' },
  });
});

test('the newest are kept, oldest first, until they are cleared', async () => {
  for (const body of ['1', '2', '3', '4', '5']) await deliver(body);
  expect((await list()).map(({ rawBody }) => rawBody)).toEqual(['3', '4', '5']);
  expect((await fetch(inbox.inboxUrl, { method: 'DELETE' })).status).toBe(204);
  expect(await list()).toEqual([]);
});

test('what is too large is refused, and not kept', async () => {
  expect(await deliver('x'.repeat(1024 * 1024 + 1))).toBe(413);
  expect(await deliver('x'.repeat(1024 * 1024))).toBe(200);
  expect(await list()).toHaveLength(1);
});

test.each([
  ['GET', '/webhooks'],
  ['POST', '/inbox'],
  ['GET', '/'],
])('%s %s is not found', async (method, path) => {
  expect((await fetch(new URL(path, inbox.inboxUrl), { method })).status).toBe(404);
});

test('it listens on loopback and stops', async () => {
  expect(inbox.inboxUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/inbox$/);
  await inbox.stop();
  await inbox.stop();
  await expect(fetch(inbox.inboxUrl)).rejects.toThrow();
});
