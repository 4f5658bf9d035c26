import { expect, it } from 'vitest';
import { createTestDatabase } from '../../test/harness/database.ts';
import { createDatabase } from '../database/database.ts';
import { requireDatabase } from './require-database.ts';

it('takes a migrated database', async () => {
  const db = await createTestDatabase();
  await expect(requireDatabase(db.database)).resolves.toBeUndefined();
  await db.drop();
});

it('refuses one that lacks migrations', async () => {
  const db = await createTestDatabase({ migrated: false });
  await expect(requireDatabase(db.database)).rejects.toThrow('lacks migrations 1, 2');
  await db.drop();
});

it('refuses one that answers COMMIT before what is committed is safe', async () => {
  const db = await createTestDatabase();
  const name = new URL(db.url).pathname.slice(1);
  await db.database.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
  const own = createDatabase(db.url, { maxConnections: 1 });
  await expect(requireDatabase(own)).rejects.toThrow('synchronous_commit off');
  await own.close();
  await db.drop();
});
