import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../base/log.ts';
import type { Counter, Meter } from '../base/meter.ts';
import type { Visit } from './visit.ts';

/** Seconds: from what an idle server needs to what a caller has given up on. */
const DURATION_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/**
 * Leaves a line, figures and the end of the span of each request that the framework saw. Of those that were refused
 * before it there is no line: the limit of work tells of them together.
 */
export function recordRequests(
  app: FastifyInstance,
  { log, meter }: { readonly log: Log; readonly meter: Meter },
  visitOf: (request: FastifyRequest) => Visit,
): void {
  const requests = requestCounter(meter);
  const durations = meter.histogram({
    name: 'http_request_duration_seconds',
    help: 'From the first byte of a request to the last of its answer.',
    labels: ['method', 'route'],
    buckets: DURATION_BUCKETS,
  });
  app.addHook('onResponse', (request, reply, done) => {
    const visit = visitOf(request);
    const method = methodLabel(request.method);
    const route = visit.route ?? 'none';
    requests.add({ method, route, status: String(reply.statusCode) });
    durations.observe({ method, route }, reply.elapsedTime / 1000);
    if (visit.span.isRecorded) endSpan(visit, request, reply);
    log.info(lineOf(visit, request, reply), 'request');
    done();
  });
}

export function requestCounter(meter: Meter): Counter<'method' | 'route' | 'status'> {
  return meter.counter({
    name: 'http_requests_total',
    help: 'Requests that were answered.',
    labels: ['method', 'route', 'status'],
  });
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);

/** A caller may send any method; a label has few values. */
export function methodLabel(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : 'other';
}

function endSpan(visit: Visit, request: FastifyRequest, reply: FastifyReply): void {
  const status = reply.statusCode;
  visit.span.end(status >= 500 ? new Error(`answered ${status}`) : undefined, {
    'http.request.method': request.method,
    'http.response.status_code': status,
    'client.address': visit.clientIp,
    ...(visit.route === null ? {} : { 'http.route': visit.route }),
  });
}

function lineOf(visit: Visit, request: FastifyRequest, reply: FastifyReply): object {
  const { clientIp, admission, span, route } = visit;
  const caller = admission?.caller;
  return {
    requestId: request.id,
    traceId: span.trace.traceId,
    method: request.method,
    route,
    status: reply.statusCode,
    durationMs: Math.round(reply.elapsedTime),
    clientIp,
    businessId: caller?.businessId ?? null,
    credentialId: caller?.credentialId ?? null,
  };
}
