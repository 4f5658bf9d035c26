import { startSpan, type Span, type Trace } from '../base/trace.ts';
import type { Order } from './order.ts';

/** Which payout, and under what trace it came in. */
export type TracedPayout = Pick<Order, 'payoutId' | 'traceId'>;

/**
 * Runs a step on payouts in a span of its own, which names their traces; each payout's trace gets a span of
 * the step as well. Where nobody records, only the step runs.
 */
export async function tracedStep<T>(
  name: string,
  payouts: readonly TracedPayout[],
  act: () => Promise<T>,
): Promise<T> {
  const batch = startSpan(name, {
    attributes: { 'knit.payouts': payouts.length },
    links: () => payouts.flatMap(traceOf),
  });
  if (!batch.isRecorded) return await act();
  const spans = [batch, ...payouts.flatMap((payout) => spansOf(name, payout, batch))];
  try {
    const result = await batch.run(act);
    for (const span of spans) span.end();
    return result;
  } catch (error) {
    for (const span of spans) span.end(error);
    throw error;
  }
}

function spansOf(name: string, payout: TracedPayout, batch: Span): Span[] {
  const attributes = { 'knit.payout.id': payout.payoutId };
  return traceOf(payout).map((trace) =>
    startSpan(name, { trace, attributes, links: () => [batch.trace] }),
  );
}

/**
 * Where the payout's trace goes on. Its span is made of the random end of the payout's id, so that all that
 * is done for one payout has the same parent.
 */
function traceOf({ payoutId, traceId }: TracedPayout): Trace[] {
  if (traceId === null) return [];
  return [{ traceId, spanId: payoutId.replaceAll('-', '').slice(16), flags: 1 }];
}
