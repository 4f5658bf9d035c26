import type { Json } from '../../base/json.ts';
import { openHttpConnection } from '../nodes/http-connection.ts';
import {
  hidingSecretsOf,
  isRecord,
  MAX_ANSWER_BYTES,
  plainText,
  readTarget,
  RpcFailure,
  RpcSilence,
} from '../nodes/json-rpc.ts';

/**
 * The HTTP API of one full node. A question is sent exactly once: whether to ask again is for the caller to
 * decide, who knows what it costs.
 */
export interface TronEndpoint {
  /** "node 1 of 2": no message ever shows a URL. */
  readonly label: string;
  /**
   * `path`: "wallet/getblock". Gives the parsed answer, unread. Throws {@link RpcFailure} where there is
   * none, and where it is java-tron's `{"Error": …}`, which comes with HTTP 200.
   */
  request(path: string, body: Json): Promise<unknown>;
}

/** The node, or what stands before it, wants fewer questions: later it may answer. */
export class NodeBusy extends RpcFailure {
  override readonly name = 'NodeBusy';
}

/** java-tron's own limiter, and that of providers, in the words of their errors. */
const BUSY_WORDS = /lack of computing resources|frequency|rate limit/i;
const BUSY_STATUSES: readonly number[] = [429, 503];

/** Endpoints for base URLs, in the order of preference. `timeoutMs` bounds each call, body included. */
export function createTronEndpoints(urls: readonly string[], timeoutMs: number): TronEndpoint[] {
  return urls.map((url, index) =>
    createEndpoint(url, { timeoutMs, label: `node ${index + 1} of ${urls.length}` }),
  );
}

/** The same endpoint, of which every question goes through `observe`. */
export function observedEndpoint(
  endpoint: TronEndpoint,
  observe: <T>(question: () => Promise<T>) => Promise<T>,
): TronEndpoint {
  return {
    label: endpoint.label,
    request: async (path, body) => await observe(async () => await endpoint.request(path, body)),
  };
}

function createEndpoint(
  url: string,
  { label, timeoutMs }: { readonly label: string; readonly timeoutMs: number },
): TronEndpoint {
  const target = readTarget(url, label);
  const limits = { timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES };
  const connection = openHttpConnection(target, limits);
  const hide = hidingSecretsOf(target);
  return {
    label,
    async request(path, body) {
      const context = `${label}, ${path}`;
      const answer = await connection.post(JSON.stringify(body), path);
      if (answer.kind === 'silent') throw new RpcSilence(`${context}: ${answer.reason}`);
      if (answer.kind === 'too large') {
        throw new RpcFailure(`${context}: the answer is too large`);
      }
      return readBody(answer, { context, hide });
    },
  };
}

/** Only 200 is the node's word: everything else is a gateway's, or an error of its server. */
export function readBody(
  { status, text }: { readonly status: number; readonly text: string },
  { context, hide }: { readonly context: string; readonly hide: (text: string) => string },
): unknown {
  if (BUSY_STATUSES.includes(status)) throw new NodeBusy(`${context}: HTTP ${status}`);
  if (status !== 200) throw new RpcFailure(`${context}: HTTP ${status}`);
  const answer = parseJson(text, context);
  const error = isRecord(answer) ? answer['Error'] : undefined;
  if (error === undefined) return answer;
  const words = typeof error === 'string' ? plainText(hide(error)) : 'an error without a message';
  const Failure = BUSY_WORDS.test(words) ? NodeBusy : RpcFailure;
  throw new Failure(`${context}: ${words}`);
}

function parseJson(text: string, context: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new RpcFailure(`${context}: the answer is not JSON`);
  }
}
