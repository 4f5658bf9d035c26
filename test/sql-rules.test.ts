import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database, Queryable } from '../src/database/database.ts';
import { createPayout } from '../src/payouts/create-payout.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import {
  MIGRATION_RULES,
  readMigrationStatements,
  tablesOfMigrations,
} from './harness/migration-rules.ts';
import { NOWHERE, STATEMENT_RULES } from './harness/portability-rules.ts';
import { schemaProblems } from './harness/schema-problems.ts';
import {
  readStatements,
  readTexts,
  sentOtherwise,
  sentUnread,
  type SourceText,
} from './harness/source-statements.ts';
import { createTestBusiness, testIds, testOrder } from './harness/world.ts';

// The rules that keep a business's rows its own, and the schema movable to a distributed engine
// (docs/decisions/0023-portable-sql.md). They are checked on the text of every statement in the source and in
// the migrations, and on the catalogue of a database that was migrated.

/**
 * Statements that read rows of all businesses, or of all networks, by words that only they have; and why. On a
 * distributed engine each asks every shard. Those that also go from lane to lane or from lane to rows have to
 * be said in another way there: docs/scaling.md says which.
 */
const CROSSING: readonly (readonly [string, string])[] = [
  ['SELECT business_id, item_id, claim_token FROM outbox_items', 'a worker serves all businesses'],
  ['WITH RECURSIVE lanes AS ( (SELECT lane, available_at FROM outbox_items', 'a worker serves all'],
  ['SELECT o.business_id, o.item_id, o.claim_token FROM outbox_items o', 'a worker serves all'],
  ['SELECT business_id, name, created_at FROM businesses WHERE $1::uuid', "the operator's list"],
  ['SELECT sum(due.items)::int AS items, min(due.oldest_at)', 'who watches sees all businesses'],
  ['ORDER BY lane, available_at LIMIT $2) AS items', 'who watches sees all businesses'],
  ["FROM ledger_holds WHERE state = 'HELD' LIMIT $1) AS held", 'who watches sees all businesses'],
  ["kind = 'SETTLED' GROUP BY token", 'the ledger is compared with settlement as a whole'],
  ['GROUP BY network, token ORDER BY network, token', 'the same, from the other side'],
  ['sum(s.units) AS units FROM ( SELECT network', 'the same, from the other side'],
  ['HAVING sum(s.kept) <> sum(s.counted)', 'totals of all networks are compared with their rows'],
  ['SELECT network, sender FROM settlement_lanes', 'no payout goes to a wallet of ours'],
  ['stopped_for FROM settlement_lanes ORDER BY network', "the operator's list"],
  ['updated_at FROM settlement_networks ORDER BY network', "the operator's list"],
];

/** What is sent that is neither a reading nor a change of rows. */
const OTHERWISE = [
  'BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = ?; SET LOCAL idle_in_transaction_session_timeout = ?',
  'COMMIT',
  'CREATE TABLE IF NOT EXISTS schema_migrations ( version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL )',
  'ROLLBACK',
  'SHOW ?',
];

const COMMANDS =
  /^(BEGIN|COMMIT|ROLLBACK|SET|SHOW|LOCK|LISTEN|NOTIFY|SAVEPOINT|RELEASE|DECLARE|CREATE|ALTER|DROP|DO|CALL|COPY|TRUNCATE|VACUUM|ANALYZE|PREPARE|EXECUTE|DISCARD|RESET|MERGE|EXPLAIN)\b/;

const statements = readStatements();
const texts = readTexts();

function isCrossing({ text }: SourceText): boolean {
  return CROSSING.some(([words]) => text.includes(words));
}

describe('every statement', () => {
  test('is found', () => {
    expect(statements.length).toBeGreaterThan(180);
    expect(sentUnread()).toEqual([]);
    const commands = texts.filter(({ text }) => COMMANDS.test(text)).map(({ text }) => text);
    const otherwise = sentOtherwise().map(({ text }) => text);
    expect([...new Set([...commands, ...otherwise])].toSorted()).toEqual(OTHERWISE);
  });

  test.each(STATEMENT_RULES)('$rule', ({ problem }) => {
    const wrong = statements.flatMap((each) => {
      const what = isCrossing(each) ? undefined : problem(each.text);
      return what === undefined ? [] : [`${each.place}: ${what}: ${each.text}`];
    });
    expect(wrong).toEqual([]);
  });

  test.each(CROSSING)('%s … crosses shards, because %s', (words) => {
    expect(statements.filter(({ text }) => text.includes(words))).toHaveLength(1);
  });

  test('has no part, wherever that is written, that depends on one server', () => {
    expect(texts.filter(({ text }) => NOWHERE.test(text))).toEqual([]);
  });
});

describe('a statement is refused that does not comply:', () => {
  const planted = STATEMENT_RULES.flatMap(({ rule, problem, broken }) =>
    broken.map((sql) => ({ rule, problem, sql })),
  );

  test.each(planted)('$rule: $sql', ({ problem, sql }) => {
    expect(problem(sql.replaceAll(/\s+/g, ' '))).toBeDefined();
  });

  test.each([
    'SELECT status FROM payouts WHERE business_id = $1 AND payout_id = $2',
    `SELECT p.status FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)
     JOIN payouts p ON p.business_id = k.business_id AND p.payout_id = k.payout_id`,
    `WITH o AS (DELETE FROM outbox_items WHERE business_id = $1 AND item_id = $2 RETURNING item_id)
     INSERT INTO payouts (business_id, payout_id) SELECT $1, o.item_id FROM o`,
    `SELECT 1 FROM payouts p WHERE p.business_id = $1 AND NOT EXISTS (
       SELECT 1 FROM ledger_holds h WHERE h.business_id = p.business_id AND h.payout_id = p.payout_id)`,
    `SELECT n.payout_id FROM unnest($2::text[]) AS t (token) CROSS JOIN LATERAL (
       SELECT p.payout_id FROM payouts p WHERE p.business_id = $1 AND p.token = t.token LIMIT 25) n`,
    'SELECT 1 FROM settlement_orders WHERE network = $1 AND (token = $2 OR token = $3) FOR UPDATE',
  ])('but not %s', (sql) => {
    const found = STATEMENT_RULES.flatMap(
      ({ problem }) => problem(sql.replaceAll(/\s+/g, ' ')) ?? [],
    );
    expect(found).toEqual([]);
  });
});

describe('migrations', () => {
  const changes = readMigrationStatements();

  test('are found', () => {
    expect(tablesOfMigrations().length).toBeGreaterThan(25);
    expect(changes.length).toBeGreaterThan(60);
  });

  test.each(MIGRATION_RULES)('each $rule', ({ problem }) => {
    const wrong = changes.flatMap((sql) => {
      const what = problem(sql);
      return what === undefined ? [] : [`${what}: ${sql}`];
    });
    expect(wrong).toEqual([]);
  });

  const planted = MIGRATION_RULES.flatMap(({ rule, problem, broken }) =>
    broken.map((sql) => ({ rule, problem, sql })),
  );

  test.each(planted)('one that does not is refused: $rule: $sql', ({ problem, sql }) => {
    expect(problem(sql)).toBeDefined();
  });
});

describe('on a database', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(async () => {
    await db.drop();
  });

  /** Also keeps what is sent. */
  function heard(database: Database, sent: string[]): Database {
    const listen = (to: Queryable): Queryable['query'] => {
      return async (text, values) => {
        sent.push(text.replaceAll(/\s+/g, ' ').trim());
        return await to.query(text, values);
      };
    };
    return {
      ...database,
      query: listen(database),
      transaction: async (work) =>
        await database.transaction(async (tx) => await work({ ...tx, query: listen(tx) })),
    };
  }

  test('statements that are put together comply as well', async () => {
    const business = await createTestBusiness(db.database, { units: 100n });
    const sent: string[] = [];
    const order = {
      ...testOrder(business, { units: 1n, merchantReference: 'a reference' }),
      idempotency: {
        request: { businessId: business.businessId, key: 'a key', requestHash: new Uint8Array(32) },
        render: () => ({ status: 201, body: '{}' }),
      },
    };
    const outcome = await createPayout({ database: heard(db.database, sent), ids: testIds }, order);
    expect(outcome.kind).toBe('created');
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.join(' ')).toContain('INSERT INTO idempotency_keys');
    const found = STATEMENT_RULES.flatMap(({ problem }) =>
      sent.flatMap((sql) => problem(sql) ?? []),
    );
    expect(found).toEqual([]);
  });

  test('the catalogue shows nothing that a distributed engine could not take over', async () => {
    expect(await schemaProblems(db.database)).toEqual([]);
  });

  test('and would show it', async () => {
    const own = await createTestDatabase();
    for (const change of STRANGE) await own.database.query(change);
    expect(await schemaProblems(own.database)).toEqual(STRANGE_PROBLEMS);
    await own.drop();
  });
});

const STRANGE = [
  `CREATE TYPE kind AS ENUM ('A')`,
  `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
  `CREATE TABLE a (business_id uuid DEFAULT gen_random_uuid(), number serial, PRIMARY KEY (number))`,
  `CREATE UNIQUE INDEX a_partial ON a (number, business_id) WHERE number > 1`,
  `CREATE UNIQUE INDEX a_expression ON a (abs(number))`,
  `CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()`,
  `CREATE RULE r AS ON DELETE TO a DO INSTEAD NOTHING`,
  `CREATE TABLE b (business_id uuid, number integer REFERENCES a (number))`,
  `CREATE TABLE settlement_b (network text, business_id uuid REFERENCES businesses (business_id),
     number bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (network), EXCLUDE (network WITH =))`,
  `CREATE VIEW v AS SELECT 1 AS one`,
  `CREATE UNLOGGED TABLE u (business_id uuid PRIMARY KEY)`,
];

const STRANGE_PROBLEMS = [
  'a: the key a_expression begins with an expression',
  'a: the key a_partial begins with number',
  'a: the key a_pkey begins with number',
  'a: the rule r',
  'a: the server gives business_id',
  'a: the server gives number',
  'a: the trigger t',
  'a_number_seq: is neither a plain table nor an index',
  'b: b_number_fkey begins with number and number',
  'b: no primary key',
  'settlement_b: excludes by settlement_b_network_excl',
  'settlement_b: settlement_b_business_id_fkey leads to businesses',
  'settlement_b: the server gives number',
  'settlement_b_number_seq: is neither a plain table nor an index',
  'the function f',
  'the type kind',
  'u: is neither a plain table nor an index',
  'u_pkey: is neither a plain table nor an index',
  'v: is neither a plain table nor an index',
];
