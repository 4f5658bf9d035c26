import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { carryOut, ControlMistake } from './control-over-http.ts';
import type { Json, SolanaChain, SolanaNode } from './chain-interface.ts';
import { isRecord } from './question.ts';
import { NodeSilence, RpcRefusal } from './rpc-error.ts';

export interface ServedChain {
  readonly rpcUrl: string;
  /** Breaks off whatever still waits for an answer. */
  close(): Promise<void>;
}

/**
 * The chain over HTTP, on the loopback interface only: `POST /` is the node "main", `POST /nodes/NAME` any
 * other, `POST /control/WHAT` the controls.
 */
export async function serveSolanaChain(
  chain: SolanaChain,
  options: { readonly port: number },
): Promise<ServedChain> {
  chain.openNode('main');
  const server = createServer((request, response) => {
    respond(chain, request, response).catch((error: unknown) => {
      if (error instanceof NodeSilence) return keepSilent(error, request);
      const message = error instanceof Error ? error.message : String(error);
      send(response, 500, { error: message });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return { rpcUrl: `http://127.0.0.1:${portOf(server)}`, close: async () => await close(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return address.port;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function keepSilent(silence: NodeSilence, request: IncomingMessage): void {
  if (silence.kind === 'breaks') request.socket.destroy();
}

async function respond(
  chain: SolanaChain,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://local');
  const [, room = '', name = ''] = pathname.split('/');
  if (request.method === 'GET' && room === 'health') return void response.end('ok');
  if (request.method !== 'POST')
    return send(response, 405, { error: 'POST is what is served here.' });
  const body = await readBody(request);
  if (body === null) return send(response, 413, { error: 'The body is too large.' });
  if (room === 'control') return control(response, () => carryOut(chain, name, parse(body)));
  if (room !== '' && room !== 'nodes') return send(response, 404, { error: 'No such path.' });
  const node = chain.openNode(room === 'nodes' ? decodeURIComponent(name) : 'main');
  await answerRpc(node, parse(body), response);
}

function control(response: ServerResponse, act: () => Json): void {
  try {
    send(response, 200, act());
  } catch (error) {
    if (!(error instanceof ControlMistake)) throw error;
    send(response, 400, { error: error.message });
  }
}

/** One question or, in an array, several. */
async function answerRpc(node: SolanaNode, body: Json | undefined, response: ServerResponse) {
  if (!Array.isArray(body)) {
    const answer = await answerOne(node, body);
    return send(response, isRecord(answer) && isTooMany(answer) ? 429 : 200, answer);
  }
  const answers: Json[] = [];
  for (const question of body as readonly Json[]) answers.push(await answerOne(node, question));
  send(response, 200, answers);
}

function isTooMany(answer: { readonly [name: string]: Json }): boolean {
  return isRecord(answer['error']) && answer['error']['code'] === 429;
}

async function answerOne(node: SolanaNode, question: Json | undefined): Promise<Json> {
  if (question === undefined) return failure(null, new RpcRefusal(-32_700, 'Parse error'));
  const id = isRecord(question) ? (question['id'] ?? null) : null;
  const method = isRecord(question) ? question['method'] : null;
  const params = isRecord(question) ? (question['params'] ?? []) : [];
  if (typeof method !== 'string' || !Array.isArray(params)) {
    return failure(id, new RpcRefusal(-32_600, 'Invalid request'));
  }
  try {
    const result = await node.request(method, params as readonly Json[]);
    return { jsonrpc: '2.0', result, id };
  } catch (error) {
    if (!(error instanceof RpcRefusal)) throw error;
    return failure(id, error);
  }
}

function failure(id: Json, { code, message, data }: RpcRefusal): Json {
  const error = data === null ? { code, message } : { code, message, data };
  return { jsonrpc: '2.0', error, id };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** What a validator takes: 50 KiB. */
const MAX_BODY_BYTES = 50 * 1_024;

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** u64::MAX has no double of its own: `rentEpoch` is put right on its way out. */
const MAX_U64_AS_DOUBLE = '18446744073709552000';
const MAX_U64 = '18446744073709551615';

function send(response: ServerResponse, status: number, body: Json): void {
  const text = JSON.stringify(body).replaceAll(MAX_U64_AS_DOUBLE, MAX_U64);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(text);
}
