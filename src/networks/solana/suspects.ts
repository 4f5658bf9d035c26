/**
 * Payouts whose instruction has failed a transaction on chain. Whoever owns the recipient's account can
 * bring that about, between simulation and landing, again and again: such a payout goes alone from then on,
 * so that it fails no other. Kept in memory alone: to forget it costs one more failed transaction.
 */
export interface Suspects {
  add(payoutId: string): void;
  has(payoutId: string): boolean;
}

/** The oldest are forgotten. */
const MOST_REMEMBERED = 10_000;

export function createSuspects(): Suspects {
  const remembered = new Set<string>();
  return {
    add(payoutId) {
      remembered.delete(payoutId);
      remembered.add(payoutId);
      const [oldest] = remembered;
      if (remembered.size > MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    },
    has: (payoutId) => remembered.has(payoutId),
  };
}
