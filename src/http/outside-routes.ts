import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { IdSource } from '../base/id.ts';
import { failure, type Answer } from './answer.ts';
import type { OpenRequests } from './open-requests.ts';
import { CONTRACTS } from './operations.ts';

/** The methods that a path has; none where there is no such path. */
export function allowedMethods(url: string): string[] {
  const path = url.replace(/[?#].*$/s, '').replace(/\/$/, '');
  const methods = CONTRACTS.filter((contract) => patternOf(contract.path).test(path)).map(
    (contract) => contract.method,
  );
  if (methods.length === 0) return [];
  const heads = methods.includes('GET') ? ['HEAD'] : [];
  return [...methods, ...heads, 'OPTIONS'];
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

/** What the framework itself refused (a path that cannot be decoded); undefined for any other error. */
export function frameworkProblemOf(error: unknown): Answer | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('statusCode' in error)) return undefined;
  const { code, statusCode: status } = error;
  const isFrameworks = typeof code === 'string' && code.startsWith('FST_ERR_');
  if (!isFrameworks || typeof status !== 'number' || status < 400 || status > 499) return undefined;
  return failure({ status, message: STATUS_CODES[status] ?? 'Bad Request' });
}

/** Whether a request of HTTP/1.1 leaves out its Host, which is answered 400 (RFC 9112 §3.2). */
export function lacksHost({ httpVersionMinor, headers }: IncomingMessage): boolean {
  return httpVersionMinor > 0 && headers.host === undefined;
}

export const NO_HOST = 'The request has no Host header.';

/**
 * Answers what is no HTTP request that could be routed, and closes the connection. While a request
 * before it waits for its answer it only closes: its sender would take this answer for that one, and
 * a payout that was made for refused.
 */
export function answerBrokenRequest(
  { ids, open }: { readonly ids: IdSource; readonly open: Pick<OpenRequests, 'count'> },
  error: Error & { code?: string | undefined },
  socket: Socket,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable || open.count(socket) > 0) {
    socket.destroy();
    return;
  }
  const { status, body } = failure(brokenRequest(error.code));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${ids.next()}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Answers an Expect header that is not 100-continue, which the runtime itself answers. */
export function answerExpectation(answer: ServerResponse, ids: IdSource): void {
  const { status, body } = failure({ status: 417, message: 'The Expect header is not supported.' });
  answer.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'x-request-id': ids.next(),
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  answer.end(body);
}

function brokenRequest(code: string | undefined): { status: number; message: string } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, message: 'The request took too long to arrive.' };
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, message: 'The request headers are too large.' };
  }
  return { status: 400, message: 'The request is not valid HTTP.' };
}
