import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createServer } from '../../src/http/server.ts';
import { startApi } from '../harness/api.ts';

test('requests that are never sent to their end do not keep the server from closing', async () => {
  const api = await startApi();
  const server = createServer({ ...api.deps, patience: { closeMs: 100 } });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const halves = [
    '',
    'GET /heal',
    'POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab',
  ];
  const sockets = halves.map((half) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
    socket.resume().write(half);
    return socket;
  });
  await Promise.all(sockets.map(async (socket): Promise<unknown> => await once(socket, 'connect')));
  // The server has read the halves by the time that it answers this.
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const closed = sockets.map(async (socket): Promise<unknown> => await once(socket, 'close'));
  await server.close();
  await Promise.all(closed);
  await api.close();
});
