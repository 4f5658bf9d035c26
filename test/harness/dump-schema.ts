import type { Database } from '../../src/database/database.ts';

/** The schema as text, in a stable order: what `test/schema.sql` is compared with. */
export async function dumpSchema(database: Database): Promise<string> {
  const lines = await database.query<{ line: string }>(DUMP);
  return `${HEADER}${lines.map((row) => row.line).join('\n')}\n`;
}

const HEADER = `-- The schema that all migrations together make. Written by "vitest run test/schema.test.ts -u";
-- compared in the tests, so that a migration's effect is reviewed beside the migration.

`;

const DUMP = `
WITH tables AS (
  SELECT c.oid, c.relname FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
), lines AS (
  SELECT t.relname, 0 AS part, 0 AS position, 'TABLE ' || t.relname AS line FROM tables t
  UNION ALL
  SELECT t.relname, 1, a.attnum, '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
  FROM tables t
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
  UNION ALL
  SELECT t.relname, 2, row_number() OVER (PARTITION BY t.oid ORDER BY k.contype DESC, pg_get_constraintdef(k.oid)),
    '  CONSTRAINT ' || pg_get_constraintdef(k.oid)
  FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype IN ('p', 'u', 'f', 'c')
  UNION ALL
  SELECT t.relname, 3, row_number() OVER (PARTITION BY t.oid ORDER BY pg_get_indexdef(i.indexrelid)),
    '  ' || pg_get_indexdef(i.indexrelid)
  FROM tables t JOIN pg_index i ON i.indrelid = t.oid
  WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = t.oid)
  UNION ALL
  SELECT g.tgrelid::regclass::text, 4, 0, '  TRIGGER ' || g.tgname FROM pg_trigger g WHERE NOT g.tgisinternal
  UNION ALL
  SELECT c.relname, 5, 0, 'SEQUENCE ' || c.relname FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
)
SELECT line FROM lines ORDER BY relname COLLATE "C", part, position`;
