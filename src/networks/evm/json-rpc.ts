import type { Json } from '../../base/json.ts';

/**
 * One JSON-RPC 2.0 endpoint over HTTP. A request is sent exactly once: whether to ask again is
 * for the caller to decide, who knows what the question costs.
 */
export interface RpcEndpoint {
  /** "node 1 of 2": endpoints often hold a secret in their URL, so no message ever shows the URL. */
  readonly label: string;
  /** Gives the `result`, unread. Throws {@link RpcFailure}, or {@link RpcErrorAnswer} for `error`. */
  request(method: string, params: readonly Json[]): Promise<unknown>;
}

/** No usable answer: time-out, transport, an answer that does not parse or contradicts itself. */
export class RpcFailure extends Error {
  override readonly name: string = 'RpcFailure';
}

/** The node answered with a JSON-RPC error object. */
export class RpcErrorAnswer extends RpcFailure {
  override readonly name = 'RpcErrorAnswer';
  readonly code: number;
  readonly nodeMessage: string;
  readonly data: unknown;

  constructor(
    label: string,
    method: string,
    error: { code: number; message: string; data: unknown },
  ) {
    super(`${label}, ${method}: ${plainText(error.message)} (${error.code})`);
    this.code = error.code;
    this.nodeMessage = error.message;
    this.data = error.data;
  }
}

/** The most that an answer may weigh: a full block with its transactions is well below it. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Endpoints for `urls`, in the order of preference. `timeoutMs` bounds each call, body included. */
export function createRpcEndpoints(urls: readonly string[], timeoutMs: number): RpcEndpoint[] {
  return urls.map((url, index) =>
    createEndpoint({ url, timeoutMs, label: `node ${index + 1} of ${urls.length}` }),
  );
}

function createEndpoint(options: { url: string; timeoutMs: number; label: string }): RpcEndpoint {
  const { label, timeoutMs } = options;
  const target = targetOf(options.url, label);
  let lastId = 0;
  return {
    label,
    async request(method, params) {
      lastId += 1;
      const id = lastId;
      const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
      const context = `${label}, ${method}`;
      const answer = await post({ ...target, body, timeoutMs, context });
      const envelope = parseEnvelope(answer.text, id, context);
      if ('error' in envelope) throw new RpcErrorAnswer(label, method, envelope.error);
      if (!answer.ok) throw new RpcFailure(`${context}: HTTP ${answer.status} with a result`);
      return envelope.result;
    },
  };
}

/** fetch refuses credentials in a URL, so they become the header that they stand for. */
function targetOf(text: string, label: string): { url: string; headers: Record<string, string> } {
  if (!URL.canParse(text)) throw new RpcFailure(`${label}: the RPC URL is not a URL`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RpcFailure(`${label}: the RPC URL is neither http nor https`);
  }
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  return { url: url.href, headers };
}

interface HttpAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly text: string;
}

async function post(request: {
  url: string;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
  context: string;
}): Promise<HttpAnswer> {
  try {
    const response = await fetch(request.url, {
      method: 'POST',
      headers: request.headers,
      body: request.body,
      redirect: 'error',
      signal: AbortSignal.timeout(request.timeoutMs),
    });
    const text = await readBounded(response);
    return { ok: response.ok, status: response.status, text };
  } catch (error) {
    throw new RpcFailure(`${request.context}: ${transportReason(error, request.timeoutMs)}`);
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const body = response.body as AsyncIterable<Uint8Array> | null;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_ANSWER_BYTES) throw new RpcFailure('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Only codes of ours and of the system: fetch's own messages can repeat the URL. */
function transportReason(error: unknown, timeoutMs: number): string {
  if (error instanceof RpcFailure) return error.message;
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const cause: unknown = error.cause;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : null;
  return typeof code === 'string' ? `no answer (${code})` : 'no answer';
}

type Envelope =
  | { readonly result: unknown }
  | { readonly error: { code: number; message: string; data: unknown } };

/** Source: JSON-RPC 2.0 §5: the version, the id of the question, and either result or error. */
function parseEnvelope(text: string, id: number, context: string): Envelope {
  const answer = parseJson(text, context);
  if (!isRecord(answer) || answer['jsonrpc'] !== '2.0') {
    throw new RpcFailure(`${context}: the answer is not JSON-RPC 2.0`);
  }
  const error = answer['error'];
  if (error !== undefined && error !== null) {
    // A node that could not read the question answers with a null id; it still is no result.
    return { error: parseError(error, context) };
  }
  if (answer['id'] !== id) throw new RpcFailure(`${context}: the answer is to another question`);
  if (!Object.hasOwn(answer, 'result')) throw new RpcFailure(`${context}: no result in the answer`);
  return { result: answer['result'] };
}

function parseJson(text: string, context: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new RpcFailure(`${context}: the answer is not JSON`);
  }
}

function parseError(
  error: unknown,
  context: string,
): { code: number; message: string; data: unknown } {
  if (!isRecord(error) || typeof error['code'] !== 'number') {
    throw new RpcFailure(`${context}: an error that is not JSON-RPC 2.0`);
  }
  const message = error['message'];
  return {
    code: error['code'],
    message: typeof message === 'string' ? message : 'no message',
    data: error['data'],
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text of a stranger, fit for one line of a log or of an answer: printable ASCII, bounded. */
export function plainText(text: string): string {
  const line = text.replaceAll(/[^\x20-\x7e]+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
