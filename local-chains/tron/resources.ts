import type { Account, Usage } from './state.ts';

/**
 * Bandwidth and energy as java-tron's ResourceProcessor keeps them: what was used is given back evenly
 * over a day. Its slots are 3 s whatever the chain's block time, so that a day stays a day.
 */
const SLOT_MS = 3_000;
const WINDOW_SLOTS = 28_800;
const PRECISION = 1_000_000;

export function slotAt(timestampMs: number): number {
  return Math.floor(timestampMs / SLOT_MS);
}

/** `amount` more, on what is left of the earlier use. */
export function use(usage: Usage, amount: number, slot: number): Usage {
  const average = divideUp(usage.used * PRECISION, WINDOW_SLOTS);
  const added = divideUp(amount * PRECISION, WINDOW_SLOTS);
  const left = remaining(average, slot - usage.slot);
  return { used: Math.floor(((left + added) * WINDOW_SLOTS) / PRECISION), slot };
}

export function usedNow(usage: Usage, slot: number): number {
  return use(usage, 0, slot).used;
}

export function energyLeft(account: Account, slot: number): number {
  return Math.max(0, account.energyLimit - usedNow(account.energy, slot));
}

export function bandwidthLeft(account: Account, slot: number): number {
  return Math.max(0, account.bandwidthLimit - usedNow(account.bandwidth, slot));
}

export function freeBandwidthLeft(account: Account, slot: number, limit: number): number {
  return Math.max(0, limit - usedNow(account.freeBandwidth, slot));
}

function remaining(average: number, slotsSince: number): number {
  if (slotsSince >= WINDOW_SLOTS) return 0;
  if (slotsSince <= 0) return average;
  return Math.round((average * (WINDOW_SLOTS - slotsSince)) / WINDOW_SLOTS);
}

function divideUp(numerator: number, denominator: number): number {
  return Math.ceil(numerator / denominator);
}
