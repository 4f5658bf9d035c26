import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

/**
 * POSTs JSON to one URL over connections that stay open. A body is sent exactly once, redirects are
 * not followed, and neither answers nor errors show the URL.
 */
export interface HttpConnection {
  /** `path` is joined to the URL's own: "wallet/getnowblock". */
  post(body: string, path?: string): Promise<HttpAnswer>;
}

export type HttpAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  /** Nothing whole came: time-out or transport. */
  | { readonly kind: 'silent'; readonly reason: string }
  | { readonly kind: 'too large' };

export interface HttpLimits {
  /** For a whole exchange, the answer's body included. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/** Servers keep idle connections for at least 5 s; one that is closed here first is never used late. */
const IDLE_MS = 4_000;
const MAX_CONNECTIONS = 64;

/** The `url` is http or https. Credentials in it become the header that they stand for. */
export function openHttpConnection(url: URL, limits: HttpLimits): HttpConnection {
  const secure = url.protocol === 'https:';
  const keep = { keepAlive: true, timeout: IDLE_MS, maxSockets: MAX_CONNECTIONS };
  const agent = secure ? new HttpsAgent(keep) : new HttpAgent(keep);
  const send = secure ? requestHttps : requestHttp;
  const target = { url: withoutCredentials(url), headers: headersFor(url) };
  return {
    post: async (body, path) =>
      await new Promise((resolve) => {
        const headers = { ...target.headers, 'content-length': Buffer.byteLength(body) };
        const request = send(under(target.url, path), { method: 'POST', agent, headers });
        const settle = (answer: HttpAnswer): void => {
          clearTimeout(timer);
          resolve(answer);
          if (answer.kind !== 'answered') request.destroy();
        };
        const timer = setTimeout(() => {
          settle({ kind: 'silent', reason: `no answer within ${limits.timeoutMs} ms` });
        }, limits.timeoutMs);
        const fail = (error: Error): void => {
          settle({ kind: 'silent', reason: transportReason(error) });
        };
        request.on('error', fail);
        request.on('response', (response) => {
          response.on('error', fail);
          collect(response, limits.maxAnswerBytes, settle);
        });
        request.end(body);
      }),
  };
}

function under(url: URL, path: string | undefined): URL {
  if (path === undefined) return url;
  const joined = new URL(url.href);
  joined.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
  return joined;
}

function collect(
  response: IncomingMessage,
  maxBytes: number,
  settle: (answer: HttpAnswer) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.byteLength;
    if (length > maxBytes) settle({ kind: 'too large' });
    else chunks.push(chunk);
  });
  response.on('end', () => {
    const text = Buffer.concat(chunks).toString('utf8');
    settle({ kind: 'answered', status: response.statusCode ?? 0, text });
  });
}

function headersFor(url: URL): Record<string, string> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'accept-encoding': 'identity',
  };
  if (url.username === '' && url.password === '') return headers;
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  // A provider that takes its key in a header of its own: https://tron-pro-api-key:KEY@host.
  if (/^[a-z-]+-api-key$/i.test(user)) return { ...headers, [user]: password };
  const pair = Buffer.from(`${user}:${password}`).toString('base64');
  return { ...headers, authorization: `Basic ${pair}` };
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url.href);
  bare.username = '';
  bare.password = '';
  return bare;
}

/** Only the system's codes: an error's own message can repeat the URL. */
function transportReason(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? `no answer (${code})` : 'no answer';
}
