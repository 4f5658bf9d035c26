import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { runKnit } from '../../test/harness/run-knit.ts';
import { systemClock } from '../base/clock.ts';
import { migrate, readMigrations } from '../database/migrate.ts';
import { MIGRATIONS_FOLDER } from './require-database.ts';

// A database of the version that signed one transfer a transaction: migrations 1 to 7.

const ATTEMPTS = {
  landed: '0197a2b4-0000-7000-8000-000000000001',
  open: '0197a2b4-0000-7000-8000-000000000002',
};
const SENDER = '0x00000000000000000000000000000000000000Aa';
const HASH = { landed: `0x${'1'.repeat(64)}`, open: `0x${'2'.repeat(64)}` };

let db: TestDatabase;
let env: Record<string, string>;
/** The versions that are missing. */
let left: number[];

beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  env = { DATABASE_URL: db.url };
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  left = migrations.slice(7).map(({ version }) => version);
  await migrate(db.database, migrations.slice(0, 7), systemClock);
  await db.database.query(
    `INSERT INTO settlement_attempts
       (network, attempt_id, fence, sender, sequence, transaction_hash, raw_transaction, state,
        next_check_at, broadcast_count, block_number, block_hash, fee_units, proof, created_at, updated_at)
     VALUES
       ('BSC_MAINNET', $1, 'fence:4', $3, 4, $4, '\\x01', 'LANDED', $6, 1, 7, '0x07', 21000, '{}', $6, $6),
       ('BSC_MAINNET', $2, 'fence:5', $3, 5, $5, '\\x02', 'OPEN', $6, 1, NULL, NULL, NULL, NULL, $6, $6)`,
    [ATTEMPTS.landed, ATTEMPTS.open, SENDER, HASH.landed, HASH.open, new Date()],
  );
});
afterAll(async () => {
  await db.drop();
});

test('an open attempt of the version before is refused, with what to do', async () => {
  const result = await runKnit(['migrate'], env);
  expect(result).toMatchObject({ exitCode: 1, stdout: '' });
  expect(result.stderr).toMatch(/^knit: migration 8 was not applied: transactions of the version /);
  expect(await runKnit(['migrate', '--check'], env)).toMatchObject({
    exitCode: 1,
    stdout: left.map((version) => `missing ${version}\n`).join(''),
  });
});

test('what has ended is kept as transactions', async () => {
  await db.database.query(
    `UPDATE settlement_attempts SET state = 'DEAD', proof = '{}' WHERE attempt_id = $1`,
    [ATTEMPTS.open],
  );
  expect(await runKnit(['migrate'], env)).toMatchObject({
    exitCode: 0,
    stdout: left.map((version) => `applied ${version}\n`).join(''),
  });
  expect(
    await db.database.query(
      `SELECT transaction_hash AS hash, sender, sequence, attempt_id AS attempt, state
       FROM settlement_transactions ORDER BY sequence`,
    ),
  ).toEqual([
    { hash: HASH.landed, sender: SENDER, sequence: 4n, attempt: ATTEMPTS.landed, state: 'FINAL' },
    { hash: HASH.open, sender: SENDER, sequence: 5n, attempt: ATTEMPTS.open, state: 'REPLACED' },
  ]);
});
