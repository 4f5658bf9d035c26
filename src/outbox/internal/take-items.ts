import type { Queryable } from '../../database/database.ts';

/** An item as it was when it was looked at, without a lock. */
export interface Candidate {
  readonly business_id: string;
  readonly item_id: string;
  readonly claim_token: bigint;
}

interface TakenItem {
  readonly businessId: string;
  readonly itemId: string;
  readonly claimToken: bigint;
  readonly lane: string;
  readonly attempts: number;
  readonly payload: unknown;
}

/** Takes those that nobody has taken since they were looked at: their tokens are still the same. */
export async function takeItems(
  db: Queryable,
  candidates: readonly Candidate[],
  leaseEnds: Date,
): Promise<TakenItem[]> {
  const taken = await db.query<Candidate & Pick<TakenItem, 'lane' | 'attempts' | 'payload'>>(
    `UPDATE outbox_items AS o
     SET claim_token = o.claim_token + 1, attempts = o.attempts + 1, available_at = $4
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS c (business_id, item_id, claim_token)
     WHERE o.business_id = c.business_id AND o.item_id = c.item_id
       AND o.claim_token = c.claim_token
     RETURNING o.business_id, o.item_id, o.claim_token, o.lane, o.attempts - 1 AS attempts,
       o.payload`,
    [
      candidates.map((row) => row.business_id),
      candidates.map((row) => row.item_id),
      candidates.map((row) => row.claim_token),
      leaseEnds,
    ],
  );
  return taken.map((row) => ({
    businessId: row.business_id,
    itemId: row.item_id,
    claimToken: row.claim_token,
    lane: row.lane,
    attempts: row.attempts,
    payload: row.payload,
  }));
}
