import type { IdSource } from '../base/id.ts';
import type { Queryable, Tx } from '../database/database.ts';
import { checkName } from './internal/check-name.ts';

/** The merchant: the tenant that everything else belongs to. */
export interface Business {
  readonly businessId: string;
  readonly name: string;
  readonly createdAt: Date;
}

/** Throws VALIDATION_FAILED. */
export async function createBusiness(
  tx: Tx,
  ids: IdSource,
  order: { readonly name: string; readonly at: Date },
): Promise<Business> {
  const business = {
    businessId: ids.next(),
    name: checkName(order.name),
    createdAt: order.at,
  };
  await tx.query(
    `INSERT INTO businesses (business_id, name, created_at, updated_at) VALUES ($1, $2, $3, $3)`,
    [business.businessId, business.name, business.createdAt],
  );
  return business;
}

export async function findBusiness(
  db: Queryable,
  businessId: string,
): Promise<Business | undefined> {
  const [row] = await db.query<{ business_id: string; name: string; created_at: Date }>(
    `SELECT business_id, name, created_at FROM businesses WHERE business_id = $1`,
    [businessId],
  );
  if (row === undefined) return undefined;
  return { businessId: row.business_id, name: row.name, createdAt: row.created_at };
}
