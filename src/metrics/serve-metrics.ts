import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assert } from '../base/assert.ts';
import type { CheckReadiness } from '../base/readiness.ts';
import { VERSION } from '../base/version.ts';
import type { PrometheusMeter } from './prometheus-meter.ts';

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Those who look at a process are few, and ask for little. */
const MOST_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 30_000;

/**
 * For those who watch a process, on a port of its own that the public does not reach: `/metrics` in the
 * text format of Prometheus, `/healthz` (200 while the event loop turns), `/readyz` (200 or 503, with what was
 * looked at). Port 0 takes any. Throws what the system says where it cannot listen.
 */
export async function serveMetrics(deps: {
  readonly meter: PrometheusMeter;
  readonly readiness: CheckReadiness;
  readonly host: string;
  readonly port: number;
}): Promise<MetricsServer> {
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('request', (request, response) => void serve(deps, request, response));
  server.listen({ host: deps.host, port: deps.port });
  await once(server, 'listening');
  // A connection that could not be accepted, for want of files, must not end the process.
  server.on('error', () => undefined);
  return { port: portOf(server), close: async () => await close(server) };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  assert(typeof address === 'object' && address !== null, 'a server that listens has a port');
  return address.port;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function serve(
  deps: { readonly meter: PrometheusMeter; readonly readiness: CheckReadiness },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let reply: Reply;
  try {
    reply = await answer(deps, request);
  } catch {
    reply = words(500, 'The figures could not be read.');
  }
  response.writeHead(reply.status, {
    'content-type': reply.type,
    'content-length': Buffer.byteLength(reply.text),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : reply.text);
}

async function answer(
  { meter, readiness }: { readonly meter: PrometheusMeter; readonly readiness: CheckReadiness },
  request: IncomingMessage,
): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return words(405, 'Only GET.');
  const path = (request.url ?? '').replace(/\?.*$/, '');
  switch (path) {
    case '/metrics': {
      const { contentType, text } = await meter.read();
      return { status: 200, type: contentType, text };
    }
    case '/healthz':
      return json(200, { status: 'alive', version: VERSION });
    case '/readyz': {
      const { isReady, checks } = await readiness();
      return json(isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready', checks });
    }
    default:
      return words(404, 'Here are /metrics, /healthz and /readyz.');
  }
}

function json(status: number, body: object): Reply {
  return { status, type: 'application/json; charset=utf-8', text: `${JSON.stringify(body)}\n` };
}

function words(status: number, text: string): Reply {
  return { status, type: 'text/plain; charset=utf-8', text: `${text}\n` };
}
