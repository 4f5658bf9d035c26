import type { PoolClient } from 'pg';
import { noMeter, type Meter } from '../base/meter.ts';
import { inChildSpan } from '../base/trace.ts';
import { createPool, type ConnectionPool } from './internal/pool.ts';
import { nameOf, type NamedStatement } from './internal/statement-name.ts';
import {
  CommitUnknown,
  ConnectionLost,
  endsSession,
  isReadOnly,
  isRetryable,
  isUnprepared,
  sqlState,
} from './sql-failure.ts';
import type { Statement } from './statement.ts';

/** One row as the driver gives it: bigint for int8 and numeric(…,0), Date for timestamptz. */
export type Row = Record<string, unknown>;

/** Anything that runs a statement: a transaction, or the pool for a single statement. */
export interface Queryable {
  query<R extends object = Row>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<R[]>;
}

export interface QueryOptions {
  /**
   * Asked all the time, in one of a few texts: a connection keeps it prepared, where it is a plain
   * statement and no pooler is in between.
   */
  readonly isRepeated?: boolean;
}

/** An open transaction. Never held across a network call (the chain's, a merchant's). */
export interface Tx extends Queryable {
  readonly inTransaction: true;
}

export interface Database extends Queryable {
  /**
   * Runs `work` in one READ COMMITTED transaction. A serialization failure or a deadlock runs it
   * again, whole, so `work` must have no effect but its statements. Throws {@link CommitUnknown}
   * where the connection was lost at COMMIT: the caller looks before it repeats.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Of this process, at this moment. */
  connections(): ConnectionCounts;
  close(): Promise<void>;
}

export interface ConnectionCounts {
  readonly idle: number;
  /** In use, or being opened. */
  readonly busy: number;
  /** Users that wait for a connection. */
  readonly waiting: number;
}

const MAX_TRIES = 8;

/** No transaction waits for anything but the database, so one that idles this long has stalled. */
const IDLE_IN_TRANSACTION_MS = 10_000;

const STATEMENT_TIMEOUT_MS = 30_000;

/**
 * The server ends a statement in time, and says so. Where it says nothing for so much longer, it or
 * the way to it is gone: without this a connection that was cut silently would be waited on for ever.
 */
const ANSWER_PATIENCE_MS = 5_000;
/**
 * A pool on `url`. A statement that runs longer than `statementTimeoutMs` is ended by the server, and
 * so is a transaction that idles: a stalled process does not keep its locks. A server that does not
 * answer for `answerPatienceMs` more is a lost connection.
 *
 * Behind `url` may be a pooler in transaction mode. It passes on no limits of a session, so a transaction
 * brings its own; a plain statement has those that the server sets for the role.
 */
export function createDatabase(
  url: string,
  options: {
    maxConnections?: number;
    statementTimeoutMs?: number;
    answerPatienceMs?: number;
    onIdleError?: (error: Error) => void;
    meter?: Meter;
  } = {},
): Database {
  const limits = {
    maxConnections: options.maxConnections ?? 10,
    statementTimeoutMs: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS,
    idleInTransactionMs: IDLE_IN_TRANSACTION_MS,
    answerPatienceMs: options.answerPatienceMs ?? ANSWER_PATIENCE_MS,
  };
  const pool = createPool(url, limits, (error) => options.onIdleError?.(error));
  const noteRetry = measure(options.meter ?? noMeter, () => pool.counts());
  const begin = beginWith(limits);
  const transaction: Database['transaction'] = async (work) =>
    await inChildSpan('database transaction', SPAN, async () => {
      return await retrying(async () => await once(pool, begin, work), noteRetry);
    });
  // The role's limit may be the standard one, and would end what is meant to take longer.
  const takesLong = limits.statementTimeoutMs > STATEMENT_TIMEOUT_MS;
  const plain = async <R extends object>(
    statement: Statement,
    isRepeated: boolean,
  ): Promise<R[]> =>
    isRepeated && pool.keepsStatements()
      ? await prepared(pool, statement)
      : await alone(pool, statement);
  return {
    query: async (text, values = [], { isRepeated = false } = {}) =>
      takesLong
        ? await transaction(async (tx) => await tx.query(text, values))
        : await inChildSpan('database statement', SPAN, async () => {
            return await plain({ text, values }, isRepeated);
          }),
    transaction,
    connections: () => pool.counts(),
    close: async () => {
      await pool.end();
    },
  };
}

/** The statements' texts are in the source, and their values are nobody's to record. */
const SPAN = { kind: 'client', attributes: { 'db.system.name': 'postgresql' } } as const;

/** One message, as three would be three round trips. */
function beginWith(limits: { statementTimeoutMs: number; idleInTransactionMs: number }): string {
  return `BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL statement_timeout = ${limits.statementTimeoutMs};
    SET LOCAL idle_in_transaction_session_timeout = ${limits.idleInTransactionMs}`;
}

type NoteRetry = (error: unknown) => void;

/** Gives what counts a transaction that runs again. */
function measure(meter: Meter, connections: () => ConnectionCounts): NoteRetry {
  const open = meter.gauge<'state'>({
    name: 'knit_database_connections',
    help: "Connections of this process's pool that are idle or busy, and users that wait for one.",
    labels: ['state'],
  });
  meter.beforeReading(() => {
    const { idle, busy, waiting } = connections();
    open.set({ state: 'idle' }, idle);
    open.set({ state: 'busy' }, busy);
    open.set({ state: 'waiting' }, waiting);
  });
  const retries = meter.counter<'reason'>({
    name: 'knit_database_retries_total',
    help: 'Transactions that ran again, after a deadlock or because they could not be put in an order.',
    labels: ['reason'],
  });
  return (error) => {
    retries.add({ reason: sqlState(error) === '40P01' ? 'deadlock' : 'serialization' });
  };
}

async function retrying<T>(attempt: () => Promise<T>, noteRetry: NoteRetry): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries >= MAX_TRIES || !isRetryable(error)) throw error;
      noteRetry(error);
    }
  }
}

/**
 * A server that does not know the name, or knows it already, is several that a pooler chooses from, and one
 * that says that the plan is of no use has other tables since. The statement was not begun: it runs as any other.
 */
async function prepared<R extends object>(
  pool: ConnectionPool,
  statement: Statement,
): Promise<R[]> {
  try {
    return await alone(pool, { ...statement, name: nameOf(statement) });
  } catch (error) {
    if (!isUnprepared(error)) throw error;
    pool.keepNoStatements();
    return await alone(pool, statement);
  }
}

/** A statement that is a transaction by itself. */
async function alone<R extends object>(
  pool: ConnectionPool,
  statement: NamedStatement,
): Promise<R[]> {
  const client = await pool.lend();
  let broken: Error | undefined;
  const noteBroken = (error: Error): void => {
    broken = error;
  };
  client.on('error', noteBroken);
  try {
    return await run(client, statement);
  } catch (error) {
    if (error instanceof ConnectionLost || isReadOnly(error)) broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}

async function once<T>(
  pool: ConnectionPool,
  begin: string,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const client = await pool.lend();
  let broken: Error | undefined;
  const noteBroken = (error: Error): void => {
    broken = error;
  };
  client.on('error', noteBroken);
  let committing = false;
  try {
    await run(client, { text: begin, values: [] });
    const result = await work({
      inTransaction: true,
      query: async (text, values = []) => await run(client, { text, values }),
    });
    committing = true;
    await commit(client);
    return result;
  } catch (error) {
    if (error instanceof ConnectionLost || isReadOnly(error)) broken ??= error as Error;
    else if (!committing) await rollBack(client, noteBroken);
    else if (sqlState(error) === undefined) broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}

async function commit(client: PoolClient): Promise<void> {
  let tag: string;
  try {
    tag = (await client.query('COMMIT')).command;
  } catch (error) {
    // An SQLSTATE of class 40 or 23 is the server's own word that nothing was committed.
    const state = sqlState(error);
    if (state !== undefined && /^(40|23)/.test(state) && state !== '40003') throw error;
    throw new CommitUnknown(error);
  }
  // The server answers ROLLBACK to a COMMIT of a transaction that an error had ended.
  if (tag !== 'COMMIT') throw new Error('the transaction had failed before its commit');
}

async function rollBack(client: PoolClient, noteBroken: (error: Error) => void): Promise<void> {
  try {
    await client.query('ROLLBACK');
  } catch (error) {
    noteBroken(error as Error);
  }
}

async function run<R extends object>(
  client: PoolClient,
  { name, text, values }: NamedStatement,
): Promise<R[]> {
  try {
    const query = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    const result = await client.query<R>(query);
    return result.rows;
  } catch (error) {
    if (endsSession(error)) throw new ConnectionLost(error);
    throw error;
  }
}
