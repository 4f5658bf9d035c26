import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import { problemOf, PROBLEMS } from './problem.ts';
import { requestIdOf } from './request-id.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** For a request that cannot be worked on because too many others are. */
export function overloaded(): Fault {
  return new Fault('OVERLOADED', PROBLEMS.OVERLOADED.example);
}

const OVERLOADED = problemOf(overloaded());

const HEADERS = {
  ...SECURITY_HEADERS,
  ...OVERLOADED.headers,
  'cache-control': 'no-store',
  'content-type': 'application/json; charset=utf-8',
  'content-length': Buffer.byteLength(OVERLOADED.body),
};

/**
 * Answers a request without the framework, whose work for one that is refused would be taken from those that are
 * not. Its body, if it has one, is not looked at.
 */
export function shedRequest(
  { ids }: { readonly ids: IdSource },
  { headers }: IncomingMessage,
  answer: ServerResponse,
): void {
  const requestId = requestIdOf(headers['x-request-id'], ids);
  answer.writeHead(OVERLOADED.status, { ...HEADERS, 'x-request-id': requestId });
  answer.end(OVERLOADED.body);
}
