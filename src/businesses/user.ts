import { validationFault } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import type { Tx } from '../database/database.ts';
import { checkName } from './internal/check-name.ts';

/** A person who acts for one business. */
export interface User {
  readonly businessId: string;
  readonly userId: string;
  /** In lower case: people write one address in many cases. Unique within the business. */
  readonly email: string;
  readonly name: string;
  readonly createdAt: Date;
}

/** Throws VALIDATION_FAILED (name, email, or an email that the business already has). */
export async function createUser(
  tx: Tx,
  ids: IdSource,
  order: {
    readonly businessId: string;
    readonly email: string;
    readonly name: string;
    readonly at: Date;
  },
): Promise<User> {
  const user = {
    businessId: order.businessId,
    userId: ids.next(),
    email: checkEmail(order.email),
    name: checkName(order.name),
    createdAt: order.at,
  };
  const written = await tx.query(
    `INSERT INTO users (business_id, user_id, email, name, created_at)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (business_id, email) DO NOTHING
     RETURNING user_id`,
    [user.businessId, user.userId, user.email, user.name, user.createdAt],
  );
  if (written.length === 0) {
    throw validationFault({ email: ['The email has already been taken.'] });
  }
  return user;
}

/** Only the shape: whether an address exists is known by mail alone. 254 is the limit of RFC 5321. */
function checkEmail(text: string): string {
  const email = text.trim().toLowerCase();
  if (email.length > 254 || !/^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u.test(email)) {
    throw validationFault({ email: ['The email must be a valid email address.'] });
  }
  return email;
}
