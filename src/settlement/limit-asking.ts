import type { Clock } from '../base/clock.ts';
import type { Payout } from '../payouts/payout.ts';

type Ask = (payout: Payout) => Promise<void>;

/**
 * Guards the nodes, which settlement needs, from callers who ask too much. Those who ask about one
 * payout at the same time share one asking; a payout is asked about once in `everyMs`, and at most
 * `most` payouts at once. Whoever is over a limit gets what is recorded, at once.
 */
export function limitAsking(
  ask: Ask,
  limits: { readonly clock: Clock; readonly everyMs: number; readonly most: number },
): Ask {
  const underWay = new Map<string, Promise<void>>();
  const askedAtMs = new Map<string, number>();
  return async (payout) => {
    const { payoutId } = payout;
    const shared = underWay.get(payoutId);
    if (shared !== undefined) {
      await shared;
      return;
    }
    const nowMs = limits.clock.now().getTime();
    forgetOld(askedAtMs, nowMs, limits.everyMs);
    if (askedAtMs.has(payoutId) || underWay.size >= limits.most) return;
    askedAtMs.set(payoutId, nowMs);
    const asking = ask(payout).finally(() => underWay.delete(payoutId));
    underWay.set(payoutId, asking);
    await asking;
  };
}

/** The oldest come first. A time to come is from before the clock was set back. */
function forgetOld(askedAtMs: Map<string, number>, nowMs: number, everyMs: number): void {
  for (const [payoutId, atMs] of askedAtMs) {
    if (atMs <= nowMs && nowMs - atMs < everyMs) return;
    askedAtMs.delete(payoutId);
  }
}
