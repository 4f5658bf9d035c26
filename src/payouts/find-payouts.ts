import { lowestIdAt } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import { PAYOUT_COLUMNS, toPayout, type PayoutRow } from './internal/payout-row.ts';
import type { Payout, PayoutStatus } from './payout.ts';

export async function findPayout(
  db: Queryable,
  businessId: string,
  payoutId: string,
): Promise<Payout | undefined> {
  const [row] = await db.query<PayoutRow>(
    `SELECT ${PAYOUT_COLUMNS} FROM payouts WHERE business_id = $1 AND payout_id = $2`,
    [businessId, payoutId],
  );
  return row === undefined ? undefined : toPayout(row);
}

/** Those of the payouts named that exist, of any businesses, in no order. */
export async function findPayouts(
  db: Queryable,
  keys: readonly { readonly businessId: string; readonly payoutId: string }[],
): Promise<Payout[]> {
  if (keys.length === 0) return [];
  const rows = await db.query<PayoutRow>(
    `SELECT ${PAYOUT_COLUMNS.replaceAll(/\w+/g, 'p.$&')}
     FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)
     JOIN payouts p ON p.business_id = k.business_id AND p.payout_id = k.payout_id`,
    [keys.map((key) => key.businessId), keys.map((key) => key.payoutId)],
  );
  return rows.map(toPayout);
}

export interface PayoutFilter {
  readonly businessId: string;
  readonly status?: PayoutStatus | undefined;
  readonly network?: string | undefined;
  readonly token?: string | undefined;
  readonly merchantReference?: string | undefined;
  /** Created at or after. */
  readonly from?: Date | undefined;
  /** Created at or before, to the millisecond. */
  readonly to?: Date | undefined;
  /** Only payouts older than this one: the keyset of the next page. */
  readonly beforeId?: string | undefined;
  readonly limit: number;
}

/**
 * A page of payouts, newest first. A payout's id holds the time of its creation, so the primary key
 * serves the order, the page and the bounds in time.
 */
export async function listPayouts(db: Queryable, filter: PayoutFilter): Promise<Payout[]> {
  const conditions = ['business_id = $1'];
  const values: unknown[] = [filter.businessId];
  const where = (condition: string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition.replace('?', `$${values.length}`));
  };
  where('status = ?', filter.status);
  where('network = ?', filter.network);
  where('token = ?', filter.token);
  where('merchant_reference = ?', filter.merchantReference);
  where('payout_id >= ?', filter.from && lowestIdAt(filter.from));
  where('payout_id < ?', filter.to && lowestIdAt(new Date(filter.to.getTime() + 1)));
  where('payout_id < ?', filter.beforeId);
  values.push(filter.limit);
  const rows = await db.query<PayoutRow>(
    `SELECT ${PAYOUT_COLUMNS} FROM payouts WHERE ${conditions.join(' AND ')}
     ORDER BY payout_id DESC LIMIT $${values.length}`,
    values,
  );
  return rows.map(toPayout);
}

export async function isReferenceTaken(
  db: Queryable,
  businessId: string,
  merchantReference: string,
): Promise<boolean> {
  const rows = await db.query(
    `SELECT payout_id FROM payouts WHERE business_id = $1 AND merchant_reference = $2`,
    [businessId, merchantReference],
  );
  return rows.length > 0;
}
