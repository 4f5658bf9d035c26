import {
  createServer as createNodeServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Meter } from '../base/meter.ts';
import type { Random } from '../base/random.ts';
import { beginTrace, readTraceparent, startSpan, type Trace } from '../base/trace.ts';
import { createAccessTokenVerifier } from '../businesses/access-token.ts';
import { createApiKeyVerifier } from '../businesses/api-key.ts';
import { allowIp, plainAddress, proxyTrust } from './allow-ip.ts';
import { failure, type Answer } from './answer.ts';
import { authenticate, callerKnown, requireScope } from './authenticate.ts';
import type { JsonObject } from './json-number.ts';
import { createRateLimiter } from './limit-rate.ts';
import { createOpenRequests } from './open-requests.ts';
import type { PublicOperation, TenantOperation } from './operation.ts';
import {
  isServedWhenBusy,
  publicOperations,
  tenantOperations,
  type OperationDeps,
} from './operations.ts';
import {
  allowedMethods,
  answerBrokenRequest,
  answerExpectation,
  frameworkProblemOf,
  lacksHost,
  NO_HOST,
} from './outside-routes.ts';
import { isOurs, problemOf } from './problem.ts';
import { createBodyStores, readBody } from './read-body.ts';
import { replay, type KeysInFlight } from './replay.ts';
import { requestIdOf } from './request-id.ts';
import { methodLabel, recordRequests, requestCounter } from './request-records.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { overloaded, shedRequest } from './shed-request.ts';
import type { PublicCall, Step, Visit } from './visit.ts';
import { createWorkLimit, shedCounter, type WorkLimit } from './work-limit.ts';

export interface ServerDeps extends OperationDeps {
  readonly log: Log;
  readonly random: Random;
  readonly meter: Meter;
  /** Requests that are worked on at once; one more is answered 503. */
  readonly maxRequestsInFlight: number;
  readonly maxConnections: number;
  /** The CIDRs of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Requests a minute; 0 is no limit. */
  readonly rateLimit: {
    /** Of a business with good credentials. */
    readonly perBusiness: number;
    /** Of an address: failed authentications, and requests for a token. */
    readonly perAddress: number;
  };
  /** What differs from the standard. */
  readonly patience?: Partial<Patience>;
}

/** How slow a client may be. */
export interface Patience {
  /** For the head of a request, and for a connection's first byte. */
  readonly headersMs: number;
  /** For a whole request: nothing that is asked here takes long to send. */
  readonly requestMs: number;
  /** For the next request on a connection. */
  readonly idleMs: number;
  /** For an answer to be read. */
  readonly answerMs: number;
  /** How often it is looked at who was slower. */
  readonly checkEveryMs: number;
  /** How long a stop waits for the requests that it finds. */
  readonly closeMs: number;
}

const STANDARD_PATIENCE: Patience = {
  headersMs: 10_000,
  requestMs: 30_000,
  // Longer than the minute after which many proxies close a connection: who closes first has nothing to lose.
  idleMs: 72_000,
  answerMs: 30_000,
  checkEveryMs: 2_000,
  // Less than the ten seconds that many supervisors give a process before they kill it.
  closeMs: 8_000,
};

/** Of bodies that are on their way: many are slow only where somebody means them to be. */
const MOST_BODY_BYTES = { overall: 32 * 1024 * 1024, perOwner: 2 * 1024 * 1024 };

/** The API. Not listening yet. */
export function createServer(deps: ServerDeps): FastifyInstance {
  const patience = { ...STANDARD_PATIENCE, ...deps.patience };
  const open = createOpenRequests();
  const limit = createWorkLimit(deps, deps.maxRequestsInFlight);
  const app = fastify({
    serverFactory: (handle) => createHttpServer(patience, sparing(handle, limit, deps)),
    // Without proxies nothing that a request says of its sender is looked at.
    trustProxy: deps.trustedProxies.length > 0 && proxyTrust(deps.trustedProxies),
    genReqId: (request) => requestIdOf(request.headers['x-request-id'], deps.ids),
    // While the server closes it still answers what has reached it.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 8192 },
    frameworkErrors: (error, request, reply) => {
      // No hook has run, and the request has none of our properties.
      nameAnswer(reply, request.id);
      send(reply, frameworkProblemOf(error) ?? problemOf(error));
    },
    clientErrorHandler: (error, socket) =>
      answerBrokenRequest({ ids: deps.ids, open }, error, socket),
  });
  app.server.on('request', (request, answer) => open.begin(request.socket, answer));
  app.server.on('checkExpectation', (_request, answer) => answerExpectation(answer, deps.ids));
  limitConnections(app, deps);
  const unwatch = open.watch(patience);
  endConnections(app, { patienceMs: patience.closeMs, unwatch });
  app.decorateRequest(VISIT);
  beginRequests(app, deps);
  readBodiesOurselves(app, limit);
  answerErrors(app, deps.log);
  recordRequests(app, deps, visitOf);
  addRoutes(app, deps, limit);
  return app;
}

type Handle = (request: IncomingMessage, answer: ServerResponse) => void;

function createHttpServer(patience: Patience, handle: Handle): Server {
  return createNodeServer(
    {
      // The runtime's own answer has neither an id nor an envelope; ours is given by the hooks.
      requireHostHeader: false,
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      connectionsCheckingInterval: patience.checkEveryMs,
      keepAliveTimeout: patience.idleMs,
    },
    handle,
  );
}

/** While every place is taken only who asks how the process is gets as far as the framework. */
function sparing(handle: Handle, limit: WorkLimit, deps: ServerDeps): Handle {
  const requests = requestCounter(deps.meter);
  return (request, answer) => {
    if (!limit.isFull() || isServedWhenBusy(request.url ?? '')) {
      handle(request, answer);
      return;
    }
    limit.noteRefused();
    requests.add({ method: methodLabel(request.method), route: 'none', status: '503' });
    shedRequest(deps, request, answer);
  };
}

/** One connection more is closed as soon as it is made. */
function limitConnections(app: FastifyInstance, { maxConnections, meter }: ServerDeps): void {
  const shed = shedCounter(meter);
  app.server.maxConnections = maxConnections;
  app.server.on('drop', () => shed.add({ reason: 'connections' }));
}

/**
 * Once it closes, the runtime ends slow requests no more and waits for every connection that is not
 * idle: one half-sent request would keep the process for ever.
 */
function endConnections(
  app: FastifyInstance,
  { patienceMs, unwatch }: { readonly patienceMs: number; readonly unwatch: () => void },
): void {
  app.addHook('preClose', (done) => {
    const timer = setTimeout(() => app.server.closeAllConnections(), patienceMs);
    app.server.once('close', () => {
      clearTimeout(timer);
      unwatch();
    });
    done();
  });
}

/**
 * The way of every request, in running order. A step ends it by throwing the fault that it is
 * answered with; `problem.ts` turns that into a status.
 */
function addRoutes(app: FastifyInstance, deps: ServerDeps, limit: WorkLimit): void {
  const { clock, rateLimit, database, masterKey } = deps;
  const failures = createRateLimiter(clock, rateLimit.perAddress);
  const tokenRequests = createRateLimiter(clock, rateLimit.perAddress);
  const businessRequests = createRateLimiter(clock, rateLimit.perBusiness);
  const inFlight: KeysInFlight = new Set();
  const authenticated = authenticate({
    clock,
    failures,
    verifyApiKey: createApiKeyVerifier(database),
    verifyAccessToken: createAccessTokenVerifier({ db: database, masterKey }),
  });

  for (const operation of publicOperations({ ...deps, tokenRequests })) {
    const { contract, steps = [] } = operation;
    addRoute(app, operation, {
      limit: isServedWhenBusy(contract.path) ? undefined : limit,
      beforeBody: steps,
      // The body is read here.
      act: async (call) => await operation.handle(call),
    });
  }
  for (const operation of tenantOperations(deps)) {
    const { method, path, access, takesIdempotencyKey } = operation.contract;
    const name = `${method} ${path}`;
    addRoute(app, operation, {
      limit,
      beforeBody: [
        authenticated,
        allowIp,
        requireScope(access),
        (visit) => businessRequests.take(callerKnown(visit).businessId),
      ],
      // The body is read here.
      act: async (call, visit) => {
        const tenantCall = { ...call, caller: callerKnown(visit), operation: name };
        return await replay({ database, inFlight }, tenantCall, {
          takesKey: takesIdempotencyKey === true,
          act: async (request) => await operation.handle(tenantCall, request),
        });
      },
    });
  }
}

function addRoute(
  app: FastifyInstance,
  operation: PublicOperation | TenantOperation,
  way: {
    /** Undefined: it is served however many are. */
    readonly limit: WorkLimit | undefined;
    readonly beforeBody: readonly Step[];
    readonly act: (call: PublicCall, visit: Visit) => Promise<Answer>;
  },
): void {
  const { method, path } = operation.contract;
  const ownProblemOf = 'problemOf' in operation ? operation.problemOf : undefined;
  app.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    onRequest: async (request) => {
      const visit = visitOf(request);
      if (way.limit?.take(visit.place) === false) throw overloaded();
      await visit.span.run(async () => await walk(way.beforeBody, visit, way.limit));
    },
    handler: async (request, reply) => {
      const visit = visitOf(request);
      let answer: Answer;
      try {
        answer = await visit.span.run(async () => await way.act(callOf(request, visit), visit));
      } finally {
        // Before it is written: whoever reads it may take as long as he likes.
        way.limit?.give(visit.place);
      }
      return await send(reply, answer);
    },
    ...(ownProblemOf === undefined
      ? {}
      : {
          // What it throws goes on to the handler of all routes.
          errorHandler: (error, _request, reply) => {
            const answer = ownProblemOf(error);
            if (answer === undefined) throw error;
            send(reply, answer);
          },
        }),
  });
}

/** The place is kept for what comes after the steps. */
async function walk(
  steps: readonly Step[],
  visit: Visit,
  limit: WorkLimit | undefined,
): Promise<void> {
  try {
    for (const step of steps) {
      const waited = step(visit);
      if (waited !== undefined) await waited;
    }
  } catch (error) {
    limit?.give(visit.place);
    throw error;
  }
}

const VISIT = 'visit';

/** Before anything else: the request gets its id, and its answer the headers that every answer has. */
function beginRequests(app: FastifyInstance, { random }: Pick<ServerDeps, 'random'>): void {
  app.addHook('onRequest', (request, reply, done) => {
    request.setDecorator(VISIT, visitBy(request, random));
    nameAnswer(reply, request.id);
    reply.headers(SECURITY_HEADERS);
    if (lacksHost(request.raw)) send(reply, failure({ status: 400, message: NO_HOST }));
    else done();
  });
}

function visitBy(request: FastifyRequest, random: Random): Visit {
  const { id: requestId, headers, method } = request;
  const route = request.routeOptions.url ?? null;
  const ip: string | undefined = request.ip;
  const { 'content-type': contentType } = headers;
  // The framework would refuse a body whose Content-Type is malformed or unknown before anybody sees it.
  headers['content-type'] = undefined;
  return {
    requestId,
    clientIp: plainAddress(ip),
    headers,
    contentType,
    span: startSpan(route === null ? method : `${method} ${route}`, {
      trace: traceOf(headers, random),
      kind: 'server',
    }),
    route,
    place: { isHeld: false },
    admission: undefined,
  };
}

/** A header that stands twice names no one trace: then ours begins here. */
function traceOf({ traceparent }: IncomingHttpHeaders, random: Random): Trace {
  return beginTrace(
    random,
    typeof traceparent === 'string' ? readTraceparent(traceparent) : undefined,
  );
}

function nameAnswer(reply: FastifyReply, requestId: string): void {
  void reply.header('x-request-id', requestId).header('cache-control', 'no-store');
}

function visitOf(request: FastifyRequest): Visit {
  return request.getDecorator<Visit>(VISIT);
}

function callOf(request: FastifyRequest, visit: Visit): PublicCall {
  const { requestId, span, clientIp, headers } = visit;
  const hasKey = headers['idempotency-key'] !== undefined;
  return {
    requestId,
    trace: span.trace,
    clientIp,
    headers,
    idempotencyKeys: hasKey ? (request.raw.headersDistinct['idempotency-key'] ?? []) : [],
    path: request.params as Record<string, string>,
    query: request.query as JsonObject,
    body: (request.body ?? {}) as JsonObject,
  };
}

/** One parser takes all bodies. A request that waits for its body is not worked on meanwhile. */
function readBodiesOurselves(app: FastifyInstance, limit: WorkLimit): void {
  const storeOf = createBodyStores(MOST_BODY_BYTES);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: FastifyRequest['raw']) => {
    if (request.is404) return undefined;
    const { admission, clientIp, contentType, headers, place } = visitOf(request);
    const wasHeld = place.isHeld;
    limit.give(place);
    // Who has shown no credential is known by his address.
    const owner = admission?.caller.businessId ?? clientIp;
    const body = await readBody(
      payload,
      { contentType, contentEncoding: headers['content-encoding'] },
      storeOf(owner),
    );
    if (wasHeld && !limit.take(place)) throw overloaded();
    return body;
  });
}

function answerErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => {
    const answer = frameworkProblemOf(error) ?? problemOf(error);
    if (isOurs(error) && answer.status >= 500) {
      log.error({ err: error, requestId: request.id }, 'a request failed');
    }
    return send(reply, answer);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = allowedMethods(request.url);
    if (allowed.length === 0) {
      throw new Fault('NOT_FOUND', 'The requested resource was not found.');
    }
    void reply.header('allow', allowed.join(', '));
    if (request.method === 'OPTIONS') return reply.code(204).send();
    throw new Fault('METHOD_NOT_ALLOWED', `The method ${request.method} is not supported here.`);
  });
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  return reply
    .code(answer.status)
    .headers({ ...answer.headers })
    .type('application/json; charset=utf-8')
    .send(answer.body);
}
