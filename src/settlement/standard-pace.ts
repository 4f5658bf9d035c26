import type { SettlementPace } from './settlement.ts';

/** How a production worker paces itself. */
export const STANDARD_PACE: SettlementPace = {
  leaseMs: 20_000,
  batchWaitMs: 1_000,
  checkEveryMs: 1_000,
  checkIncludedEveryMs: 30_000,
  rebroadcastAfterMs: 15_000,
  replaceAfterMs: 45_000,
  reconcileEveryMs: 10_000,
  compareEveryMs: 600_000,
  waitMs: 5_000,
  idleMs: 250,
};

/** Public nodes promise to keep 16 waiting transactions of one account (go-ethereum's AccountSlots). */
export const STANDARD_MAX_WAITING_TRANSACTIONS = 16;

/**
 * What a transaction of 16,777,216 gas holds if a token uses all the 60,000 that it is given for each:
 * then a batch always runs to its end (decision 0012).
 */
export const STANDARD_MAX_BATCH_ORDERS = 250;

export const STANDARD_ROUND_SIZE = 500;
