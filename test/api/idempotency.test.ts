import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createServer } from '../../src/http/server.ts';
import {
  PAYOUTS,
  WALLETS,
  payoutBody,
  startApi,
  type Api,
  type ApiAnswer,
} from '../harness/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

async function post(
  key: string,
  body: string | object,
  apiKey = api.tenant.apiKey,
): Promise<ApiAnswer> {
  const headers = { 'idempotency-key': key, 'x-api-key': apiKey };
  return await api.call('POST', PAYOUTS, { body, headers });
}

async function countPayouts(): Promise<number> {
  const [row] = await api.database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM payouts',
  );
  return row?.count ?? 0;
}

describe('201', () => {
  test('the first answer again, byte for byte', async () => {
    const body = payoutBody({ merchantReference: 'replayed', amount: '1.5' });
    const first = await post('key-1', body);
    api.advance(30 * 86_400_000);
    const again = await post('key-1', body);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.text).toBe(first.text);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
  });

  test('the same content in another order and with other white space', async () => {
    const { network, ...rest } = payoutBody({ x: [1, { b: 1, a: null }] });
    const first = await post('key-2', { network, ...rest });
    const again = await post('key-2', JSON.stringify({ ...rest, network }, null, 2));
    expect(again.text).toBe(first.text);
  });

  test('without a key each request is another payout', async () => {
    const before = await countPayouts();
    await api.call('POST', PAYOUTS, { body: payoutBody() });
    await api.call('POST', PAYOUTS, { body: payoutBody() });
    expect(await countPayouts()).toBe(before + 2);
  });

  test('one key of two businesses is two keys', async () => {
    const mine = await post('shared', payoutBody());
    const theirs = await post('shared', payoutBody({ amount: 3 }), api.otherTenant.apiKey);
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.headers.get('idempotency-replayed')).toBeNull();
    expect(theirs.json.data['id']).not.toBe(mine.json.data['id']);
  });

  test.each([' ', 'x'.repeat(255), 'with space', '{"a":1}', '~!@#'])('the key %j', async (key) => {
    const first = await post(`a${key}`.slice(0, 255), payoutBody());
    expect(first.status).toBe(201);
  });

  test('a request that created nothing leaves the key free', async () => {
    expect((await post('free', payoutBody({ amount: 5_000_000 }))).status).toBe(400);
    expect((await post('free', payoutBody({ amount: 0 }))).status).toBe(422);
    expect((await post('free', '{broken')).status).toBe(400);
    const first = await post('free', payoutBody());
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
  });

  test('an operation that knows no keys does not look at the header', async () => {
    const headers = { 'idempotency-key': 'x'.repeat(300) };
    const answer = await api.call('POST', WALLETS, { body: { token: 'USDT' }, headers });
    expect(answer.status).toBe(409);
  });
});

describe('409 and at once', () => {
  test('one key fifty times at once: one payout, and one answer for whoever gets it', async () => {
    const before = await countPayouts();
    const body = payoutBody({ merchantReference: 'fifty at once' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => await post('fifty', body)),
    );
    expect(await countPayouts()).toBe(before + 1);
    const created = answers.filter(({ status }) => status === 201);
    const inFlight = answers.filter(({ status }) => status === 409);
    expect(created.length).toBeGreaterThan(0);
    expect(created.length + inFlight.length).toBe(50);
    expect(new Set(created.map(({ text }) => text)).size).toBe(1);
    for (const { json } of inFlight) {
      expect(json.message).toBe('A request with this Idempotency-Key is still being processed.');
    }
    expect((await post('fifty', body)).text).toBe(created[0]?.text);
  });

  test('over two servers on one database', async () => {
    const other = createServer(api.deps);
    await other.listen({ host: '127.0.0.1', port: 0 });
    const { port } = other.server.address() as AddressInfo;
    const before = await countPayouts();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_each, index) => {
        const answer = await fetch(
          `${index % 2 ? api.url : `http://127.0.0.1:${port}`}${PAYOUTS}`,
          {
            method: 'POST',
            headers: { 'idempotency-key': 'two servers', 'x-api-key': api.tenant.apiKey },
            body: JSON.stringify(payoutBody({ merchantReference: 'two servers' })),
          },
        );
        return { status: answer.status, text: await answer.text() };
      }),
    );
    await other.close();
    expect(await countPayouts()).toBe(before + 1);
    const created = answers.filter(({ status }) => status === 201);
    expect(created.length).toBeGreaterThan(0);
    expect(new Set(created.map(({ text }) => text)).size).toBe(1);
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
  });
});

describe('422', () => {
  test.each([
    ['another amount', { amount: 0.03 }],
    ['the same amount written otherwise', { amount: '0.02' }],
    ['another recipient', { toAddress: '0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045' }],
    ['an unknown field more', { note: 'x' }],
    ['a mistake', { amount: 0 }],
  ])('same key, %s', async (name, changes) => {
    const key = `other body: ${name}`;
    expect((await post(key, payoutBody())).status).toBe(201);
    const before = await countPayouts();
    const answer = await post(key, payoutBody(changes));
    const message = 'The Idempotency-Key was used before with a different request.';
    expect(answer.json).toEqual({
      success: false,
      message,
      status: 422,
      data: null,
      errors: { idempotencyKey: [message] },
    });
    expect(await countPayouts()).toBe(before);
  });

  test.each(['', 'x'.repeat(256), 'tab\tin it', 'ünï'])('the key %j is none', async (key) => {
    const answer = await post(key, payoutBody());
    expect([answer.status, Object.keys(answer.json.errors ?? {})]).toEqual([
      422,
      ['idempotencyKey'],
    ]);
  });

  test('a key that is sent twice is none', async () => {
    const body = JSON.stringify(payoutBody());
    const lines = [
      `POST ${PAYOUTS} HTTP/1.1`,
      'Host: a',
      'Connection: close',
      'Idempotency-Key: a',
      'Idempotency-Key: b',
      `X-API-KEY: ${api.tenant.apiKey}`,
      `Content-Length: ${body.length}`,
    ];
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(api.port, '127.0.0.1', () => {
        socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
      });
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text)).on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 422 /);
  });
});

test('without a right to write the key tells nothing', async () => {
  await post('secret key', payoutBody());
  const headers = { 'idempotency-key': 'secret key' };
  const answer = await api.send('POST', PAYOUTS, { body: payoutBody(), headers });
  expect(answer.status).toBe(401);
});
