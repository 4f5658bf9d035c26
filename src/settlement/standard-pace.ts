import type { NetworkId } from '../money/asset.ts';
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
  tellSigningAfterMs: 2_000,
  idleMs: 250,
};

/** Half an hour in the place of 45 s. */
const BITCOIN_PATIENCE = 40;

/** Two minutes in the place of 20 s: its nodes are asked coin by coin, and a slow one takes half a minute for an answer. */
const BITCOIN_LEASES = 6;

/**
 * A pace as it fits a network. On Bitcoin blocks come every ten minutes by chance, and fees are chosen for one
 * of the next three: to raise them sooner would pay twice the price for what was on its way.
 */
export function paceOn(network: NetworkId, pace: SettlementPace): SettlementPace {
  if (network !== 'BITCOIN_MAINNET') return pace;
  return {
    ...pace,
    leaseMs: pace.leaseMs * BITCOIN_LEASES,
    replaceAfterMs: pace.replaceAfterMs * BITCOIN_PATIENCE,
  };
}

/** Public nodes promise to keep 16 waiting transactions of one account (go-ethereum's AccountSlots). */
export const STANDARD_MAX_WAITING_TRANSACTIONS = 16;

/**
 * A transaction of 16,777,216 gas holds 248 if a token uses all the 60,000 that it is given for each: up
 * to there a batch always runs to its end (decision 0012). What is claimed beyond goes back.
 */
export const STANDARD_MAX_BATCH_ORDERS = 240;

/** Signing mostly waits: for nodes, and for the database. So many batches are on the way at once. */
export const STANDARD_BATCHES_AT_ONCE = 2;

export const STANDARD_ROUND_SIZE = 500;
