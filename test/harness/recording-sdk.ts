import { AsyncLocalStorage } from 'node:async_hooks';
import { writeSync } from 'node:fs';
import {
  context,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Context,
  type ContextManager,
  type Span,
  type SpanContext,
  type SpanOptions,
} from '@opentelemetry/api';

// What an operator loads before Knit (`--import`), as small as it can be: each span is a line of JSON on
// standard error when it ends.

let last = 0;

function startSpan(
  name: string,
  options: SpanOptions = {},
  within: Context = context.active(),
): Span {
  const parent = trace.getSpanContext(within);
  last += 1;
  const own: SpanContext = {
    traceId: parent?.traceId ?? String(last).padStart(32, 'a'),
    spanId: `${process.pid.toString(16)}e${last.toString(16)}`.padStart(16, '0'),
    traceFlags: 1,
  };
  const links: string[] = [];
  const end = (): void => {
    const kind = SpanKind[options.kind ?? SpanKind.INTERNAL];
    const { traceId, spanId } = own;
    const line = { span: name, kind, traceId, spanId, parent: parent?.spanId ?? null, links };
    writeSync(2, `${JSON.stringify(line)}\n`);
  };
  return Object.assign(trace.wrapSpanContext(INVALID_SPAN_CONTEXT), {
    spanContext: () => own,
    isRecording: () => true,
    addLinks: (more: readonly { readonly context: SpanContext }[]) => {
      links.push(...more.map((link) => link.context.traceId));
    },
    end,
  }) as Span;
}

function createContextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (within: Context, act: (...given: unknown[]) => unknown) => storage.run(within, act),
    bind: (_context: Context, target: unknown) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager as unknown as ContextManager;
}

const notUsed = (): never => {
  throw new Error('Knit starts no span so');
};
trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan, startActiveSpan: notUsed }) });
context.setGlobalContextManager(createContextManager());
