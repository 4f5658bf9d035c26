import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PAYOUTS, WALLETS, payoutBody, startApi } from '../harness/api.ts';

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'QUERY',
  'FOO',
  'get',
  '',
];
const PATHS = [
  PAYOUTS,
  `${PAYOUTS}/x`,
  `${PAYOUTS}/%`,
  `${PAYOUTS}?cursor=%`,
  WALLETS,
  '/oauth/token',
];
const TARGETS = [...PATHS, '*', '//', '/%00', '/é', 'http://a/b', '/?a[b]=1&__proto__=2', ''];
const NAMES = [
  'Authorization',
  'X-API-KEY',
  'X-Forwarded-For',
  'Idempotency-Key',
  'X-Request-Id',
  'Content-Type',
  'Content-Encoding',
  'Content-Length',
  'Transfer-Encoding',
  'Expect',
  'Host',
  'Upgrade',
  'Connection',
  '__proto__',
];
const VALUES = [
  '',
  'x',
  '5',
  '-1',
  'chunked',
  'Bearer a.b.c',
  'Basic ::',
  '100-continue',
  'websocket',
];

test('whatever arrives, the server answers with an envelope or hangs up, and lives', async () => {
  const api = await startApi({ trustedProxies: ['127.0.0.1'] });
  const exchange = async (bytes: Buffer): Promise<string> =>
    await new Promise((resolve) => {
      const socket = connect(api.port, '127.0.0.1', () => socket.end(bytes));
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
      socket.on('close', () => resolve(answer)).on('error', () => undefined);
    });
  const header = fc.tuple(
    fc.constantFrom(...NAMES),
    fc.oneof(fc.constantFrom(...VALUES), fc.string({ maxLength: 30 })),
  );
  const request = fc.record({
    method: fc.constantFrom(...METHODS),
    target: fc.oneof(fc.constantFrom(...TARGETS), fc.webPath()),
    headers: fc.array(header, { maxLength: 5 }),
    withKey: fc.boolean(),
    body: fc.oneof(fc.constant(''), fc.json(), fc.string()),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, target, headers, withKey, body }) => {
      const lines = [
        `${method} ${target} HTTP/1.1`,
        'Host: a',
        'Connection: close',
        ...(withKey ? [`X-API-KEY: ${api.tenant.apiKey}`] : []),
        ...headers.map(([name, value]) => `${name}: ${value}`),
        ...(body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
      ];
      const answer = await exchange(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`));
      for (const each of answer.split(/(?=HTTP\/1\.1 \d{3} )/)) {
        const [head = '', text = ''] = each.split('\r\n\r\n');
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
        expect(status, `${lines.join('\n')}\n${answer}`).not.toBe(500);
        if (text === '' || target.startsWith('/oauth')) continue;
        expect(JSON.parse(text)).toMatchObject({ success: status < 300, status });
        expect(head.toLowerCase()).toContain('x-request-id: ');
      }
    }),
    { numRuns: 400 },
  );
  expect((await api.call('GET', '/healthz')).status).toBe(200);
  await api.close();
});

test('what follows a request on its connection is never taken for the answer to it', async () => {
  const api = await startApi();
  const body = JSON.stringify(payoutBody());
  const lines = [`POST ${PAYOUTS} HTTP/1.1`, 'Host: a', `X-API-KEY: ${api.tenant.apiKey}`];
  const length = `Content-Length: ${body.length}`;
  for (let round = 0; round < 10; round += 1) {
    const text = `${[...lines, length].join('\r\n')}\r\n\r\n${body}nonsense\r\n\r\n`;
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(api.port, '127.0.0.1', () => socket.write(text));
      let all = '';
      socket.on('data', (chunk: Buffer) => (all += chunk.toString()));
      socket.on('close', () => resolve(all)).on('error', () => undefined);
    });
    expect(answer.slice(0, 12)).toMatch(/^(HTTP\/1\.1 201)?$/);
  }
  await api.close();
});
