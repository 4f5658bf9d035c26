import { Fault, type FaultCode } from '../base/fault.ts';
import { isUnavailable } from '../database/sql-failure.ts';
import { failure, type Answer } from './answer.ts';
import { RateLimited } from './limit-rate.ts';

/** The status of each fault, and a message of its kind for the documents. */
export const PROBLEMS: Readonly<
  Record<FaultCode, { readonly status: number; readonly example: string }>
> = {
  AUTHENTICATION_REQUIRED: {
    status: 401,
    example: 'Authentication required. Provide a Bearer token.',
  },
  TOKEN_INVALID: { status: 401, example: 'Invalid or expired OAuth token' },
  CLIENT_REVOKED: { status: 401, example: 'OAuth client not found or has been revoked' },
  API_KEY_INVALID: { status: 401, example: 'Invalid API key' },
  IP_NOT_ALLOWED: { status: 401, example: 'IP address not whitelisted' },
  SCOPE_MISSING: {
    status: 401,
    example: 'Insufficient permissions. This action requires scope: payouts:write',
  },
  BODY_UNREADABLE: { status: 400, example: 'The request body is not valid JSON.' },
  BODY_TOO_LARGE: {
    status: 413,
    example: 'The request body must not be longer than 65536 bytes.',
  },
  ENCODING_UNSUPPORTED: {
    status: 415,
    example: 'A compressed request body is not supported.',
  },
  METHOD_NOT_ALLOWED: { status: 405, example: 'The method PUT is not supported here.' },
  VALIDATION_FAILED: { status: 422, example: 'The network field is required.' },
  INSUFFICIENT_BALANCE: { status: 400, example: 'Insufficient balance' },
  NOT_FOUND: { status: 404, example: 'Not found' },
  API_ACCOUNT_NOT_FOUND: { status: 404, example: 'Wallet not found for the specified token' },
  API_ACCOUNT_EXISTS: { status: 409, example: 'Payout wallet already exists' },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    example: 'The Idempotency-Key was used before with a different request.',
  },
  IDEMPOTENCY_KEY_IN_FLIGHT: {
    status: 409,
    example: 'A request with this Idempotency-Key is still being processed.',
  },
  RATE_LIMITED: { status: 429, example: 'Too many requests. Try again later.' },
  OVERLOADED: { status: 503, example: 'The service is busy. Try again.' },
  UNAVAILABLE: { status: 503, example: 'The service is unavailable for the moment. Try again.' },
};

/** How long a caller should wait for what is usually over in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** What is refused because there is too much of it at this moment may be asked again soon. */
const RETRY_WHEN_BUSY_SECONDS = 1;

/**
 * What a caller is told of an error. Only a fault's own message goes out; whatever else went wrong
 * is 503 where the database is away, and 500 otherwise.
 */
export function problemOf(error: unknown): Answer {
  if (error instanceof Fault) return faultAnswer(error);
  if (isUnavailable(error)) {
    return faultAnswer(new Fault('UNAVAILABLE', PROBLEMS.UNAVAILABLE.example));
  }
  return failure({ status: 500, message: INTERNAL_MESSAGE });
}

export const INTERNAL_MESSAGE =
  'Something went wrong on our side. The X-Request-Id of this answer names the case.';

/** Whether the error is for us to look into, and not for the caller; what is refused is counted. */
export function isOurs(error: unknown): boolean {
  if (error instanceof Fault && error.code === 'OVERLOADED') return false;
  return !(error instanceof Fault) || PROBLEMS[error.code].status >= 500;
}

function faultAnswer(fault: Fault): Answer {
  const { status } = PROBLEMS[fault.code];
  return failure({
    status,
    message: fault.message,
    errors: fault.fields,
    headers: headersOf(fault, status),
  });
}

function headersOf(fault: Fault, status: number): Record<string, string> {
  if (fault instanceof RateLimited) return { 'retry-after': String(fault.retryAfterSeconds) };
  if (fault.code === 'OVERLOADED') return { 'retry-after': String(RETRY_WHEN_BUSY_SECONDS) };
  if (status === 503) return { 'retry-after': String(RETRY_AFTER_SECONDS) };
  // RFC 9110 §15.5.2: an answer of 401 names a way to authenticate.
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  return {};
}
