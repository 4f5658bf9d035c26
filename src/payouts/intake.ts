import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import type { Meter } from '../base/meter.ts';
import type { Database } from '../database/database.ts';
import { createPayout } from './create-payout.ts';
import type { CreateOutcome, PayoutOrder } from './payout-order.ts';

/** Where orders of payouts are taken in: those that come together are committed together. */
export interface Intake {
  /**
   * Resolves once the payout is committed. Throws the faults of {@link createPayout}, and OVERLOADED
   * or UNAVAILABLE (closed) where nothing was tried.
   */
  create(order: PayoutOrder): Promise<CreateOutcome>;
  /** Takes nothing more, and resolves once all that was taken has its outcome. */
  close(): Promise<void>;
}

export interface IntakeDeps {
  readonly database: Database;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly meter: Meter;
}

export interface IntakeLimits {
  /** Orders that wait for their turn; one more is refused. */
  readonly maxWaiting: number;
  /** An order that has waited longer when its turn comes is refused, not tried. */
  readonly maxWaitMs: number;
}

export function createIntake(deps: IntakeDeps, limits: IntakeLimits): Intake {
  const running = new Set<Promise<CreateOutcome>>();
  let isClosed = false;
  return {
    create: async (order) => {
      if (isClosed) throw new Fault('UNAVAILABLE', 'The service is stopping.');
      if (running.size >= limits.maxWaiting) {
        throw new Fault('OVERLOADED', 'The service is busy. Try again.');
      }
      const work = createPayout(deps, order);
      running.add(work);
      try {
        return await work;
      } finally {
        running.delete(work);
      }
    },
    close: async () => {
      isClosed = true;
      await Promise.allSettled(running);
    },
  };
}
