import type { LookupFunction } from 'node:net';
import { Pool } from 'undici';
import { Exchange, type SendOutcome } from './internal/exchange.ts';
import {
  checkTarget,
  type HostAddress,
  type TargetCheck,
  type TargetGuard,
} from './safe-target.ts';

export interface WebhookRequest {
  readonly endpointId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type { SendOutcome };

export interface Sender {
  /** Never throws: everything that can go wrong with a request is an outcome. */
  send(request: WebhookRequest): Promise<SendOutcome>;
  /** Breaks off what is being sent and closes every connection. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const MAX_POOLS = 1024;
const USER_AGENT = 'Knit-Webhooks/1';

/**
 * Sends by HTTP/1.1 POST. Each request has `timeoutMs` (default 10 s) for everything: name, connection,
 * headers and body. Redirects are not followed. The target is checked before each request, and a
 * connection is made to a checked address only; it is kept for the endpoint's next request.
 */
export function createSender(options: {
  readonly guard: TargetGuard;
  readonly timeoutMs?: number;
}): Sender {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const pools = createPools(timeoutMs);
  return {
    send: async (request) =>
      await new Promise((resolve) => {
        const exchange = new Exchange((outcome) => {
          clearTimeout(timer);
          resolve(outcome);
        }, reasonOf);
        const timer = setTimeout(
          () => exchange.fail(`no complete answer within ${timeoutMs / 1000} s`),
          timeoutMs,
        );
        begin(exchange, request, { guard: options.guard, pools }).catch((error: unknown) =>
          exchange.fail(reasonOf(error)),
        );
      }),
    close: async () => await pools.destroy(),
  };
}

async function begin(
  exchange: Exchange,
  request: WebhookRequest,
  by: { readonly guard: TargetGuard; readonly pools: Pools },
): Promise<void> {
  const target = await checkTarget(request.url, by.guard);
  if (target.kind !== 'safe') {
    exchange.fail(target.reason);
    return;
  }
  if (exchange.isOver) return;
  const { url } = target;
  by.pools.poolFor(request.endpointId, target).dispatch(
    {
      method: 'POST',
      origin: url.origin,
      path: url.pathname + url.search,
      headers: {
        ...request.headers,
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
      },
      body: request.body,
    },
    exchange,
  );
}

type SafeTarget = Extract<TargetCheck, { kind: 'safe' }>;

interface Pools {
  poolFor(endpointId: string, target: SafeTarget): Pool;
  destroy(): Promise<void>;
}

/**
 * One pool of connections for an endpoint and the addresses that were checked for it, so that a kept
 * connection is used again only while the name still leads to the same place. The longest unused is closed
 * first.
 */
function createPools(timeoutMs: number): Pools {
  const pools = new Map<string, Pool>();
  let isClosed = false;
  return {
    poolFor: (endpointId, { url, addresses }) => {
      if (isClosed) throw new Error('the sender is closed');
      const places = addresses.map(({ address }) => address).toSorted();
      const key = [endpointId, url.origin, ...places].join(' ');
      const pool = pools.get(key) ?? new Pool(url.origin, connectionsTo(addresses, timeoutMs));
      pools.delete(key);
      pools.set(key, pool);
      closeSurplus(pools);
      return pool;
    },
    destroy: async () => {
      isClosed = true;
      await Promise.all([...pools.values()].map(async (pool) => await pool.destroy()));
      pools.clear();
    },
  };
}

function connectionsTo(addresses: readonly HostAddress[], timeoutMs: number): Pool.Options {
  return {
    connect: { lookup: pinned(addresses), timeout: timeoutMs },
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 30_000,
  };
}

/** Answers every look-up with the checked addresses. Not called where the host is an address. */
function pinned(addresses: readonly HostAddress[]): LookupFunction {
  return (hostname, options, callback) => {
    const wanted = addresses.filter(
      ({ family }) => (options.family !== 4 && options.family !== 6) || options.family === family,
    );
    const [first] = wanted;
    if (first === undefined) {
      callback(new Error(`${hostname} has no address of this family`), '', 0);
    } else if (options.all === true) {
      callback(null, [...wanted]);
    } else {
      callback(null, first.address, first.family);
    }
  };
}

function closeSurplus(pools: Map<string, Pool>): void {
  for (const [key, pool] of pools) {
    if (pools.size <= MAX_POOLS) return;
    pools.delete(key);
    // Ends after what it is sending; that it could not end well concerns nobody any more.
    pool.close().catch(() => undefined);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was broken off before an answer',
  EPIPE: 'the connection was broken off before an answer',
  UND_ERR_SOCKET: 'the connection was broken off before an answer',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection was broken off before an answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the host cannot be reached',
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too large",
};

/** The codes that Node takes from OpenSSL for a certificate, and its own for a wrong host name. */
const CERTIFICATE_PROBLEM = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;

/** Words for the merchant: what happened on the way, by its code alone. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (CERTIFICATE_PROBLEM.test(code)) return `the certificate was not accepted (${code})`;
  return REASONS[code] ?? `the request failed (${code})`;
}
