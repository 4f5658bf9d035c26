import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  /** "127.0.0.1:port", as an allow-setting names it. */
  readonly target: string;
  readonly requests: Received[];
  /** Resolves when `count` requests have come in all. */
  received(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Decides what is answered to the request that came as number `index`, from 0. */
type Answer = (response: ServerResponse, index: number) => void;

/** A real HTTP server on loopback that keeps what it is sent. Default answer: an empty 200. */
export async function startReceiver(
  answer: Answer = (response) => response.end(),
): Promise<Receiver> {
  const requests: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const index = requests.push({
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      });
      for (const look of waiting) look();
      answer(response, index - 1);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${target}/hook`,
    target,
    requests,
    received: async (count) =>
      await new Promise((resolve) => {
        const look = (): void => {
          if (requests.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
