import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  trace as traceApi,
  type Attributes,
  type Context,
  type Link,
  type SpanContext,
  type SpanOptions as ApiOptions,
  type SpanStatus,
} from '@opentelemetry/api';
import { beforeEach, describe, expect, it } from 'vitest';
import { seededBytes } from '../../test/harness/seeded-bytes.ts';
import {
  beginTrace,
  formatTraceparent,
  inChildSpan,
  readTraceparent,
  resumeTrace,
  startSpan,
  type Trace,
} from './trace.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const random = seededBytes(7);

describe('a traceparent header', () => {
  it.each([
    [`00-${TRACE_ID}-${SPAN_ID}-01`, 1],
    [`00-${TRACE_ID}-${SPAN_ID}-00`, 0],
    // Bits that level 1 does not know are not passed on.
    [`00-${TRACE_ID}-${SPAN_ID}-ff`, 1],
    // A later version keeps these four fields and may add to them.
    [`cc-${TRACE_ID}-${SPAN_ID}-01-what-the-future-brings`, 1],
    [`01-${TRACE_ID}-${SPAN_ID}-00`, 0],
  ])('is read from %s', (header, flags) => {
    expect(readTraceparent(header)).toEqual({ traceId: TRACE_ID, spanId: SPAN_ID, flags });
  });

  it.each([
    ['nothing', undefined],
    ['an empty one', ''],
    ['the forbidden version', `ff-${TRACE_ID}-${SPAN_ID}-01`],
    ['more than version 00 has', `00-${TRACE_ID}-${SPAN_ID}-01-more`],
    ['a dash at the end', `00-${TRACE_ID}-${SPAN_ID}-01-`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN_ID}-01`],
    ['a span of zeros', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
    ['capital letters', `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`],
    ['a short trace', `00-${TRACE_ID.slice(1)}-${SPAN_ID}-01`],
    ['a long span', `00-${TRACE_ID}-${SPAN_ID}0-01`],
    ['no flags', `00-${TRACE_ID}-${SPAN_ID}`],
    ['two headers in one', `00-${TRACE_ID}-${SPAN_ID}-01, 00-${TRACE_ID}-${SPAN_ID}-01`],
    ['a line break', `00-${TRACE_ID}-${SPAN_ID}-01\n`],
    ['white space', ` 00-${TRACE_ID}-${SPAN_ID}-01`],
  ])('is not read from %s', (_what, header) => {
    expect(readTraceparent(header)).toBeUndefined();
  });

  it('is written as it was read', () => {
    const header = `00-${TRACE_ID}-${SPAN_ID}-01`;
    const read = readTraceparent(header);
    expect(read === undefined ? undefined : formatTraceparent(read)).toBe(header);
  });
});

describe('a trace', () => {
  it('is the one that came, or a new one', () => {
    const incoming: Trace = { traceId: TRACE_ID, spanId: SPAN_ID, flags: 1 };
    expect(beginTrace(random, incoming)).toBe(incoming);
    const first = beginTrace(random);
    const second = beginTrace(random);
    expect(first.traceId).not.toBe(second.traceId);
    for (const begun of [first, second]) {
      expect(readTraceparent(formatTraceparent(begun))).toEqual({ ...begun, isNew: undefined });
    }
  });

  it('goes on under its id with a span of its own', () => {
    const resumed = resumeTrace(random, TRACE_ID);
    expect(resumed).toMatchObject({ traceId: TRACE_ID, flags: 1 });
    expect(resumed.spanId).not.toBe(resumeTrace(random, TRACE_ID).spanId);
    expect(readTraceparent(formatTraceparent(resumed))).toEqual(resumed);
  });
});

describe('a span that nobody records', () => {
  it('hands its trace on, runs what it is given and ends', () => {
    const trace = beginTrace(random);
    const span = startSpan('work', { trace, attributes: { 'knit.part': 'test' } });
    expect(span).toMatchObject({ trace, isRecorded: false });
    expect(span.run(() => 7)).toBe(7);
    span.end(new Error('nobody hears'));
  });

  it('has a trace of zeros outside of every trace', () => {
    expect(startSpan('work').trace.traceId).toBe('0'.repeat(32));
  });
});

// Registered for the whole process, and from here on: what comes before runs without.
describe('a span that an SDK records', () => {
  interface Recorded {
    readonly name: string;
    readonly options: ApiOptions;
    readonly parent: SpanContext | undefined;
    readonly own: SpanContext;
    attributes: Attributes;
    status: SpanStatus | undefined;
    isEnded: boolean;
    links: string[];
  }
  const recorded: Recorded[] = [];

  beforeEach(() => {
    recorded.length = 0;
    if (
      traceApi.setGlobalTracerProvider({
        getTracer: () => ({ startSpan: record, startActiveSpan: never }),
      })
    ) {
      context.setGlobalContextManager(contextManager());
    }
  });

  function never(): never {
    throw new Error('is not used');
  }

  function record(name: string, options: ApiOptions = {}, within: Context = ROOT_CONTEXT) {
    const parent = traceApi.getSpanContext(within);
    const number = String(recorded.length + 1);
    const own: SpanContext = {
      traceId: parent?.traceId ?? number.padStart(32, 'a'),
      spanId: number.padStart(16, 'b'),
      traceFlags: 1,
    };
    const attributes = { ...options.attributes };
    const state = { status: undefined, isEnded: false, links: [] };
    const entry: Recorded = { name, options, parent, own, attributes, ...state };
    recorded.push(entry);
    const span = {
      ...traceApi.wrapSpanContext(INVALID_SPAN_CONTEXT),
      spanContext: () => own,
      isRecording: () => true,
      setAttribute: (key: string, value: string) => ((entry.attributes[key] = value), span),
      setAttributes: (more: Attributes) => (Object.assign(entry.attributes, more), span),
      setStatus: (status: SpanStatus) => ((entry.status = status), span),
      addEvent: () => span,
      addLink: () => span,
      addLinks: (links: readonly Link[]) => {
        entry.links.push(...links.map((link) => link.context.traceId));
        return span;
      },
      updateName: () => span,
      recordException: never,
      end: () => void (entry.isEnded = true),
    };
    return span;
  }

  function contextManager() {
    const storage = new AsyncLocalStorage<Context>();
    const manager = {
      active: () => storage.getStore() ?? ROOT_CONTEXT,
      with: (within: Context, act: (...given: unknown[]) => unknown) => storage.run(within, act),
      bind: (_context: Context, target: unknown) => target,
      enable: () => manager,
      disable: () => manager,
    };
    return manager as Parameters<typeof context.setGlobalContextManager>[0];
  }

  it('is part of the trace that came, and its own is handed on', () => {
    const incoming: Trace = { traceId: TRACE_ID, spanId: SPAN_ID, flags: 1 };
    const span = startSpan('POST /payouts', {
      trace: beginTrace(random, incoming),
      kind: 'server',
    });
    expect(recorded[0]).toMatchObject({
      name: 'POST /payouts',
      options: { kind: 1 },
      parent: { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1, isRemote: true },
    });
    expect(span.trace).toEqual({ traceId: TRACE_ID, spanId: recorded[0]?.own.spanId, flags: 1 });
  });

  it('begins a trace without a parent that does not exist', () => {
    const span = startSpan('POST /payouts', { trace: beginTrace(random) });
    expect(recorded[0]?.parent).toBeUndefined();
    expect(span.trace.traceId).toBe(recorded[0]?.own.traceId);
    expect(span.trace.isNew).toBeUndefined();
  });

  it('is the parent of what is started within it, awaited or not', async () => {
    const outer = startSpan('outer', { trace: beginTrace(random) });
    await outer.run(async () => {
      await Promise.resolve();
      startSpan('inner').end();
    });
    startSpan('beside').end();
    const [first, inner, beside] = recorded;
    expect(inner?.parent?.spanId).toBe(first?.own.spanId);
    expect(beside?.parent).toBeUndefined();
  });

  it('has children for what asks for one within it, and for nothing outside of it', async () => {
    const work = async (): Promise<number> => await Promise.resolve(7);
    expect(await inChildSpan('transaction', {}, work)).toBe(7);
    expect(recorded).toEqual([]);
    const outer = startSpan('outer', { trace: beginTrace(random) });
    expect(await outer.run(async () => await inChildSpan('transaction', {}, work))).toBe(7);
    const failing = outer.run(
      async () =>
        await inChildSpan('transaction', {}, async () => await Promise.reject(new Error('no'))),
    );
    await expect(failing).rejects.toThrow('no');
    expect(recorded).toMatchObject([
      { name: 'outer', isEnded: false },
      {
        name: 'transaction',
        isEnded: true,
        status: undefined,
        parent: { spanId: outer.trace.spanId },
      },
      { name: 'transaction', isEnded: true, status: { code: 2 } },
    ]);
  });

  it('ends with what is known then, and tells an error by its kind alone', () => {
    const done = startSpan('done', { attributes: { a: 1 } });
    done.end(undefined, { 'http.response.status_code': 201 });
    startSpan('failed').end(new TypeError('postgres://user:password@host'));
    expect(recorded).toMatchObject([
      {
        attributes: { a: 1, 'http.response.status_code': 201 },
        status: undefined,
        isEnded: true,
      },
      { attributes: { 'error.type': 'TypeError' }, status: { code: 2 }, isEnded: true },
    ]);
    expect(JSON.stringify(recorded)).not.toContain('password');
  });

  it('names the traces that it serves together', () => {
    const traces = [beginTrace(random), resumeTrace(random, TRACE_ID)];
    startSpan('commit', { links: () => traces }).end();
    expect(recorded[0]?.links).toEqual(traces.map((trace) => trace.traceId));
  });
});
