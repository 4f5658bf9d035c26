import { Pool, types, type PoolClient } from 'pg';
import { noMeter, type Meter } from '../base/meter.ts';
import { CommitUnknown, ConnectionLost, isReadOnly, isRetryable, sqlState } from './sql-failure.ts';

/** One row as the driver gives it: bigint for int8 and numeric(…,0), Date for timestamptz. */
export type Row = Record<string, unknown>;

/** Anything that runs a statement: a transaction, or the pool for a single statement. */
export interface Queryable {
  query<R extends object = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
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
const KEEP_ALIVE_AFTER_MS = 10_000;

/** Whole numbers only: a numeric with a fraction is a mistake of the schema and throws. */
const exactReaders = new Map<number, (text: string) => unknown>([
  [types.builtins.INT8, BigInt],
  [types.builtins.NUMERIC, BigInt],
]);

const defaultReaderOf = types.getTypeParser as (oid: number, format?: string) => unknown;

function readerOf(oid: number, format?: string): unknown {
  const exact = format === 'binary' ? undefined : exactReaders.get(oid);
  return exact ?? defaultReaderOf(oid, format);
}

/**
 * A pool on `url`. A statement that runs longer than `statementTimeoutMs` is ended by the server, and
 * so is a transaction that idles: a stalled process does not keep its locks. A server that does not
 * answer for `answerPatienceMs` more is a lost connection.
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
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const pool = new Pool({
    connectionString: url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + (options.answerPatienceMs ?? ANSWER_PATIENCE_MS),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    types: { getTypeParser: readerOf },
  });
  // Without a listener a connection that breaks while idle would end the process, and so would one that
  // breaks on its way from the pool to its user or back: the server's last word and its answer to the
  // statement before it can arrive together.
  pool.on('error', (error) => options.onIdleError?.(error));
  pool.on('connect', (client) => client.on('error', () => undefined));
  const connections = (): ConnectionCounts => countConnections(pool);
  const noteRetry = measure(options.meter ?? noMeter, connections);
  return {
    query: async (text, values) => await run(pool, text, values),
    transaction: async (work) => await retrying(async () => await once(pool, work), noteRetry),
    connections,
    close: async () => {
      await pool.end();
    },
  };
}

function countConnections({ totalCount, idleCount, waitingCount }: Pool): ConnectionCounts {
  return { idle: idleCount, busy: totalCount - idleCount, waiting: waitingCount };
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

async function once<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await connect(pool);
  let broken: Error | undefined;
  const noteBroken = (error: Error): void => {
    broken = error;
  };
  client.on('error', noteBroken);
  let committing = false;
  try {
    await run(client, 'BEGIN ISOLATION LEVEL READ COMMITTED');
    const result = await work({
      inTransaction: true,
      query: async (text, values) => await run(client, text, values),
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

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    if (sqlState(error) === undefined) throw new ConnectionLost(error);
    throw error;
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
  runner: Pool | PoolClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  try {
    const result = await runner.query<R>(text, [...values]);
    return result.rows;
  } catch (error) {
    if (sqlState(error) === undefined) throw new ConnectionLost(error);
    throw error;
  }
}
