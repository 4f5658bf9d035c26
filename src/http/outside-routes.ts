import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { IdSource } from '../base/id.ts';
import { failure, type Answer } from './answer.ts';
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

/** Answers what is no HTTP request that could be routed, and closes the connection. */
export function answerBrokenRequest(
  error: Error & { code?: string | undefined },
  socket: Socket,
  ids: IdSource,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
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

function brokenRequest(code: string | undefined): { status: number; message: string } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, message: 'The request took too long to arrive.' };
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, message: 'The request headers are too large.' };
  }
  return { status: 400, message: 'The request is not valid HTTP.' };
}
