import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/base/version.ts';
import { createDatabase } from '../../src/database/database.ts';
import { listNetworksOperation } from '../../src/http/routes/list-networks.ts';
import { NETWORK_IDS } from '../../src/money/asset.ts';
import { createRegistry } from '../../src/networks/registry.ts';
import { freePort } from '../../src/sandbox/free-port.ts';
import { PAYOUTS, WALLETS, payoutBody, startApi, type Api } from '../harness/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

async function exchange(text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}

describe('GET /api/v1/networks', () => {
  test('200: all networks and their tokens, to anybody', async () => {
    const { status, json } = await api.send('GET', '/api/v1/networks');
    expect([status, json.message]).toEqual([200, 'Networks fetched successfully']);
    const networks = json.data as unknown as Record<string, unknown>[];
    expect(networks.map(({ identifier }) => identifier)).toEqual(NETWORK_IDS);
    expect(networks[2]).toEqual({
      id: expect.any(String) as string,
      name: 'Polygon',
      identifier: 'MATIC_MAINNET',
      payoutStatus: 'ACTIVE',
      tokens: [
        {
          id: expect.any(String) as string,
          name: 'Tether USD',
          symbol: 'USDT',
          address: '0xc2132D05D31c914a87C6611C10748AEb04B58e8F',
          decimals: 6,
          minimum: '0.01',
          payoutStatus: 'ACTIVE',
        },
        {
          id: expect.any(String) as string,
          name: 'USD Coin',
          symbol: 'USDC',
          address: '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359',
          decimals: 6,
          minimum: '0.01',
          payoutStatus: 'ACTIVE',
        },
      ],
    });
    const bitcoin = networks[0]?.['tokens'] as Record<string, unknown>[];
    expect(bitcoin).toMatchObject([
      { symbol: 'BTC', address: null, decimals: 8, minimum: '0.00001' },
    ]);
  });

  test('what is not enabled is shown as inactive', async () => {
    const deps = { registry: createRegistry(), enabledNetworks: ['TRON_MAINNET'] as const };
    const call = {} as never;
    const answer = await listNetworksOperation(deps).handle(call);
    const { data } = JSON.parse(answer.body) as {
      data: { identifier: string; payoutStatus: string; tokens: { payoutStatus: string }[] }[];
    };
    const active = data.filter(({ payoutStatus }) => payoutStatus === 'ACTIVE');
    expect(active.map(({ identifier }) => identifier)).toEqual(['TRON_MAINNET']);
    const tokens = data.flatMap((network) =>
      network.tokens.map(({ payoutStatus }) => payoutStatus),
    );
    expect(tokens.filter((status) => status === 'ACTIVE')).toHaveLength(1);
  });
});

describe('every answer', () => {
  const ANSWERS = [
    ['GET', '/healthz', 200],
    ['GET', '/api/v1/networks', 200],
    ['GET', PAYOUTS, 401],
    ['GET', '/nowhere', 404],
    ['PUT', PAYOUTS, 405],
    ['GET', '/api/v1/%zz', 400],
  ] as const;

  test.each(ANSWERS)('%s %s has an id and safe headers', async (method, path, status) => {
    const answer = await api.send(method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-powered-by')).toBeNull();
    if (status !== 400) expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test.each(ANSWERS)('%s %s gives a usable id back', async (method, path) => {
    const kept = 'a~!{}/=id'.padEnd(128, 'x');
    const answer = await api.send(method, path, { headers: { 'x-request-id': kept } });
    expect(answer.headers.get('x-request-id')).toBe(kept);
  });

  test.each(['', 'x'.repeat(129), 'a b', 'ü', 'a\tb'])('the id %j is replaced', async (id) => {
    const answer = await api.send('GET', '/healthz', { headers: { 'x-request-id': id } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('paths and methods', () => {
  test.each([
    '/',
    '/api',
    '/api/v1',
    '/api/v1/payout',
    `${PAYOUTS}/x/y`,
    '/api/v1//payouts',
    '/API/V1/PAYOUTS',
    '/.env',
    '/oauth',
    '/api/v1/payouts/../../etc/passwd',
  ])('404: %s', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      const { status, json } = await api.call(
        method,
        path,
        method === 'POST' ? { body: '{broken' } : {},
      );
      const message = 'The requested resource was not found.';
      expect([status, json]).toEqual([404, { success: false, message, status: 404, data: null }]);
    }
  });

  test('404: a large body does not hold the answer up', async () => {
    expect((await api.call('POST', '/nowhere', { body: 'x'.repeat(5_000_000) })).status).toBe(404);
  });

  test('a slash at the end changes nothing', async () => {
    expect((await api.call('GET', `${PAYOUTS}/`)).status).toBe(200);
    expect((await api.call('POST', `${PAYOUTS}/`, { body: payoutBody() })).status).toBe(201);
  });

  test.each([
    ['PUT', PAYOUTS, 'POST, GET, HEAD, OPTIONS'],
    ['DELETE', `${PAYOUTS}/x`, 'GET, HEAD, OPTIONS'],
    ['PATCH', `${PAYOUTS}/x`, 'GET, HEAD, OPTIONS'],
    ['POST', `${PAYOUTS}/x/status`, 'GET, HEAD, OPTIONS'],
    ['DELETE', WALLETS, 'POST, GET, HEAD, OPTIONS'],
    ['GET', '/oauth/token', 'POST, OPTIONS'],
    ['HEAD', '/oauth/token', 'POST, OPTIONS'],
    ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
  ])('405: %s %s', async (method, path, allow) => {
    const answer = await api.call(method, path);
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe(allow);
    if (method === 'HEAD') return;
    const message = `The method ${method} is not supported here.`;
    expect(answer.json).toEqual({ success: false, message, status: 405, data: null });
  });

  test('OPTIONS names the methods and allows no other origin', async () => {
    const headers = { origin: 'https://example.com', 'access-control-request-method': 'POST' };
    const answer = await api.send('OPTIONS', PAYOUTS, { headers });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.headers.get('allow')).toBe('POST, GET, HEAD, OPTIONS');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('HEAD is GET without the body, credential and all', async () => {
    const get = await api.call('GET', PAYOUTS);
    const head = await api.call('HEAD', PAYOUTS);
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
    expect((await api.send('HEAD', PAYOUTS)).status).toBe(401);
  });
});

describe('what is no request of HTTP', () => {
  test.each([
    ['nonsense\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
  ])('%j', async (text, status) => {
    const answer = await exchange(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/\r\nX-Request-Id: [0-9a-f-]{36}\r\n/);
    const body = JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as object;
    expect(body).toMatchObject({ success: false, status, data: null });
  });
});

describe('when something of ours is broken', () => {
  test('500: nothing of it is told', async () => {
    const broken = await startApi({
      isOwnWallet: () => Promise.reject(new Error('SELECT secret FROM internals')),
    });
    const answer = await broken.call('POST', PAYOUTS, { body: payoutBody() });
    expect(answer.json).toEqual({
      success: false,
      message: 'Something went wrong on our side. The X-Request-Id of this answer names the case.',
      status: 500,
      data: null,
    });
    await broken.close();
  });

  test('503: the database is away', async () => {
    const url = `postgres://nobody@127.0.0.1:${await freePort()}/nothing`;
    const database = createDatabase(url);
    const broken = await startApi({ database });
    const answers = [
      await broken.call('POST', PAYOUTS, { body: payoutBody() }),
      await broken.call('GET', PAYOUTS),
      await broken.send('POST', '/oauth/token', {
        body: {
          grant_type: 'client_credentials',
          client_id: broken.tenant.clientId,
          client_secret: broken.tenant.clientSecret,
        },
      }),
      await broken.send('GET', '/readyz'),
    ];
    for (const { status, json, headers } of answers) {
      expect([status, json]).toEqual([
        503,
        {
          success: false,
          message: 'The service is unavailable for the moment. Try again.',
          status: 503,
          data: null,
        },
      ]);
      expect(headers.get('retry-after')).toBe('5');
    }
    expect((await broken.send('GET', '/healthz')).status).toBe(200);
    expect((await broken.send('GET', '/api/v1/networks')).status).toBe(200);
    await broken.close();
    await database.close();
  });
});

describe('health', () => {
  test.each(['/healthz', '/readyz'])('200: %s', async (path) => {
    const answer = await api.send('GET', path);
    expect(answer.json).toMatchObject({ success: true, status: 200, data: { version: VERSION } });
  });
});
