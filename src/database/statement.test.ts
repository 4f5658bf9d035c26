import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { column, columnOfIds, columnOfTimes, withParts } from './statement.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
});
afterAll(async () => {
  await db.drop();
});

it('parts take effect together, in the order in which the main part asks for them, with values of their own', async () => {
  await db.database.query('CREATE TABLE one (n numeric, note text)');
  await db.database.query('CREATE TABLE two (n numeric, status integer)');
  const numbers = column([1n, 2n ** 200n]);
  const { text, values } = withParts(
    [
      [
        'ones',
        {
          text: `INSERT INTO one SELECT k.n, $2 || k.n FROM unnest($1::numeric[]) AS k (n) RETURNING n`,
          values: [numbers, 'note '],
        },
      ],
      [
        'twos',
        {
          text: `INSERT INTO two SELECT k.n, k.status FROM unnest($1::numeric[], $2::integer[]) AS k (n, status)
            RETURNING n`,
          values: [numbers, column([7, 8])],
        },
      ],
    ],
    `SELECT (SELECT count(*) FROM ones) AS ones, n FROM twos ORDER BY n`,
  );
  // The column that both have is sent once.
  expect(values).toEqual(['note ', numbers, '{7,8}']);
  expect(await db.database.query(text, values)).toEqual([
    { ones: 2n, n: 1n },
    { ones: 2n, n: 2n ** 200n },
  ]);
  expect(await db.database.query('SELECT n, note FROM one ORDER BY n')).toEqual([
    { n: 1n, note: 'note 1' },
    { n: 2n ** 200n, note: `note ${2n ** 200n}` },
  ]);
  expect(await db.database.query('SELECT n, status FROM two ORDER BY n')).toEqual([
    { n: 1n, status: 7 },
    { n: 2n ** 200n, status: 8 },
  ]);
});

it('columns that look alike and are of different types are not taken for one', async () => {
  const { text, values } = withParts(
    [
      ['a', { text: 'SELECT k.n FROM unnest($1::numeric[]) AS k (n)', values: ['{201}'] }],
      ['b', { text: 'SELECT k.n FROM unnest($1::integer[]) AS k (n)', values: ['{201}'] }],
      ['c', { text: 'SELECT $1 || $2 AS n', values: ['{201}', '{201}'] }],
    ],
    'SELECT a.n AS a, b.n AS b, c.n AS c FROM a, b, c',
  );
  expect(values).toHaveLength(4);
  expect(await db.database.query(text, values)).toEqual([{ a: 201n, b: 201, c: '{201}{201}' }]);
});

it('columns of ids and of moments come as they were given', async () => {
  const ids = ['01890a5d-ac96-774b-bcce-b302099a8057', '01890a5d-ac96-774b-bcce-b302099a8058'];
  const times = ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z'].map(
    (text) => new Date(text),
  );
  const rows = await db.database.query(
    'SELECT k.id, k.at FROM unnest($1::uuid[], $2::timestamptz[]) AS k (id, at)',
    [columnOfIds(ids), columnOfTimes(times)],
  );
  expect(rows).toEqual(ids.map((id, index) => ({ id, at: times[index] })));
  expect(() => columnOfIds([`${ids[0]},${ids[1]}`])).toThrow('36');
});
