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
