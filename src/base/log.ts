import { pino, stdTimeFunctions, type DestinationStream } from 'pino';

/** Structured log lines. `fields` holds identifiers and figures, never a secret or a whole request. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Names whose values never reach the log, at the top or one level down. */
const REDACTED = [
  'authorization',
  'x-api-key',
  'apiKey',
  'secret',
  'clientSecret',
  'client_secret',
  'mnemonic',
  'masterKey',
  'databaseUrl',
  'password',
  'access_token',
].flatMap((name) => [`["${name}"]`, `*["${name}"]`]);

/** So far down are causes followed; an error may be its own cause. */
const MAX_CAUSES = 5;

interface ErrorNames {
  readonly type: string;
  readonly message: string;
  readonly code: unknown;
  readonly stack: string | undefined;
  readonly cause: ErrorNames | undefined;
}

/**
 * What names an error, and nothing else of it: drivers hang on their errors whole connections with
 * their keys, and rows with their values.
 */
function namesOf(error: unknown, depth = 0): ErrorNames | undefined {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return undefined;
  const { message, stack } = error;
  // A host with several addresses fails with one error for each.
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return {
    type: error.constructor.name,
    message,
    code: 'code' in error ? error.code : undefined,
    stack,
    cause: namesOf(cause, depth + 1),
  };
}

/** Logs as JSON lines to standard error, or to `destination`. */
export function createLog(
  options: { level: string; service: string },
  destination?: DestinationStream,
): Log {
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: (error: unknown) => namesOf(error) ?? String(error) },
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** A log that keeps nothing, for tools whose answer is their only output. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
