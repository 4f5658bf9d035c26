import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';

/** A webhook delivery as it arrived. */
export interface Delivery {
  /** ISO 8601, UTC. */
  readonly receivedAt: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Exactly what was signed. */
  readonly rawBody: string;
}

export interface Inbox {
  /** POST deliveries here. */
  readonly webhookUrl: string;
  /** GET lists the deliveries as a JSON array, oldest first; DELETE forgets them. */
  readonly inboxUrl: string;
  stop(): Promise<void>;
}

const KEPT_DELIVERIES = 10_000;
const MAX_BODY_BYTES = 1024 * 1024;

/** The sandbox's own webhook receiver, on 127.0.0.1. Keeps the newest deliveries, in memory. */
export async function startInbox(options: {
  readonly clock: Clock;
  /** Default: a free one. */
  readonly port?: number;
  /** How many deliveries are kept; default 10,000. */
  readonly kept?: number;
}): Promise<Inbox> {
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    answer(request, response, { ...options, deliveries }).catch(() => {
      // The sender broke off.
      response.destroy();
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object', 'a TCP server has a port');
  const base = `http://127.0.0.1:${address.port}`;
  return {
    webhookUrl: `${base}/webhooks`,
    inboxUrl: `${base}/inbox`,
    stop: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

interface State {
  readonly clock: Clock;
  readonly kept?: number;
  readonly deliveries: Delivery[];
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  state: State,
): Promise<void> {
  const path = request.url?.split('?')[0] ?? '/';
  switch (`${request.method} ${path}`) {
    case 'POST /webhooks':
      send(response, await receive(request, state));
      return;
    case 'GET /inbox':
      send(response, 200, JSON.stringify(state.deliveries));
      return;
    case 'DELETE /inbox':
      state.deliveries.length = 0;
      send(response, 204);
      return;
    default:
      send(response, 404);
  }
}

/** Stores a delivery and gives the status of the answer. */
async function receive(request: IncomingMessage, state: State): Promise<number> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Read to its end, so that the sender sees the answer; not kept.
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (length > MAX_BODY_BYTES) return 413;
  state.deliveries.push({
    receivedAt: state.clock.now().toISOString(),
    headers: flatten(request.headersDistinct),
    rawBody: Buffer.concat(chunks).toString('utf8'),
  });
  const surplus = state.deliveries.length - (state.kept ?? KEPT_DELIVERIES);
  if (surplus > 0) state.deliveries.splice(0, surplus);
  return 200;
}

/** A header that came once is a text, one that came more often a list. */
function flatten(headers: NodeJS.Dict<string[]>): Delivery['headers'] {
  const flat: Record<string, string | readonly string[]> = {};
  for (const [name, values = []] of Object.entries(headers)) {
    const [only] = values;
    if (only !== undefined) flat[name] = values.length === 1 ? only : values;
  }
  return flat;
}

function send(response: ServerResponse, status: number, json?: string): void {
  const headers = json === undefined ? {} : { 'content-type': 'application/json' };
  response.writeHead(status, headers).end(json);
}
