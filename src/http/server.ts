import helmet from '@fastify/helmet';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Meter } from '../base/meter.ts';
import type { Random } from '../base/random.ts';
import { beginTrace, readTraceparent, type Trace } from '../base/trace.ts';
import { createAccessTokenVerifier } from '../businesses/access-token.ts';
import { createApiKeyVerifier } from '../businesses/api-key.ts';
import { allowIp, plainAddress, proxyTrust } from './allow-ip.ts';
import { failure, type Answer } from './answer.ts';
import { authenticate, callerKnown, requireScope } from './authenticate.ts';
import type { JsonObject } from './json-number.ts';
import { createRateLimiter } from './limit-rate.ts';
import type { PublicOperation, TenantOperation } from './operation.ts';
import { publicOperations, tenantOperations, type OperationDeps } from './operations.ts';
import {
  allowedMethods,
  answerBrokenRequest,
  answerExpectation,
  createOpenRequests,
  frameworkProblemOf,
  lacksHost,
  NO_HOST,
} from './outside-routes.ts';
import { isOurs, problemOf } from './problem.ts';
import { readBody, type BodyHeaders } from './read-body.ts';
import { replay, type KeysInFlight } from './replay.ts';
import { requestIdOf } from './request-id.ts';
import type { PublicCall, Step, Visit } from './visit.ts';

export interface ServerDeps extends OperationDeps {
  readonly log: Log;
  readonly random: Random;
  readonly meter: Meter;
  /** Requests that are worked on at once; one more is answered 503. */
  readonly maxRequestsInFlight: number;
  /** The CIDRs of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Requests a minute; 0 is no limit. */
  readonly rateLimit: {
    /** Of a business with good credentials. */
    readonly perBusiness: number;
    /** Of an address: failed authentications, and requests for a token. */
    readonly perAddress: number;
  };
  /** How long a stop waits for the requests that it finds. */
  readonly closePatienceMs?: number;
}

/** A slower request than this is ended: nothing that is asked here takes so long to send. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Less than the ten seconds that many supervisors give a process before they kill it. */
const CLOSE_PATIENCE_MS = 8_000;

/** The API. Not listening yet. */
export function createServer(deps: ServerDeps): FastifyInstance {
  const open = createOpenRequests();
  const app = fastify({
    trustProxy: proxyTrust(deps.trustedProxies),
    genReqId: (request) => requestIdOf(request.headers['x-request-id'], deps.ids),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // The runtime's own answer has neither an id nor an envelope; ours is given below.
    http: { requireHostHeader: false },
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
  endConnections(app, deps.closePatienceMs ?? CLOSE_PATIENCE_MS);
  app.decorateRequest(VISIT);
  app.decorateRequest(CONTENT_TYPE);
  void app.register(helmet);
  app.addHook('onRequest', (request, reply, done) => {
    begin(request, reply, traceOf(request, deps.random));
    if (lacksHost(request.raw)) send(reply, failure({ status: 400, message: NO_HOST }));
    else done();
  });
  readBodiesOurselves(app);
  answerErrors(app, deps.log);
  logAnswers(app, deps.log);
  addRoutes(app, deps);
  return app;
}

/**
 * Once it closes, the runtime ends slow requests no more and waits for every connection that is not
 * idle: one half-sent request would keep the process for ever.
 */
function endConnections(app: FastifyInstance, patienceMs: number): void {
  app.addHook('preClose', (done) => {
    const timer = setTimeout(() => app.server.closeAllConnections(), patienceMs);
    app.server.once('close', () => clearTimeout(timer));
    done();
  });
}

/**
 * The way of every request, in running order. A step ends it by throwing the fault that it is
 * answered with; `problem.ts` turns that into a status.
 */
function addRoutes(app: FastifyInstance, deps: ServerDeps): void {
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
    addRoute(app, operation, {
      beforeBody: operation.steps ?? [],
      // The body is read here.
      act: async (call) => await operation.handle(call),
    });
  }
  for (const operation of tenantOperations(deps)) {
    const { method, path, access, takesIdempotencyKey } = operation.contract;
    addRoute(app, operation, {
      beforeBody: [
        authenticated,
        allowIp,
        requireScope(access),
        (visit) => businessRequests.take(callerKnown(visit).businessId),
      ],
      // The body is read here.
      act: async (call, visit) => {
        const tenantCall = { ...call, caller: callerKnown(visit), operation: `${method} ${path}` };
        return await replay({ ...deps, inFlight }, tenantCall, {
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
      for (const step of way.beforeBody) await step(visit);
    },
    handler: async (request, reply) => {
      const visit = visitOf(request);
      const answer = await way.act(callOf(request, visit), visit);
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

const VISIT = 'visit';
const CONTENT_TYPE = 'contentType';

/** Before anything else: the request gets its id, and its answer the headers that every answer has. */
function begin(request: FastifyRequest, reply: FastifyReply, trace: Trace): void {
  const { id: requestId, headers } = request;
  const ip: string | undefined = request.ip;
  const clientIp = plainAddress(ip);
  const visit: Visit = { requestId, trace, clientIp, headers, admission: undefined };
  request.setDecorator(VISIT, visit);
  nameAnswer(reply, requestId);
}

/** A header that stands twice names no one trace: then ours begins here. */
function traceOf({ headers }: FastifyRequest, random: Random): Trace {
  const { traceparent } = headers;
  return beginTrace(random, readTraceparent(typeof traceparent === 'string' ? traceparent : ''));
}

function nameAnswer(reply: FastifyReply, requestId: string): void {
  void reply.header('x-request-id', requestId).header('cache-control', 'no-store');
}

function visitOf(request: FastifyRequest): Visit {
  return request.getDecorator<Visit>(VISIT);
}

function callOf(request: FastifyRequest, visit: Visit): PublicCall {
  const { requestId, trace, clientIp, headers } = visit;
  return {
    requestId,
    trace,
    clientIp,
    headers,
    idempotencyKeys: request.raw.headersDistinct['idempotency-key'] ?? [],
    path: request.params as Record<string, string>,
    query: request.query as JsonObject,
    body: (request.body ?? {}) as JsonObject,
  };
}

/**
 * The framework would refuse a body whose Content-Type is malformed or unknown before anybody sees
 * it, so the header is put aside and one parser takes them all.
 */
function readBodiesOurselves(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addHook('onRequest', (request, _reply, done) => {
    request.setDecorator(CONTENT_TYPE, request.raw.headers['content-type']);
    delete request.raw.headers['content-type'];
    done();
  });
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: FastifyRequest['raw']) => {
    if (request.is404) return undefined;
    const headers: BodyHeaders = {
      contentType: request.getDecorator<string | undefined>(CONTENT_TYPE),
      contentEncoding: request.headers['content-encoding'],
    };
    return await readBody(payload, headers);
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

function logAnswers(app: FastifyInstance, log: Log): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { clientIp, admission, trace } = visitOf(request);
    const caller = admission?.caller;
    const fields = {
      requestId: request.id,
      traceId: trace.traceId,
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
      clientIp,
      businessId: caller?.businessId ?? null,
      credentialId: caller?.credentialId ?? null,
    };
    log.info(fields, 'request');
    done();
  });
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  return reply
    .code(answer.status)
    .headers({ ...answer.headers })
    .type('application/json; charset=utf-8')
    .send(answer.body);
}
