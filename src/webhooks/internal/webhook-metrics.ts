import type { Counter, Gauge, Histogram, Meter } from '../../base/meter.ts';

/** What the worker tells of webhooks. */
export interface WebhookMetrics {
  readonly deliveries: Counter<'outcome'>;
  readonly durationSeconds: Histogram;
  readonly inFlight: Gauge;
}

/** Up to the time that one request has. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function webhookMetrics(meter: Meter): WebhookMetrics {
  return {
    deliveries: meter.counter<'outcome'>({
      name: 'knit_webhook_deliveries_total',
      help: 'Claimed deliveries by what came of them: each attempt that was sent, and what was not sent.',
      labels: ['outcome'],
    }),
    durationSeconds: meter.histogram({
      name: 'knit_webhook_delivery_duration_seconds',
      help: 'From the beginning of an attempt to its answer, or to where it was given up.',
      buckets: DURATION_BUCKETS,
    }),
    inFlight: meter.gauge({
      name: 'knit_webhook_in_flight',
      help: 'Deliveries that this worker has claimed and not yet recorded.',
    }),
  };
}
