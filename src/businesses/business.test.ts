import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestOwner } from '../../test/harness/owner.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { testIds } from '../../test/harness/world.ts';
import { createBusiness, findBusiness } from './business.ts';
import { createUser } from './user.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(async () => {
  await db.drop();
});

const at = new Date('2026-11-05T10:00:00.123Z');

describe('a business', () => {
  test('is found as it was created', async () => {
    const business = await db.database.transaction(
      async (tx) => await createBusiness(tx, testIds, { name: '  Payments & Sons ', at }),
    );
    expect(business).toMatchObject({ name: 'Payments & Sons', createdAt: at });
    expect(await findBusiness(db.database, business.businessId)).toEqual(business);
    expect(await findBusiness(db.database, testIds.next())).toBeUndefined();
  });

  test.each(['', '   ', 'x'.repeat(201), 'a\u0000b', 'a\nb'])('is not named %j', async (name) => {
    const created = db.database.transaction(
      async (tx) => await createBusiness(tx, testIds, { name, at }),
    );
    await expect(created).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      fields: { name: [expect.any(String)] },
    });
  });
});

describe('a user', () => {
  const create = async (businessId: string, email: string) =>
    await db.database.transaction(
      async (tx) => await createUser(tx, testIds, { businessId, email, name: 'A person', at }),
    );

  test('has one email in a business, whatever its case', async () => {
    const [one, two] = await Promise.all([
      createTestOwner(db.database),
      createTestOwner(db.database),
    ]);
    const user = await create(one.businessId, ' A.Person@Example.com ');
    expect(user).toMatchObject({ businessId: one.businessId, email: 'a.person@example.com' });
    await expect(create(one.businessId, 'a.person@EXAMPLE.com')).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      fields: { email: ['The email has already been taken.'] },
    });
    await expect(create(two.businessId, 'a.person@example.com')).resolves.toBeDefined();
  });

  test.each(['', 'a', '@b', 'a@', 'a b@c', 'a@b\u0000', 'a@b@c', `${'x'.repeat(250)}@b.de`])(
    'has no email %j',
    async (email) => {
      const { businessId } = await createTestOwner(db.database);
      await expect(create(businessId, email)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    },
  );
});
