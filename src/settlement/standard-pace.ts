import type { SettlementPace } from './settlement.ts';

/** How a production worker paces itself. */
export const STANDARD_PACE: SettlementPace = {
  leaseMs: 20_000,
  checkEveryMs: 1_000,
  rebroadcastAfterMs: 15_000,
  waitMs: 5_000,
  idleMs: 250,
};

/** Public nodes keep 64 waiting transactions of one account (the default of go-ethereum). */
export const STANDARD_MAX_WAITING_ATTEMPTS = 64;

export const STANDARD_ROUND_SIZE = 64;
