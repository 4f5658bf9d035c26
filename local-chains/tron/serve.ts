import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { controlAnswer, controlOf } from './control-routes.ts';
import { NodeTrouble } from './node.ts';
import type { TronChain } from './tron-chain.ts';

export interface ServedChain {
  /** Of the node called `main`. Any other is at `<rpcUrl>/nodes/<name>`. */
  readonly rpcUrl: string;
  close(): Promise<void>;
}

interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

const MAX_BODY_BYTES = 1_048_576;

/** Over HTTP, on the loopback interface alone. Port 0 takes a free one. */
export async function serveChain(chain: TronChain, port: number): Promise<ServedChain> {
  const server = createServer((request, response) => {
    handle(chain, request, response).catch((error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`${request.url ?? ''}: ${text}\n`);
      send(response, { status: 500, text, type: 'text/plain' });
    });
  });
  await listen(server, port);
  const { port: taken } = server.address() as AddressInfo;
  return {
    rpcUrl: `http://127.0.0.1:${taken}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

async function handle(
  chain: TronChain,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const text = await bodyOf(request);
  const control = /^\/control\/(\w+)$/.exec(url.pathname)?.[1];
  if (control !== undefined) {
    await handleControl(chain, { name: control, text, response });
    return;
  }
  const [, name = 'main', path = url.pathname] =
    /^\/nodes\/([a-z0-9-]{1,40})(\/.*)$/.exec(url.pathname) ?? [];
  try {
    const body = text === '' ? Object.fromEntries(url.searchParams) : parseOrNull(text);
    const answer = await chain.openNode(name).post(path, body);
    send(response, { status: 200, text: JSON.stringify(answer) });
  } catch (error) {
    if (!(error instanceof NodeTrouble)) throw error;
    show(error, request, response);
  }
}

/** What each trouble is over HTTP. A silent node keeps the connection, and its caller, waiting. */
function show(trouble: NodeTrouble, request: IncomingMessage, response: ServerResponse): void {
  switch (trouble.kind) {
    case 'silent':
      return;
    case 'refused':
      request.socket.destroy();
      return;
    case 'unavailable':
      send(response, {
        status: 503,
        text: '<html><body><h1>503 Service Unavailable</h1></body></html>',
        type: 'text/html',
      });
      return;
    case 'broken':
      send(response, { status: 200, text: '{"blockID":"0000' });
      return;
    case 'no such path':
      send(response, {
        status: 404,
        text: '<html><body><h2>HTTP ERROR 404 Not Found</h2></body></html>',
        type: 'text/html',
      });
      return;
  }
}

async function handleControl(
  chain: TronChain,
  { name, text, response }: { name: string; text: string; response: ServerResponse },
): Promise<void> {
  const control = controlOf(name);
  if (control === undefined) {
    send(response, { status: 404, text: JSON.stringify({ error: `there is no control ${name}` }) });
    return;
  }
  try {
    const body: unknown = text === '' ? {} : JSON.parse(text);
    const answer = await control(chain, body as Readonly<Record<string, unknown>>);
    send(response, { status: 200, text: controlAnswer(answer) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    send(response, { status: 400, text: JSON.stringify({ error: message }) });
  }
}

function send(
  response: ServerResponse,
  { status, text, type = 'application/json;charset=utf-8' }: HttpAnswer,
): void {
  response.writeHead(status, { 'content-type': type });
  response.end(text);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > MAX_BODY_BYTES) throw new Error('the body is too big');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What is not JSON is read as nothing, which no path takes for a question. */
function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return [];
  }
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve();
    });
  });
}
