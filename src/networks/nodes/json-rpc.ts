import type { Json } from '../../base/json.ts';
import { openHttpConnection, type HttpConnection } from './http-connection.ts';

/**
 * One JSON-RPC 2.0 endpoint over HTTP. A request is sent exactly once: whether to ask again is
 * for the caller to decide, who knows what the question costs.
 */
export interface RpcEndpoint {
  /** "node 1 of 2": endpoints often hold a secret in their URL, so no message ever shows the URL. */
  readonly label: string;
  /**
   * Gives the `result`, unread. Throws {@link RpcFailure}, or {@link RpcErrorAnswer} for `error`.
   * `path` is joined to the URL's own, for nodes that have more than one service there.
   */
  request(method: string, params: readonly Json[], path?: string): Promise<unknown>;
}

/** No usable answer: time-out, transport, an answer that does not parse or contradicts itself. */
export class RpcFailure extends Error {
  override readonly name: string = 'RpcFailure';
}

/** The node said nothing at all: time-out or transport. */
export class RpcSilence extends RpcFailure {
  override readonly name = 'RpcSilence';
}

/** The node answered the question with a JSON-RPC error object. */
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

/** The same endpoint, of which every question goes through `observe`. */
export function observedRpc(
  endpoint: RpcEndpoint,
  observe: <T>(question: () => Promise<T>) => Promise<T>,
): RpcEndpoint {
  return {
    label: endpoint.label,
    request: async (method, params, path) =>
      await observe(async () => await endpoint.request(method, params, path)),
  };
}

/** The most that an answer may weigh: a full block with its transactions is well below it. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** What reads the text of an answer; it throws where the text is not JSON. */
export type ReadJson = (text: string) => unknown;

/** Endpoints for `urls`, in the order of preference. `timeoutMs` bounds each call, body included. */
export function createRpcEndpoints(
  urls: readonly string[],
  timeoutMs: number,
  readJson?: ReadJson,
): RpcEndpoint[] {
  return urls.map((url, index) => {
    const label = `node ${index + 1} of ${urls.length}`;
    const target = readTarget(url, label);
    const limits = { timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES };
    const connection = openHttpConnection(target, limits);
    return createRpcEndpoint({ label, connection, readJson, hide: hidingSecretsOf(target) });
  });
}

/** An endpoint over a connection that is there already. */
export function createRpcEndpoint(options: {
  readonly label: string;
  readonly connection: HttpConnection;
  readonly readJson?: ReadJson | undefined;
  /** Takes out of a message of the node what nobody should see. */
  readonly hide?: (text: string) => string;
}): RpcEndpoint {
  const { label, connection, readJson = JSON.parse as ReadJson, hide = (text) => text } = options;
  let lastId = 0;
  return {
    label,
    async request(method, params, path) {
      lastId += 1;
      const id = lastId;
      const context = `${label}, ${method}`;
      const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
      const answer = await connection.post(body, path);
      if (answer.kind === 'silent') throw new RpcSilence(`${context}: ${answer.reason}`);
      if (answer.kind === 'too large') {
        throw new RpcFailure(`${context}: the answer is too large`);
      }
      return readAnswer(answer, { id, label, method, hide, readJson });
    },
  };
}

/** The URL of an endpoint. Throws an RpcFailure that does not show it. */
export function readTarget(text: string, label: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new RpcFailure(`${label}: the RPC URL is not a URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RpcFailure(`${label}: the RPC URL is neither http nor https`);
  }
  try {
    decodeURIComponent(`${url.username}${url.password}`);
  } catch {
    throw new RpcFailure(`${label}: the credentials in the RPC URL are not percent-encoded`);
  }
  return url;
}

/** Shorter parts of a URL are versions and names of chains. */
const SHORTEST_SECRET = 8;

/**
 * Takes what a URL keeps secret out of a text: providers repeat the key of a refused request, or all of its
 * URL, in their message.
 */
export function hidingSecretsOf(url: URL): (text: string) => string {
  const parts = [
    url.username,
    url.password,
    ...url.pathname.split('/'),
    ...url.search.split(/[?&=]/),
  ];
  const secrets = [...parts, ...parts.map(decodeQuietly), url.host]
    .filter((part) => part.length >= SHORTEST_SECRET)
    .toSorted((a, b) => b.length - a.length);
  return (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text);
}

function decodeQuietly(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Not the node's word on the question: no right to ask, too many questions, a gateway without a node. */
const REFUSALS: readonly number[] = [401, 402, 403, 429, 502, 503, 504];

/** Nodes send a JSON-RPC error with 2xx and with most of 4xx and 5xx, a result with 2xx alone. */
function readAnswer(
  answer: { readonly status: number; readonly text: string },
  question: Question,
): unknown {
  const context = `${question.label}, ${question.method}`;
  const { status } = answer;
  if (status < 200 || (status >= 300 && status < 400)) {
    throw new RpcFailure(`${context}: HTTP ${status}`);
  }
  const envelope = parseEnvelope(answer.text, question, context);
  if ('error' in envelope && REFUSALS.includes(status)) {
    throw new RpcFailure(`${context}: HTTP ${status}: ${plainText(envelope.error.message)}`);
  }
  if ('error' in envelope) {
    throw new RpcErrorAnswer(question.label, question.method, envelope.error);
  }
  if (status >= 300) throw new RpcFailure(`${context}: HTTP ${status} with a result`);
  return envelope.result;
}

interface Question {
  readonly id: number;
  readonly label: string;
  readonly method: string;
  /** Takes what a URL keeps secret out of a text. */
  readonly hide: (text: string) => string;
  readonly readJson: ReadJson;
}

type Envelope =
  | { readonly result: unknown }
  | { readonly error: { code: number; message: string; data: unknown } };

/** Source: JSON-RPC 2.0 §5: the version, the id of the question, and either result or error. */
function parseEnvelope(text: string, question: Question, context: string): Envelope {
  const { id, hide, readJson } = question;
  const answer = parseJson(text, context, readJson);
  if (!isRecord(answer) || answer['jsonrpc'] !== '2.0') {
    throw new RpcFailure(`${context}: the answer is not JSON-RPC 2.0`);
  }
  const error = answer['error'] ?? null;
  if (answer['id'] !== id) {
    // A node that could not read the question answers with an error and a null id.
    const said = error === null ? '' : `: ${parseError(error, context, hide).message}`;
    throw new RpcFailure(`${context}: the answer is to another question${plainText(said)}`);
  }
  if (error !== null) {
    if ((answer['result'] ?? null) !== null) {
      throw new RpcFailure(`${context}: both a result and an error`);
    }
    return { error: parseError(error, context, hide) };
  }
  if (!Object.hasOwn(answer, 'result')) throw new RpcFailure(`${context}: no result in the answer`);
  return { result: answer['result'] };
}

function parseJson(text: string, context: string, readJson: ReadJson): unknown {
  try {
    return readJson(text);
  } catch {
    throw new RpcFailure(`${context}: the answer is not JSON`);
  }
}

function parseError(
  error: unknown,
  context: string,
  hide: Question['hide'],
): { code: number; message: string; data: unknown } {
  if (!isRecord(error) || typeof error['code'] !== 'number') {
    throw new RpcFailure(`${context}: an error that is not JSON-RPC 2.0`);
  }
  const message = error['message'];
  return {
    code: error['code'],
    message: typeof message === 'string' ? hide(message) : 'no message',
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
