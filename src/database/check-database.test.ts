import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { checkDatabase } from './check-database.ts';
import { createDatabase } from './database.ts';

let db: TestDatabase;
let newest: number;

beforeAll(async () => {
  db = await createTestDatabase();
  const [row] = await db.database.query<{ newest: number }>(
    'SELECT max(version) AS newest FROM schema_migrations',
  );
  newest = row?.newest ?? 0;
});
afterAll(async () => {
  await db.drop();
});

describe('a database', () => {
  it('can be worked on as it was migrated, or by a newer version', async () => {
    expect(await checkDatabase(db.database, newest)).toBe('ok');
    expect(await checkDatabase(db.database, newest - 1)).toBe('ok');
  });

  it('lacks what a newer version brings', async () => {
    expect(await checkDatabase(db.database, newest + 1)).toContain('knit migrate');
  });

  it('lacks everything where no migration has run', async () => {
    const nowhere = `${db.url}${db.url.includes('?') ? '&' : '?'}options=-csearch_path%3Dnowhere`;
    const other = createDatabase(nowhere);
    try {
      expect(await checkDatabase(other, 1)).toContain('knit migrate');
    } finally {
      await other.close();
    }
  });

  it('takes no writes where it is set so, as a standby is', async () => {
    await db.database.transaction(async (tx) => {
      await tx.query('SET TRANSACTION READ ONLY');
      expect(await checkDatabase(tx, newest)).toContain('takes no writes');
    });
  });
});
