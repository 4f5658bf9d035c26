import type { Database } from '../../src/database/database.ts';
import type { PayeeFinder, Payment } from './simulated-network.ts';

interface Item {
  readonly payoutId: string;
  readonly toAddress: string;
  /** Of the ledger. */
  readonly units: bigint;
}

/**
 * Which payout a payment was made for, where a transaction carries its attempt by itself: the one recorded for
 * it that has this recipient and amount; of several alike in one transaction, the one that the payment's place
 * counts to.
 */
export function createTransactionFinder(db: Database, scale: bigint): PayeeFinder {
  const known = new Map<string, readonly Item[]>();
  const load = async (transactionHash: string): Promise<readonly Item[]> =>
    await db.query<Item & object>(
      `SELECT i.payout_id AS "payoutId", p.to_address AS "toAddress", p.units
       FROM settlement_transactions t
       JOIN settlement_attempt_items i ON i.network = t.network AND i.attempt_id = t.attempt_id
       JOIN payouts p ON p.payout_id = i.payout_id
       WHERE t.transaction_hash = $1 ORDER BY i.position`,
      [transactionHash],
    );
  return {
    payoutOf: async ({ transactionHash, recipients, units, place }: Payment) => {
      const items = known.get(transactionHash) ?? (await load(transactionHash));
      if (items.length > 0) known.set(transactionHash, items);
      const own = items.filter(({ toAddress }) => recipients.includes(toAddress));
      const exact = own.filter((item) => item.units === units * scale);
      return (exact[Number(place)] ?? own[0])?.payoutId;
    },
  };
}

/** The payments of a transaction, each with the number of those before it that are like it. */
export function inPlaces(payments: readonly Omit<Payment, 'place'>[]): Payment[] {
  const counts = new Map<string, number>();
  return payments.map((payment) => {
    const { transactionHash, recipients, units, token } = payment;
    const key = [transactionHash, token, units, ...recipients].join(' ');
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return { ...payment, place: String(count) };
  });
}
