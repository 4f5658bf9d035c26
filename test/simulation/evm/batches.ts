import type { Database } from '../../../src/database/database.ts';
import type { PayeeFinder } from '../simulated-network.ts';

/** Which payout an item of a recorded batch pays. The place of a payment is "batch:item". */
export function createBatchFinder(db: Database): PayeeFinder {
  const known = new Map<string, readonly string[]>();
  const load = async (batchId: string): Promise<readonly string[]> => {
    const rows = await db.query<{ payout_id: string }>(
      `SELECT i.payout_id FROM settlement_attempts a
       JOIN settlement_attempt_items i ON i.network = a.network AND i.attempt_id = a.attempt_id
       WHERE a.fence LIKE '%:batch:' || $1 ORDER BY i.position`,
      [batchId],
    );
    return rows.map((row) => row.payout_id);
  };
  return {
    payoutOf: async ({ place }) => {
      const [batchId, item] = place.split(':');
      if (batchId === undefined || item === undefined) return undefined;
      const payoutIds = known.get(batchId) ?? (await load(batchId));
      if (payoutIds.length > 0) known.set(batchId, payoutIds);
      return payoutIds[Number(item)];
    },
  };
}
