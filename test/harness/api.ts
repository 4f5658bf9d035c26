import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { later, systemClock, type Clock } from '../../src/base/clock.ts';
import { createIdSource, type IdSource } from '../../src/base/id.ts';
import { silentLog } from '../../src/base/log.ts';
import { noMeter } from '../../src/base/meter.ts';
import { systemRandom } from '../../src/base/random.ts';
import { VERSION } from '../../src/base/version.ts';
import { checkDatabase } from '../../src/database/check-database.ts';
import type { Database } from '../../src/database/database.ts';
import { CONTRACTS } from '../../src/http/operations.ts';
import { openApiDocument } from '../../src/http/contract.ts';
import { createServer, type ServerDeps } from '../../src/http/server.ts';
import { checkBooks } from '../../src/ledger/check-books.ts';
import { NETWORK_IDS } from '../../src/money/asset.ts';
import { createReadiness } from '../../src/metrics/readiness.ts';
import { createRegistry } from '../../src/networks/registry.ts';
import { createIntake } from '../../src/payouts/intake.ts';
import { createConformance } from './conforms.ts';
import { createTestDatabase } from './database.ts';
import { openTenant, type Tenant } from './tenant.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; undefined where there is none. */
  readonly json: AnswerBody;
}

/** What a test looks into. An answer's form is checked against the document, so this need not be exact. */
export interface AnswerBody {
  readonly success: boolean;
  readonly message: string;
  readonly status: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly errors?: Readonly<Record<string, readonly string[]>>;
  readonly pagination?: { readonly limit: number; hasMore: boolean; nextCursor: string | null };
}

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is; an object is written as JSON. */
  readonly body?: string | Uint8Array<ArrayBuffer> | object;
}

export interface Api {
  readonly url: string;
  readonly databaseUrl: string;
  readonly port: number;
  readonly database: Database;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly masterKey: Uint8Array;
  /** What the server was made of, for another one beside it. */
  readonly deps: ServerDeps;
  /** Funded with 1,000 USDT, 1,000 USDC and 1 BTC. */
  readonly tenant: Tenant;
  readonly otherTenant: Tenant;
  /** Moves the server's clock, and no other, forward. */
  readonly advance: (ms: number) => void;
  /** Without credentials. The answer must be one that the document allows. */
  readonly send: (method: string, path: string, options?: SendOptions) => Promise<ApiAnswer>;
  /** With the tenant's API key. */
  readonly call: (method: string, path: string, options?: SendOptions) => Promise<ApiAnswer>;
  /** Checks the books of both businesses and stops. */
  readonly close: () => Promise<void>;
}

/** The real server on a real socket and a real database, with two businesses. */
export async function startApi(
  overrides: Partial<ServerDeps> & { readonly host?: string } = {},
): Promise<Api> {
  const { host = '127.0.0.1', ...rest } = overrides;
  const { url: databaseUrl, database, drop } = await createTestDatabase({ maxConnections: 20 });
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => later(new Date(), aheadMs) };
  const ids = createIdSource(clock, systemRandom);
  const sources = { database, ids, random: systemRandom, clock };
  const tenant = await openTenant(sources);
  const otherTenant = await openTenant(sources);
  const masterKey = new Uint8Array(randomBytes(32));
  const intake = createIntake(
    { database, ids, clock, meter: noMeter },
    { maxWaiting: 1000, maxWaitMs: 10_000 },
  );
  const deps: ServerDeps = {
    database,
    intake,
    random: systemRandom,
    meter: noMeter,
    maxRequestsInFlight: 1000,
    maxConnections: 1000,
    registry: createRegistry(),
    enabledNetworks: NETWORK_IDS,
    ids,
    clock,
    log: silentLog,
    masterKey,
    trustedProxies: [],
    rateLimit: { perBusiness: 0, perAddress: 0 },
    isOwnWallet: () => Promise.resolve(false),
    confirmNow: () => Promise.resolve(),
    readiness: createReadiness(clock, {
      database: async () => await checkDatabase(rest.database ?? database, 1),
    }).check,
    version: VERSION,
    ...rest,
  };
  const server = createServer(deps);
  await server.listen({ host, port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const conformance = createConformance(openApiDocument(CONTRACTS, VERSION));
  const send: Api['send'] = async (method, path, options = {}) => {
    const answer = await request(url + path, method, options);
    if (answer.text !== '') conformance.check({ method, path, ...answer, body: answer.json });
    return answer;
  };
  return {
    url,
    databaseUrl,
    port,
    database,
    ids,
    clock,
    masterKey,
    deps,
    tenant,
    otherTenant,
    advance: (ms) => {
      aheadMs += ms;
    },
    send,
    call: async (method, path, options = {}) =>
      await send(method, path, {
        ...options,
        headers: { 'x-api-key': tenant.apiKey, ...options.headers },
      }),
    close: async () => {
      const books = await Promise.all(
        [tenant, otherTenant].map(async ({ businessId }) => await checkBooks(database, businessId)),
      );
      await server.close();
      await intake.close();
      await drop();
      expect(books).toEqual([[], []]);
    },
  };
}

async function request(
  url: string,
  method: string,
  { headers = {}, body }: SendOptions,
): Promise<ApiAnswer> {
  const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const answer = await fetch(url, {
    method,
    headers: { ...(isRaw ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
  const json = (isJson && text !== '' ? JSON.parse(text) : undefined) as AnswerBody;
  return { status: answer.status, headers: answer.headers, text, json };
}

/** The path of the payouts, and a body that the server takes. */
export const PAYOUTS = '/api/v1/payouts';
export const WALLETS = '/api/v1/business-api-services-wallets';

export function payoutBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    network: 'MATIC_MAINNET',
    token: 'USDT',
    amount: 0.02,
    toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
    ...changes,
  };
}

/** The statuses of answers, in order of size: who of several came first is not for a test to say. */
export function statusesOf(answers: readonly ApiAnswer[]): number[] {
  return answers.map(({ status }) => status).toSorted((a, b) => a - b);
}
