import type { Queryable } from '../database/database.ts';
import type { Business } from './business.ts';
import type { User } from './user.ts';

/** A page of all businesses, oldest first. For the operator alone: it crosses tenants. */
export async function listBusinesses(
  db: Queryable,
  page: { readonly afterId?: string | undefined; readonly limit: number },
): Promise<Business[]> {
  const rows = await db.query<{ business_id: string; name: string; created_at: Date }>(
    `SELECT business_id, name, created_at FROM businesses
     WHERE $1::uuid IS NULL OR business_id > $1
     ORDER BY business_id LIMIT $2`,
    [page.afterId ?? null, page.limit],
  );
  return rows.map((row) => ({
    businessId: row.business_id,
    name: row.name,
    createdAt: row.created_at,
  }));
}

/** The users of a business, oldest first. */
export async function listUsers(db: Queryable, businessId: string): Promise<User[]> {
  const rows = await db.query<{ user_id: string; email: string; name: string; created_at: Date }>(
    `SELECT user_id, email, name, created_at FROM users WHERE business_id = $1 ORDER BY user_id`,
    [businessId],
  );
  return rows.map((row) => ({
    businessId,
    userId: row.user_id,
    email: row.email,
    name: row.name,
    createdAt: row.created_at,
  }));
}
