import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { readinessOf, type Readiness } from '../base/readiness.ts';
import { createPrometheusMeter, type PrometheusMeter } from './prometheus-meter.ts';
import { serveMetrics, type MetricsServer } from './serve-metrics.ts';

let meter: PrometheusMeter;
let server: MetricsServer;
let readiness: Readiness = readinessOf({ database: 'ok' });

beforeAll(async () => {
  meter = createPrometheusMeter({ clock: systemClock });
  server = await serveMetrics({
    meter,
    readiness: async () => await Promise.resolve(readiness),
    host: '127.0.0.1',
    port: 0,
  });
});

afterAll(async () => {
  await server.close();
});

async function ask(path: string, method = 'GET'): Promise<Response> {
  return await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
}

describe('the port for those who watch', () => {
  it('tells the figures', async () => {
    meter.counter({ name: 'a_total', help: 'A.' }).add({}, 3);
    const answer = await ask('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('\na_total 3\n');
  });

  it('says that the process lives', async () => {
    const answer = await ask('/healthz?verbose');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: 'alive' });
  });

  it('says whether it can work, and why not', async () => {
    readiness = readinessOf({ database: 'ok', process: 'ok' });
    expect((await ask('/readyz')).status).toBe(200);
    readiness = readinessOf({ database: 'is not reachable', process: 'ok' });
    const answer = await ask('/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({
      status: 'not ready',
      checks: { database: 'is not reachable', process: 'ok' },
    });
  });

  it('has nothing else', async () => {
    expect((await ask('/')).status).toBe(404);
    expect((await ask('/api/v1/payouts')).status).toBe(404);
    expect((await ask('/metrics', 'POST')).status).toBe(405);
    const head = await ask('/healthz', 'HEAD');
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('closes although somebody keeps a connection open', async () => {
    const another = await serveMetrics({
      meter,
      readiness: async () => await Promise.resolve(readiness),
      host: '127.0.0.1',
      port: 0,
    });
    const socket = connect(another.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /metrics HTTP/1.1\r\n');
    socket.on('error', () => undefined);
    const ended = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    await another.close();
    await ended;
  });

  it('says what the system says where it cannot listen', async () => {
    const taken = { meter, readiness: async () => await Promise.resolve(readiness) };
    await expect(
      serveMetrics({ ...taken, host: '127.0.0.1', port: server.port }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
