/** The connection broke at COMMIT: the transaction may or may not have taken effect. */
export class CommitUnknown extends Error {
  override readonly name = 'CommitUnknown';

  constructor(cause: unknown) {
    super('the outcome of a commit is unknown', { cause });
  }
}

/**
 * The database could not be reached, or broke off. Of a transaction nothing took effect, because COMMIT was
 * not sent; a single statement outside one may have taken effect.
 */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';

  constructor(cause: unknown) {
    super('the database could not be reached', { cause });
  }
}

/** The five-character SQLSTATE of a server error; undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in error
    ? code
    : undefined;
}

/**
 * Whether the connection is gone, and with it the word on what the statement did: no server error at all, or
 * the last one of a session (classes 08 and 57P), which a pooler also sends in the name of a server that died.
 */
export function endsSession(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined || /^(08|57P)/.test(state);
}

/** Another session created the same table or type at this moment, or before. */
export function isDuplicateObject(error: unknown): boolean {
  return ['42P07', '42710'].includes(sqlState(error) ?? '');
}

/** 23505: a unique key. Which one is found out by looking, not by the constraint's name. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505';
}

/** 23514: a row does not meet a CHECK. */
export function isCheckViolation(error: unknown): boolean {
  return sqlState(error) === '23514';
}

/** 40001 serialization failure, 40P01 deadlock: the transaction had no effect and may run again. */
export function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

/**
 * What another transaction did meanwhile is in the way: a key that it took, a sum that it changed, a lock.
 * The statement had no effect, and may be right after what it rests on is read again.
 */
export function isRace(error: unknown): boolean {
  return isRetryable(error) || isUniqueViolation(error) || isCheckViolation(error);
}

/**
 * Whether a statement that is a transaction by itself had, by the server's own word, no effect: it was
 * refused for what it is or meets (SQLSTATE classes 0A, 21, 22, 23, 40, 42 and 54), or because the server
 * takes no writes. Any other failure may have come after the commit.
 */
export function hadNoEffect(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return (/^(0A|21|22|23|40|42|54)/.test(state) && state !== '40003') || isReadOnly(error);
}

/**
 * 26000: no prepared statement of that name; 42P05: there is one already; 0A000: what it gives has changed.
 * The statement was not begun.
 */
export function isUnprepared(error: unknown): boolean {
  return ['26000', '42P05', '0A000'].includes(sqlState(error) ?? '');
}

/**
 * 25006: the server takes no writes, as a primary does that has become a standby. Its connection must
 * not be kept: a new one may lead to the new primary.
 */
export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === '25006';
}

/**
 * Whether the database could not do its work, whatever the statement was: it is unreachable, starting,
 * stopping, out of connections, too slow or crowded (SQLSTATE classes 08, 40, 53 and 57, and the time
 * limits 25P03 and 25P04), or has become a standby. The same request may succeed later.
 */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof ConnectionLost || error instanceof CommitUnknown) return true;
  return isReadOnly(error) || /^(08|40|53|57|25P0[34])/.test(sqlState(error) ?? '');
}
