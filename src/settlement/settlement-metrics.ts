import type { Meter } from '../base/meter.ts';
import type { NetworkId } from '../money/asset.ts';

/** What became of a payout: `undone` goes back to the queue. */
export type PayoutFate = 'paid' | 'refused' | 'undone';

/** What settlement of one network counts as it works. */
export interface SettlementMetrics {
  /** An attempt is in the database, with so many payouts. */
  noteSigned(payouts: number): void;
  /** An attempt is final on chain, so long after it was recorded. */
  noteLanded(afterMs: number): void;
  /** An attempt is proven dead. */
  noteDead(): void;
  notePayouts(fate: PayoutFate, count: number): void;
}

const SIZES = [1, 2, 5, 10, 25, 50, 100, 150, 200, 250];
/** From seconds on Polygon to an hour on Bitcoin. */
const SECONDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400];

export function createSettlementMetrics(meter: Meter, network: NetworkId): SettlementMetrics {
  const attempts = meter.counter({
    name: 'knit_settlement_attempts_total',
    help: 'Attempts that were signed and recorded, landed for good, or are proven dead.',
    labels: ['network', 'fate'],
  });
  const payouts = meter.counter({
    name: 'knit_settlement_payouts_total',
    help: 'Payouts that were paid, refused, or went back to the queue.',
    labels: ['network', 'fate'],
  });
  const sizes = meter.histogram({
    name: 'knit_settlement_batch_size',
    help: 'Payouts of an attempt.',
    labels: ['network'],
    buckets: SIZES,
  });
  const durations = meter.histogram({
    name: 'knit_settlement_attempt_duration_seconds',
    help: 'From the record of an attempt until it was seen final.',
    labels: ['network'],
    buckets: SECONDS,
  });
  return {
    noteSigned: (count) => {
      attempts.add({ network, fate: 'signed' });
      sizes.observe({ network }, count);
    },
    noteLanded: (afterMs) => {
      attempts.add({ network, fate: 'landed' });
      durations.observe({ network }, afterMs / 1000);
    },
    noteDead: () => attempts.add({ network, fate: 'dead' }),
    notePayouts: (fate, count) => {
      if (count > 0) payouts.add({ network, fate }, count);
    },
  };
}
