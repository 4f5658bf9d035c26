import type { LookupFunction } from 'node:net';
import { Agent, request as httpRequest, type Dispatcher } from 'undici';
import { readExcerpt } from './internal/read-excerpt.ts';
import { checkTarget, type HostAddress, type TargetGuard } from './safe-target.ts';

export interface WebhookRequest {
  readonly endpointId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came of one request. `status` of a failed one: it began to answer, but did not end in time. */
export type SendOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly bodyExcerpt: string;
    }
  | { readonly kind: 'failed'; readonly reason: string; readonly status: number | null };

export interface Sender {
  /** Never throws: everything that can go wrong with a request is an outcome. */
  send(request: WebhookRequest): Promise<SendOutcome>;
  /** Breaks off what is being sent and closes every connection. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const MAX_AGENTS = 256;
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
  const agents = createAgents(timeoutMs);
  return {
    send: async (request) => {
      const progress: Progress = { status: null };
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      try {
        return await Promise.race([
          exchange({ request, progress, signal: deadline.signal }, options.guard, agents),
          aborted(deadline.signal),
        ]);
      } catch (error) {
        const reason = deadline.signal.aborted
          ? `no complete answer within ${timeoutMs / 1000} s`
          : reasonOf(error);
        return { kind: 'failed', reason, status: progress.status };
      } finally {
        clearTimeout(timer);
      }
    },
    close: async () => await agents.destroy(),
  };
}

interface Progress {
  status: number | null;
}

async function exchange(
  work: { request: WebhookRequest; progress: Progress; signal: AbortSignal },
  guard: TargetGuard,
  agents: Agents,
): Promise<SendOutcome> {
  const { request, progress, signal } = work;
  const target = await checkTarget(request.url, guard);
  if (target.kind !== 'safe') return { kind: 'failed', reason: target.reason, status: null };
  signal.throwIfAborted();
  const answer = await httpRequest(target.url, {
    method: 'POST',
    dispatcher: agents.agentFor(request.endpointId, target.addresses),
    headers: {
      ...request.headers,
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
    },
    body: request.body,
    signal,
  });
  progress.status = answer.statusCode;
  return {
    kind: 'answered',
    status: answer.statusCode,
    retryAfter: firstOf(answer.headers['retry-after']),
    bodyExcerpt: await readExcerpt(answer.body),
  };
}

/** Rejects when the time is over; undici itself does not listen while it still connects. */
async function aborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the time is over')), { once: true });
  });
}

interface Agents {
  agentFor(endpointId: string, addresses: readonly HostAddress[]): Dispatcher;
  destroy(): Promise<void>;
}

/**
 * One agent for an endpoint and the addresses that were checked for it, so that a kept connection is
 * used again only while the name still leads to the same place. The longest unused is closed first.
 */
function createAgents(timeoutMs: number): Agents {
  const agents = new Map<string, Agent>();
  let isClosed = false;
  return {
    agentFor: (endpointId, addresses) => {
      if (isClosed) throw new Error('the sender is closed');
      const key = [endpointId, ...addresses.map(({ address }) => address).toSorted()].join(' ');
      const agent = agents.get(key) ?? newAgent(addresses, timeoutMs);
      agents.delete(key);
      agents.set(key, agent);
      closeSurplus(agents);
      return agent;
    },
    destroy: async () => {
      isClosed = true;
      await Promise.all([...agents.values()].map(async (agent) => await agent.destroy()));
      agents.clear();
    },
  };
}

function newAgent(addresses: readonly HostAddress[], timeoutMs: number): Agent {
  return new Agent({
    connect: { lookup: pinned(addresses), timeout: timeoutMs },
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 30_000,
  });
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

function closeSurplus(agents: Map<string, Agent>): void {
  for (const [key, agent] of agents) {
    if (agents.size <= MAX_AGENTS) return;
    agents.delete(key);
    // Ends after what it is sending; that it could not end well concerns nobody any more.
    agent.close().catch(() => undefined);
  }
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
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
