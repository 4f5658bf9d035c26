import type { Database } from '../../src/database/database.ts';

/**
 * What a database's own catalogue says of its schema that a distributed engine could not take over, however the
 * statements were written that made it so. One sentence for each thing.
 */
export async function schemaProblems(database: Database): Promise<string[]> {
  const rows = await database.query<{ problem: string }>(
    `WITH ours AS (
       SELECT c.oid, c.relname, c.relkind, c.relpersistence FROM pg_class c
       WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'schema_migrations'
     ), keyed AS (
       SELECT t.relname, i.indexrelid::regclass::text AS name,
         coalesce(a.attname, 'an expression') AS first_column
       FROM pg_index i JOIN ours t ON t.oid = i.indrelid
       LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
       WHERE i.indisunique
     ), tied AS (
       SELECT k.conname, t.relname, a.attname AS first_column, b.attname AS first_referred, r.relname AS referred
       FROM pg_constraint k JOIN ours t ON t.oid = k.conrelid JOIN ours r ON r.oid = k.confrelid
       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
       JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
       WHERE k.contype = 'f'
     )
     SELECT relname || ': the key ' || name || ' begins with ' || first_column AS problem FROM keyed
     WHERE first_column <> CASE WHEN relname LIKE 'settlement\\_%' THEN 'network' ELSE 'business_id' END
     UNION ALL
     SELECT relname || ': ' || conname || ' begins with ' || first_column || ' and ' || first_referred FROM tied
     WHERE first_column <> first_referred OR first_column NOT IN ('business_id', 'network')
     UNION ALL
     SELECT relname || ': ' || conname || ' leads to ' || referred FROM tied
     WHERE (relname LIKE 'settlement\\_%') <> (referred LIKE 'settlement\\_%')
     UNION ALL
     SELECT relname || ': is neither a plain table nor an index' FROM ours
     WHERE relkind NOT IN ('r', 'i', 't') OR relpersistence <> 'p'
     UNION ALL
     SELECT t.relname || ': no primary key' FROM ours t WHERE t.relkind = 'r'
       AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
     UNION ALL
     SELECT t.relname || ': the server gives ' || a.attname FROM ours t
     JOIN pg_attribute a ON a.attrelid = t.oid AND (a.atthasdef OR a.attidentity <> '') AND t.relkind = 'r'
     UNION ALL
     SELECT t.relname || ': the trigger ' || g.tgname FROM ours t
     JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
     UNION ALL
     SELECT t.relname || ': the rule ' || w.rulename FROM ours t
     JOIN pg_rewrite w ON w.ev_class = t.oid AND w.rulename <> '_RETURN'
     UNION ALL
     SELECT t.relname || ': excludes by ' || k.conname FROM ours t
     JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'x'
     UNION ALL
     SELECT 'the function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
     UNION ALL
     SELECT 'the type ' || typname FROM pg_type
     WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')
     ORDER BY problem`,
  );
  return rows.map(({ problem }) => problem);
}
