import { once } from 'node:events';
import { createServer } from 'node:net';
import { assert } from '../base/assert.ts';

/** A port of 127.0.0.1 that the system says is free. Somebody else may take it at any moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object', 'a TCP server has a port');
  server.close();
  await once(server, 'close');
  return address.port;
}
