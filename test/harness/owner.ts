import { createBusiness } from '../../src/businesses/business.ts';
import { createUser } from '../../src/businesses/user.ts';
import type { Database } from '../../src/database/database.ts';
import { testIds } from './world.ts';

/** A new business with one user and nothing else. */
export async function createTestOwner(
  database: Database,
  at = new Date(),
): Promise<{ businessId: string; userId: string }> {
  return await database.transaction(async (tx) => {
    const { businessId } = await createBusiness(tx, testIds, { name: 'Test business', at });
    const { userId } = await createUser(tx, testIds, {
      businessId,
      email: 'owner@example.com',
      name: 'Test owner',
      at,
    });
    return { businessId, userId };
  });
}
