import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { BitcoinChain } from './bitcoin-chain.ts';
import { ControlMistake, createControls, type Controls } from './control-over-http.ts';

export interface ServedChain {
  /** Of the node "main"; `${rpcUrl}/nodes/NAME` is another. */
  readonly rpcUrl: string;
  /** Breaks off whatever still waits for an answer. */
  close(): Promise<void>;
}

/**
 * The chain over HTTP, on the loopback interface only. `POST /` and `POST /wallet/WALLET` are bitcoind's
 * JSON-RPC of the node "main", below `/nodes/NAME` that of any other; `POST /control/WHAT` the controls.
 * Any credentials will do.
 */
export async function serveBitcoinChain(
  chain: BitcoinChain,
  options: { readonly port: number },
): Promise<ServedChain> {
  chain.openNode('main');
  const controls = createControls(chain);
  const server = createServer((request, response) => {
    respond({ chain, controls }, request, response).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      send(response, 500, JSON.stringify({ error: message }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return { rpcUrl: `http://127.0.0.1:${portOf(server)}`, close: async () => await close(server) };
}

interface Served {
  readonly chain: BitcoinChain;
  readonly controls: Controls;
}

/** Blocks of 4 MB in hexadecimal, and then some. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

async function respond(
  { chain, controls }: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://local');
  if (request.method !== 'POST') {
    return send(response, 405, 'JSONRPC server handles only POST requests');
  }
  const body = await readBody(request);
  if (body === undefined) return send(response, 413, 'The body is too large.');
  const what = /^\/control\/(\w+)$/.exec(pathname)?.[1];
  if (what !== undefined) return control(response, () => controls.carryOut(what, parse(body)));
  const [, name = 'main', rest = pathname] = /^\/nodes\/([^/]+)(.*)$/.exec(pathname) ?? [];
  const node = chain.openNode(decodeURIComponent(name));
  const exchange = node.exchange(rest === '' ? '/' : rest, body);
  // Silence is a connection that stays open and says nothing, until the caller has had enough.
  if (exchange.kind === 'answer') send(response, exchange.status, exchange.body);
}

function control(response: ServerResponse, act: () => unknown): void {
  try {
    send(response, 200, JSON.stringify(act()));
  } catch (error) {
    if (!(error instanceof ControlMistake)) throw error;
    send(response, 400, JSON.stringify({ error: error.message }));
  }
}

function parse(body: string): unknown {
  if (body.trim() === '') return {};
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new ControlMistake('The body is not JSON.');
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
