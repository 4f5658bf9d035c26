import {
  context,
  isValidSpanId,
  isValidTraceId,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace as traceApi,
  type Context,
  type Link,
  type SpanContext,
} from '@opentelemetry/api';
import type { Random } from './random.ts';
import { VERSION } from './version.ts';

/** Where in a trace something happens (W3C Trace Context, level 1). */
export interface Trace {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero: what is done from here on is done for this span. */
  readonly spanId: string;
  /** Bit 0: whether somebody records this trace. */
  readonly flags: number;
  /** Present where the trace begins with us: then its first span has no parent. */
  readonly isNew?: true;
}

/** 32 hexadecimal digits of a trace, 16 of a span. */
const TRACE_BYTES = 16;
const SPAN_BYTES = 8;
const SAMPLED = 1;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * What a `traceparent` header says; undefined where it is missing or says nothing that may be believed.
 * Source: W3C Trace Context §3.2. A version that is not known yet is read as version 00, as §3.2.4 has it.
 */
export function readTraceparent(header: string | undefined): Trace | undefined {
  if (header === undefined) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(header) ?? [];
  if (version === undefined || version === 'ff') return undefined;
  if (version === '00' && more !== undefined) return undefined;
  if (!isValidTraceId(traceId) || !isValidSpanId(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & SAMPLED };
}

/** The trace that a caller began, or one of our own. */
export function beginTrace(random: Random, incoming?: Trace): Trace {
  if (incoming !== undefined) return incoming;
  const digits = hex(random, TRACE_BYTES + SPAN_BYTES);
  const traceId = digits.slice(0, TRACE_BYTES * 2);
  return { traceId, spanId: digits.slice(TRACE_BYTES * 2), flags: 0, isNew: true };
}

/**
 * Goes on, in another process or later, with a trace of which only the id was kept. Whether it was being
 * recorded was not kept: it is taken to be, so that what records here decides.
 */
export function resumeTrace(random: Random, traceId: string): Trace {
  return { traceId, spanId: hex(random, SPAN_BYTES), flags: SAMPLED };
}

/** The value of a `traceparent` header: 55 characters of version 00. */
export function formatTraceparent({ traceId, spanId, flags }: Trace): string {
  return `00-${traceId}-${spanId}-${(flags & SAMPLED) === SAMPLED ? '01' : '00'}`;
}

/** Names and values after OpenTelemetry's semantic conventions; never a secret. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  /** What the span is part of. Absent: the span within which this is called, if there is one. */
  readonly trace?: Trace;
  readonly attributes?: SpanAttributes;
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** The traces that are served together by it. Asked for only where somebody records. */
  readonly links?: () => readonly Trace[];
}

export interface Span {
  /** Of what is done within the span: goes into headers, log lines and further spans. */
  readonly trace: Trace;
  /** Whether anybody records it; what is dear to find out need not be found out otherwise. */
  readonly isRecorded: boolean;
  /** Runs `act` within the span: spans that are started meanwhile without a trace become its children. */
  run<T>(act: () => T): T;
  /** Ends the span, as failed where there is an `error`, and adds what is known only now. */
  end(error?: unknown, attributes?: SpanAttributes): void;
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Whatever the operator has loaded before us records; where nothing is loaded, nothing does. */
const tracer = traceApi.getTracer('knit', VERSION);

/**
 * Starts a span, which costs about a microsecond where nobody records. Whoever starts it ends it. Outside of
 * every trace its own is all zeros where nobody records.
 */
export function startSpan(name: string, options: SpanOptions = {}): Span {
  const { trace, attributes, kind = 'internal', links } = options;
  const parent = contextOf(trace);
  const span = tracer.startSpan(
    name,
    {
      kind: KINDS[kind],
      ...(attributes === undefined ? {} : { attributes: { ...attributes } }),
    },
    parent,
  );
  if (!span.isRecording()) {
    return { trace: trace ?? traceOf(span.spanContext()), isRecorded: false, run, end };
  }
  if (links !== undefined) span.addLinks(links().map(linkOf));
  return {
    trace: traceOf(span.spanContext()),
    isRecorded: true,
    run: (act) => context.with(traceApi.setSpan(parent, span), act),
    end: (error, known) => {
      if (known !== undefined) span.setAttributes({ ...known });
      if (error !== undefined) {
        const type = error instanceof Error ? error.constructor.name : typeof error;
        span.setAttribute('error.type', type);
        span.setStatus({ code: SpanStatusCode.ERROR, message: type });
      }
      span.end();
    },
  };
}

/**
 * Runs `act` in a span that is part of the one within which this is called, if that is recorded; else alone,
 * at the price of a look.
 */
export async function inChildSpan<T>(
  name: string,
  options: Omit<SpanOptions, 'trace'>,
  act: () => Promise<T>,
): Promise<T> {
  if (traceApi.getActiveSpan()?.isRecording() !== true) return await act();
  const span = startSpan(name, options);
  try {
    const result = await span.run(act);
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}

/** Of a span that nobody records. */
function run<T>(act: () => T): T {
  return act();
}

function end(): void {
  // Nobody records it.
}

function contextOf(trace: Trace | undefined): Context {
  if (trace === undefined) return context.active();
  if (trace.isNew === true) return ROOT_CONTEXT;
  return traceApi.setSpanContext(ROOT_CONTEXT, spanContextOf(trace));
}

function spanContextOf({ traceId, spanId, flags }: Trace): SpanContext {
  return { traceId, spanId, traceFlags: flags, isRemote: true };
}

function linkOf(trace: Trace): Link {
  return { context: spanContextOf(trace) };
}

function traceOf({ traceId, spanId, traceFlags }: SpanContext): Trace {
  return { traceId, spanId, flags: traceFlags };
}

function hex(random: Random, length: number): string {
  return Buffer.from(random.bytes(length)).toString('hex');
}
