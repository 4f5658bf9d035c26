import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

/** Structured log lines. `fields` holds identifiers and figures, never a secret or a whole request. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Names whose values never reach the log, at the top or one level down. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
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
  'accessToken',
  'webhookSecret',
  'privateKey',
  'treasuryMnemonic',
  'connectionString',
  // A provider's key is part of them.
  'rpcUrl',
  'rpcUrls',
]);

const REDACTED = [...SECRET_NAMES].flatMap((name) => [`["${name}"]`, `*["${name}"]`]);

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
    message: withoutPaths(message),
    code: 'code' in error ? error.code : undefined,
    stack: stack === undefined ? undefined : withoutPaths(stack),
    cause: namesOf(cause, depth + 1),
  };
}

/** Who is reached stays; a password before it, or a key after it, does not. Files of a stack are no URLs here. */
const URLS = /\b(?!file:)([a-z][a-z\d+.-]*:\/\/)(?:[^\s/?#"']*@)?([^\s/?#"')]*)[^\s"')]*/gi;

function withoutPaths(text: string): string {
  return text.replaceAll(URLS, '$1$2');
}

/** Logs as JSON lines to standard error, or to `destination`. */
export function createLog(
  options: { level: string; service: string },
  destination: DestinationStream = writeOnceATurn(pino.destination({ dest: 2, sync: true })),
): Log {
  const settings = {
    level: options.level,
    base: { service: options.service },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: (error: unknown) => namesOf(error) ?? withoutPaths(String(error)) },
  };
  const redact = { paths: REDACTED, censor: '[redacted]' };
  return withoutSecrets(pino(settings, destination), pino({ ...settings, redact }, destination));
}

/**
 * Redacting copies a whole line, several times as dear as writing it: so only the lines in which one of the
 * names stands are given to the log that redacts.
 */
function withoutSecrets(plain: Logger, redacting: Logger): Log {
  const logOf = (fields: object): Logger => (namesSecret(fields) ? redacting : plain);
  return {
    debug: (fields, message) => logOf(fields).debug(fields, message),
    info: (fields, message) => logOf(fields).info(fields, message),
    warn: (fields, message) => logOf(fields).warn(fields, message),
    error: (fields, message) => logOf(fields).error(fields, message),
    child: (fields) => {
      const child = redacting.child(fields);
      return withoutSecrets(namesSecret(fields) ? child : plain.child(fields), child);
    },
  };
}

/** At the top or one level down, as the paths have it. */
function namesSecret(fields: object): boolean {
  return Object.entries(fields).some(
    ([name, value]: [string, unknown]) =>
      SECRET_NAMES.has(name) ||
      (typeof value === 'object' &&
        value !== null &&
        Object.keys(value).some((inner) => SECRET_NAMES.has(inner))),
  );
}

/** Lines that are held for the end of the turn; beyond it they are written at once. */
const MOST_HELD_CHARACTERS = 65_536;

/**
 * Writes what is logged in one turn of the event loop at once: a server that answers many requests in a turn
 * makes one call of the system for their lines. Nothing is lost when the process ends, by an uncaught
 * exception or otherwise, unless it is killed.
 */
function writeOnceATurn(stream: DestinationStream): DestinationStream {
  let held = '';
  const write = (): void => {
    const lines = held;
    held = '';
    if (lines !== '') stream.write(lines);
  };
  process.on('exit', write);
  return {
    write: (line) => {
      if (held === '') setImmediate(write);
      held += line;
      if (held.length > MOST_HELD_CHARACTERS) write();
    },
  };
}

/** A log that keeps nothing, for tools whose answer is their only output. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
