import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Log } from '../../src/base/log.ts';
import { silentLog } from '../../src/base/log.ts';
import { createServer, type ServerDeps } from '../../src/http/server.ts';
import { PAYOUTS, payoutBody, startApi, type Api } from '../harness/api.ts';
import { createRecordingMeter } from '../harness/recording-meter.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Another server beside the first, whose payouts wait until they are let through. */
async function startServer(changes: Partial<ServerDeps> = {}) {
  const measured = createRecordingMeter();
  const gate = Promise.withResolvers<undefined>();
  let waiting = 0;
  const server = createServer({
    ...api.deps,
    meter: measured.meter,
    intake: {
      create: async (order) => {
        waiting += 1;
        await gate.promise;
        return await api.deps.intake.create(order);
      },
    },
    ...changes,
  });
  const sockets: Socket[] = [];
  server.server.on('connection', (socket: Socket) => sockets.push(socket));
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const port = Number(new URL(url).port);
  ends.push(async () => {
    gate.resolve(undefined);
    await server.close();
  });
  return {
    port,
    url,
    /** The server's ends of the connections, oldest first. */
    sockets,
    letThrough: () => gate.resolve(undefined),
    payoutsWaiting: async (count: number) => await vi.waitUntil(() => waiting === count),
    figure: async (name: string) => await measured.read(name),
    get: async (path: string) => await fetch(url + path),
    insist: async (): Promise<number> => {
      for (;;) {
        const { status } = await pay(url);
        if (status !== 503) return status;
      }
    },
    pay: async () => await pay(url),
  };
}

async function pay(url: string): Promise<Response> {
  const headers = { 'x-api-key': api.tenant.apiKey };
  return await fetch(url + PAYOUTS, { method: 'POST', headers, body: BODY });
}

const BODY = JSON.stringify(payoutBody());

/** The head of a request for a payout, and its body beside it. */
function payoutText(): { head: string; body: string } {
  const lines = [
    `POST ${PAYOUTS} HTTP/1.1`,
    'Host: x',
    `X-API-KEY: ${api.tenant.apiKey}`,
    `Content-Length: ${BODY.length}`,
  ];
  return { head: `${lines.join('\r\n')}\r\n\r\n`, body: BODY };
}

interface Client {
  readonly socket: Socket;
  /** Everything that came so far. */
  text(): string;
  readonly closed: Promise<unknown>;
}

async function dial(port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  // An end by a reset is an end as well.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  ends.push(() => Promise.resolve(socket.destroy()));
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

async function heard(client: Client, words: string | RegExp): Promise<void> {
  await vi.waitUntil(() => client.text().search(words) >= 0, { timeout: 5_000 });
}

describe('more requests at once than may be', () => {
  test('are answered 503 before their bodies are sent; what was taken is done', async () => {
    const server = await startServer({ maxRequestsInFlight: 2 });
    const taken = [server.pay(), server.pay()];
    await server.payoutsWaiting(2);
    const refused = await dial(server.port);
    refused.socket.write(payoutText().head);
    await heard(refused, /\}$/);
    expect(refused.text()).toMatch(/^HTTP\/1\.1 503 /);
    expect(refused.text()).toMatch(/\r\nretry-after: 1\r\n/i);
    expect(refused.text()).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/i);
    expect(refused.text()).toContain(
      '{"success":false,"message":"The service is busy. Try again.","status":503,"data":null}',
    );
    expect(await server.figure('http_requests_in_flight')).toEqual({ '': 2 });
    expect(await server.figure('http_requests_shed_total')).toEqual({ in_flight: 1 });
    server.letThrough();
    expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([201, 201]);
    expect((await server.pay()).status).toBe(201);
    expect(await server.figure('http_requests_in_flight')).toEqual({ '': 0 });
    expect(await server.figure('http_requests_total')).toEqual({
      [`POST,${PAYOUTS},201`]: 3,
      'POST,none,503': 1,
    });
    expect(await server.figure('http_request_duration_seconds')).toEqual({
      [`POST,${PAYOUTS}`]: 3,
    });
  });

  test('do not keep anybody from asking how the process is', async () => {
    const server = await startServer({ maxRequestsInFlight: 1 });
    const taken = server.pay();
    await server.payoutsWaiting(1);
    expect((await server.get('/healthz')).status).toBe(200);
    expect((await server.get('/readyz')).status).toBe(200);
    expect((await server.get('/api/v1/networks')).status).toBe(503);
    expect((await server.get('/healthz/?x=1')).status).toBe(200);
    expect((await server.get('/healthzz')).status).toBe(503);
    server.letThrough();
    expect((await taken).status).toBe(201);
  });

  test('are told of in the log together, and without a line each', async () => {
    const lines: [string, object, string][] = [];
    const log: Log = {
      ...silentLog,
      info: (fields, message) => void lines.push(['info', fields, message]),
      warn: (fields, message) => void lines.push(['warn', fields, message]),
      error: (fields, message) => void lines.push(['error', fields, message]),
    };
    const server = await startServer({ maxRequestsInFlight: 1, log });
    const taken = server.pay();
    await server.payoutsWaiting(1);
    for (let times = 0; times < 3; times += 1) {
      expect((await server.get('/api/v1/networks')).status).toBe(503);
    }
    api.advance(10_000);
    expect((await server.get('/api/v1/networks')).status).toBe(503);
    const words = 'requests are refused: as many are in flight as may be';
    expect(lines).toEqual([
      ['warn', { refused: 1, most: 1 }, words],
      ['warn', { refused: 3, most: 1 }, words],
    ]);
    server.letThrough();
    await taken;
  });
});

describe('no place is held by', () => {
  test('a body that is slow to come; it takes one when it is there', async () => {
    const server = await startServer({ maxRequestsInFlight: 3 });
    const { head, body } = payoutText();
    const [slow, late] = [await dial(server.port), await dial(server.port)];
    for (const { socket } of [slow, late]) socket.write(head + body.slice(0, 20));
    // Refused only while the credentials of those two are looked at.
    const paid = Array.from({ length: 3 }, async () => await server.insist());
    await server.payoutsWaiting(3);
    late.socket.write(body.slice(20));
    await heard(late, /^HTTP\/1\.1 503 [\s\S]*\r\nretry-after: 1\r\n/i);
    server.letThrough();
    expect(await Promise.all(paid)).toEqual([201, 201, 201]);
    slow.socket.write(body.slice(20));
    await heard(slow, /^HTTP\/1\.1 201 /);
  });

  test.each([
    ['before its body was sent', (head: string) => head],
    ['while its body was sent', (head: string, body: string) => head + body.slice(0, 20)],
    ['while its payout was made', (head: string, body: string) => head + body],
  ])('a client that went away %s', async (_, textOf) => {
    const server = await startServer({ maxRequestsInFlight: 1 });
    const { head, body } = payoutText();
    for (let times = 0; times < 3; times += 1) {
      const gone = await dial(server.port);
      gone.socket.write(textOf(head, body));
      // The server has read it by the time that it answers this.
      await server.get('/healthz');
      gone.socket.destroy();
      await gone.closed;
    }
    server.letThrough();
    await vi.waitUntil(async () => (await server.pay()).status === 201);
    expect(await server.figure('http_requests_in_flight')).toEqual({ '': 0 });
  });

  test('a client that does not read its answers; it is hung up on in the end', async () => {
    const patience = { answerMs: 300, checkEveryMs: 50 };
    const server = await startServer({ patience });
    server.letThrough();
    const mute = await dial(server.port);
    mute.socket.pause();
    const asked = 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n';
    // More than the buffers of a connection hold.
    for (let times = 0; times < 1_000; times += 1) mute.socket.write(asked);
    await vi.waitUntil(async () => (await server.figure('http_requests_in_flight'))[''] === 0);
    expect((await server.pay()).status).toBe(201);
    // Its own end hears of nothing while it does not read.
    await vi.waitUntil(() => server.sockets[0]?.destroyed, { timeout: 10_000 });
    mute.socket.resume();
    await mute.closed;
    expect(mute.text().match(/HTTP\/1\.1 200 /g)?.length).toBeLessThan(1_000);
    expect(await server.figure('http_requests_in_flight')).toEqual({ '': 0 });
  });
});

describe('a connection', () => {
  const patience = { headersMs: 200, requestMs: 400, checkEveryMs: 50 };

  test.each([
    ['nothing', ''],
    ['half a head', 'POST /api/v1/payouts HTTP/1.1\r\nHost: x\r\nX-Y: '],
  ])('that sends %s is closed', async (_, text) => {
    const server = await startServer({ patience });
    const client = await dial(server.port);
    client.socket.write(text);
    await client.closed;
    expect(client.text()).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  test('that sends a body byte by byte is closed', async () => {
    const server = await startServer({ patience });
    const client = await dial(server.port);
    const { head, body } = payoutText();
    client.socket.write(head);
    let sent = 0;
    const drip = setInterval(() => {
      client.socket.write(body[sent] ?? '');
      sent += 1;
    }, 20);
    await client.closed;
    clearInterval(drip);
    expect(sent).toBeLessThan(body.length);
    expect(client.text()).not.toContain('201');
  });

  test('one more than may be is closed at once, and counted', async () => {
    const server = await startServer({ maxConnections: 2 });
    const two = [await dial(server.port), await dial(server.port)];
    const third = await dial(server.port);
    await third.closed;
    expect(await server.figure('http_requests_shed_total')).toEqual({ connections: 1 });
    for (const { socket, closed } of two) {
      socket.destroy();
      await closed;
    }
    await vi.waitUntil(
      async () =>
        await server.get('/healthz').then(
          ({ ok }) => ok,
          () => false,
        ),
    );
  });
});
