import type { Meter } from '../../base/meter.ts';
import type { FaultCode } from '../../base/fault.ts';
import type { Outcome } from '../payout-order.ts';

export interface IntakeMetrics {
  readonly batch: (size: number) => void;
  readonly written: (seconds: number) => void;
  readonly outcome: (outcome: Outcome) => void;
}

type OutcomeLabel =
  | 'created'
  | 'replayed'
  | 'reference_taken'
  | 'key_reused'
  | 'account_missing'
  | 'balance_short'
  | 'overloaded'
  | 'unknown'
  | 'failed';

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `depth` is asked for how many orders wait, when the figures are read. */
export function intakeMetrics(meter: Meter, depth: () => number): IntakeMetrics {
  const sizes = meter.histogram({
    name: 'knit_intake_batch_size',
    help: 'Orders of payouts that were decided together.',
    buckets: BATCH_SIZES,
  });
  const commits = meter.histogram({
    name: 'knit_intake_commit_duration_seconds',
    help: 'How long the statement took that writes a batch of payouts, with its commit.',
    buckets: COMMIT_SECONDS,
  });
  const outcomes = meter.counter<'outcome'>({
    name: 'knit_intake_outcomes_total',
    help: 'Orders of payouts by what became of them.',
    labels: ['outcome'],
  });
  const waiting = meter.gauge({
    name: 'knit_intake_queue_depth',
    help: 'Orders of payouts that wait for their batch.',
  });
  meter.beforeReading(() => {
    waiting.set({}, depth());
  });
  return {
    batch: (size) => {
      sizes.observe({}, size);
    },
    written: (seconds) => {
      commits.observe({}, seconds);
    },
    outcome: (outcome) => {
      outcomes.add({ outcome: labelOf(outcome) });
    },
  };
}

function labelOf(outcome: Outcome): OutcomeLabel {
  return outcome.kind === 'refused' ? (LABELS[outcome.fault.code] ?? 'failed') : outcome.kind;
}

/** A refusal by any other fault is a mistake of ours. */
const LABELS: Readonly<Partial<Record<FaultCode, OutcomeLabel>>> = {
  VALIDATION_FAILED: 'reference_taken',
  IDEMPOTENCY_KEY_REUSED: 'key_reused',
  API_ACCOUNT_NOT_FOUND: 'account_missing',
  INSUFFICIENT_BALANCE: 'balance_short',
  OVERLOADED: 'overloaded',
};
