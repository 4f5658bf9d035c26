import { Client, Pool, types, type ClientConfig, type PoolClient } from 'pg';
import { ConnectionLost, sqlState } from '../sql-failure.ts';

/** Connections that are lent, one user at a time. */
export interface ConnectionPool {
  /** Throws {@link ConnectionLost} where no server answers. */
  lend(): Promise<PoolClient>;
  /** Whether a statement that is prepared on a connection is there the next time. */
  keepsStatements(): boolean;
  /** From now on {@link keepsStatements} is false. */
  keepNoStatements(): void;
  counts(): { readonly idle: number; readonly busy: number; readonly waiting: number };
  end(): Promise<void>;
}

export interface PoolLimits {
  readonly maxConnections: number;
  readonly statementTimeoutMs: number;
  readonly idleInTransactionMs: number;
  /** How much longer than a statement may take its answer is waited for. */
  readonly answerPatienceMs: number;
}

const CONNECT_WITHIN_MS = 10_000;
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
 * Each connection asks the server for the limits of its session when it is opened. A pooler in transaction
 * mode refuses that, as the session is not one client's: then connections are opened without, and the limits
 * of a plain statement are those that the server itself sets for the role.
 */
export function createPool(
  url: string,
  limits: PoolLimits,
  onIdleError: (error: Error) => void,
): ConnectionPool {
  let asksForLimits = true;
  let keepsStatements = true;
  class AskingClient extends Client {
    constructor(config?: string | ClientConfig) {
      super(asksForLimits ? { ...asConfig(config), ...sessionLimits(limits) } : config);
    }
  }
  const pool = new Pool({
    Client: AskingClient,
    connectionString: url,
    max: limits.maxConnections,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    query_timeout: limits.statementTimeoutMs + limits.answerPatienceMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    types: { getTypeParser: readerOf },
  });
  // Without a listener a connection that breaks while idle would end the process, and so would one that
  // breaks on its way from the pool to its user or back: the server's last word and its answer to the
  // statement before it can arrive together.
  pool.on('error', onIdleError);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const lend = async (): Promise<PoolClient> => {
    const asked = asksForLimits;
    try {
      return await pool.connect();
    } catch (error) {
      if (sqlState(error) === undefined) throw new ConnectionLost(error);
      if (!asked || sqlState(error) !== PROTOCOL_VIOLATION) throw error;
      asksForLimits = false;
      return await lend();
    }
  };
  return {
    lend,
    keepsStatements: () => keepsStatements && asksForLimits,
    keepNoStatements: () => {
      keepsStatements = false;
    },
    counts: () => ({
      idle: pool.idleCount,
      busy: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
    }),
    end: async () => {
      await pool.end();
    },
  };
}

/** What pgbouncer answers to a startup parameter that it does not pass on; a server has no reason to. */
const PROTOCOL_VIOLATION = '08P01';

function asConfig(config: string | ClientConfig | undefined): ClientConfig {
  return typeof config === 'string' ? { connectionString: config } : { ...config };
}

function sessionLimits({ statementTimeoutMs, idleInTransactionMs }: PoolLimits): ClientConfig {
  return {
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
  };
}
