/**
 * Every way in which a request can be at fault. `http/problem.ts` maps each code to a status;
 * the compiler holds that table complete.
 */
export type FaultCode =
  | 'AUTHENTICATION_REQUIRED'
  | 'TOKEN_INVALID'
  | 'CLIENT_REVOKED'
  | 'API_KEY_INVALID'
  | 'IP_NOT_ALLOWED'
  | 'SCOPE_MISSING'
  | 'BODY_UNREADABLE'
  | 'BODY_TOO_LARGE'
  | 'ENCODING_UNSUPPORTED'
  | 'METHOD_NOT_ALLOWED'
  | 'VALIDATION_FAILED'
  | 'INSUFFICIENT_BALANCE'
  | 'NOT_FOUND'
  | 'API_ACCOUNT_NOT_FOUND'
  | 'API_ACCOUNT_EXISTS'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'IDEMPOTENCY_KEY_IN_FLIGHT'
  | 'RATE_LIMITED'
  | 'OVERLOADED'
  | 'UNAVAILABLE';

/** Field names in camelCase, each with its messages. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>;

/**
 * A failure that the caller can act on. `message` is safe to show to the caller;
 * `cause` is internal and only logged.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly fields: FieldErrors | undefined;

  constructor(
    code: FaultCode,
    message: string,
    detail: { fields?: FieldErrors; cause?: unknown } = {},
  ) {
    super(message, { cause: detail.cause });
    this.code = code;
    this.fields = detail.fields;
  }
}

/**
 * A validation fault. Its message is the first field's first message, followed by
 * " (and 1 more error)" or " (and N more errors)" where there are more.
 */
export function validationFault(fields: FieldErrors): Fault {
  const messages = Object.values(fields).flat();
  const more = messages.length - 1;
  const suffix = more < 1 ? '' : more === 1 ? ' (and 1 more error)' : ` (and ${more} more errors)`;
  const first = messages[0] ?? 'The request is invalid.';
  return new Fault('VALIDATION_FAILED', first + suffix, { fields });
}
