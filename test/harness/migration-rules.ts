import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One rule for what changes the schema, with statements that break it. */
export interface MigrationRule {
  readonly rule: string;
  /** What is wrong with one statement of a migration; undefined where nothing is. */
  readonly problem: (sql: string) => string | undefined;
  readonly broken: readonly string[];
}

const FOLDER = fileURLToPath(new URL('../../migrations/', import.meta.url));

/** Every statement of every migration, without its comments and its ";". */
export function readMigrationStatements(): string[] {
  return readdirSync(FOLDER)
    .toSorted()
    .flatMap((file) =>
      readFileSync(FOLDER + file, 'utf8')
        .replaceAll(/--.*$/gm, '')
        .split(/;\s*$/m)
        .map((statement) => statement.replaceAll(/\s+/g, ' ').trim())
        .filter((statement) => statement !== ''),
    );
}

export function tablesOfMigrations(): string[] {
  return readMigrationStatements().flatMap((sql) => /^CREATE TABLE (\w+)/.exec(sql)?.[1] ?? []);
}

const KNOWN_KINDS =
  /^(CREATE TABLE \w+ \(|CREATE (UNIQUE )?INDEX \w+ ON |ALTER TABLE \w+ |DROP INDEX \w+$|DROP TABLE \w+$|INSERT INTO |UPDATE |DELETE FROM )/;

export const MIGRATION_RULES: readonly MigrationRule[] = [
  {
    rule: 'is a table, an index, or rows: nothing else',
    problem: (sql) => (KNOWN_KINDS.test(sql) ? undefined : sql.slice(0, 40)),
    broken: [
      'CREATE SEQUENCE payout_numbers',
      'CREATE TRIGGER t BEFORE INSERT ON payouts FOR EACH ROW EXECUTE FUNCTION f()',
      "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
      'CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN END $$',
      'DO $$ BEGIN CREATE TABLE x (y integer); END $$',
      'CREATE EXTENSION pgcrypto',
      "CREATE TYPE status AS ENUM ('PENDING')",
      'CREATE VIEW open_payouts AS SELECT 1',
      'CREATE MATERIALIZED VIEW sums AS SELECT 1',
      'CREATE RULE r AS ON INSERT TO payouts DO NOTHING',
      'CREATE TEMP TABLE chosen (id uuid)',
      'CREATE UNLOGGED TABLE chosen (id uuid)',
      'CREATE TABLE IF NOT EXISTS x (y integer)',
      'CREATE INDEX CONCURRENTLY i ON payouts (business_id)',
      'LOCK TABLE payouts',
      "SET lock_timeout = '1s'",
      'TRUNCATE payouts',
      'SAVEPOINT before',
      'VACUUM payouts',
    ],
  },
  {
    rule: 'is one command a message',
    problem: (sql) => (sql.replaceAll(/'[^']*'/g, '').includes(';') ? 'more than one' : undefined),
    broken: ['CREATE TABLE x (y uuid); CREATE TABLE z (y uuid)'],
  },
  {
    rule: 'lets the program give ids and times',
    problem: (sql) =>
      /\b(SERIAL\d?|BIGSERIAL|SMALLSERIAL|IDENTITY|DEFAULT|GENERATED|now\(|CURRENT_TIMESTAMP|gen_random_uuid|random\(|nextval)/i.exec(
        sql,
      )?.[0],
    broken: [
      'CREATE TABLE x (business_id uuid, number serial, PRIMARY KEY (business_id, number))',
      'CREATE TABLE x (business_id uuid, number bigint GENERATED ALWAYS AS IDENTITY)',
      'CREATE TABLE x (business_id uuid, at timestamptz DEFAULT now())',
      'ALTER TABLE payouts ADD COLUMN tries integer DEFAULT 0',
      'UPDATE payouts SET updated_at = CURRENT_TIMESTAMP',
    ],
  },
  {
    rule: 'asks for nothing of one server',
    problem: (sql) =>
      /\b(EXCLUDE|INHERITS|TABLESPACE|DEFERRABLE|ON (DELETE|UPDATE) (CASCADE|SET)|COLLATE)\b/.exec(
        sql,
      )?.[0],
    broken: [
      'CREATE TABLE x (business_id uuid, EXCLUDE USING gist (business_id WITH =))',
      'CREATE TABLE x (y uuid) INHERITS (payouts)',
      'ALTER TABLE payouts ADD CONSTRAINT c UNIQUE (business_id, info) DEFERRABLE',
      'ALTER TABLE payouts ADD CONSTRAINT c FOREIGN KEY (business_id, user_id) REFERENCES users (business_id, user_id) ON DELETE CASCADE',
    ],
  },
  {
    rule: 'begins every key with the business, or the network',
    problem: (sql) => keysOf(sql).find((key) => !/^(business_id|network)\b/.test(key)),
    broken: [
      'CREATE TABLE x (payout_id uuid PRIMARY KEY)',
      'CREATE TABLE x (business_id uuid, email text UNIQUE, PRIMARY KEY (business_id))',
      'CREATE TABLE x (business_id uuid, payout_id uuid, PRIMARY KEY (payout_id, business_id))',
      'CREATE TABLE x (business_id uuid, user_id uuid, PRIMARY KEY (business_id), FOREIGN KEY (user_id) REFERENCES users (user_id))',
      'CREATE TABLE x (business_id uuid, user_id uuid REFERENCES users (user_id))',
      'CREATE UNIQUE INDEX i ON payouts (merchant_reference)',
      "CREATE UNIQUE INDEX i ON payouts (payout_id) WHERE status = 'PENDING'",
      'ALTER TABLE payouts ADD CONSTRAINT c UNIQUE (to_address)',
      'ALTER TABLE users ADD COLUMN nick text UNIQUE',
    ],
  },
  {
    rule: "ties tenants' tables to tenants' tables only, and settlement's to settlement's",
    problem: (sql) => {
      const [, from = ''] = /^(?:CREATE|ALTER) TABLE (\w+)/.exec(sql) ?? [];
      const sides = [...sql.matchAll(/\bREFERENCES (\w+)/g)].map(([, to = '']) => to);
      const isSettlement = (table: string): boolean => table.startsWith('settlement_');
      return sides.find((to) => isSettlement(to) !== isSettlement(from));
    },
    broken: [
      'CREATE TABLE x (business_id uuid, PRIMARY KEY (business_id), FOREIGN KEY (network, payout_id) REFERENCES settlement_orders (network, payout_id))',
      'ALTER TABLE settlement_orders ADD CONSTRAINT c FOREIGN KEY (business_id, payout_id) REFERENCES payouts (business_id, payout_id)',
    ],
  },
];

/** The columns of each primary key, unique key and foreign key, on both sides of the last. */
function keysOf(sql: string): string[] {
  const listed = sql.matchAll(
    /(?:PRIMARY KEY|UNIQUE|FOREIGN KEY|REFERENCES \w+) \(([^)]*)\)|^CREATE UNIQUE INDEX \w+ ON \w+ \((.*)\)/g,
  );
  const inline = sql.matchAll(
    /(?:[(,]|ADD COLUMN) *(\w+) (?:uuid|text|bigint|integer|bytea|timestamptz)[^,]*?\b(?:PRIMARY KEY|UNIQUE|REFERENCES)\b/g,
  );
  return [
    ...[...listed].map(([, table, index]) => table ?? index ?? ''),
    ...[...inline].map(([, column = '']) => column),
  ];
}
