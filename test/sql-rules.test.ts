import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

// The rules that keep a business's rows its own, and the schema movable to a distributed engine. They
// are checked on the text of every statement in the source and in the migrations.

const root = fileURLToPath(new URL('..', import.meta.url));

/** All but settlement's own tables, which are keyed by network, and the list of migrations. */
const TENANT_TABLES = [...readMigrations().matchAll(/^CREATE TABLE (\w+)/gm)]
  .map(([, table = '']) => table)
  .filter((table) => !table.startsWith('settlement_'));

/** Statements that cross businesses, each with its reason, by words that only it has. */
const CROSSING: readonly (readonly [string, string])[] = [
  ['SELECT business_id, item_id, claim_token FROM outbox_items', 'a worker serves all businesses'],
  ['WITH RECURSIVE lanes AS', 'a worker serves all businesses'],
  ['SELECT business_id, name, created_at FROM businesses WHERE $1::uuid', "the operator's list"],
  ["kind = 'SETTLED' GROUP BY token", 'the ledger is compared with settlement as a whole'],
];

interface Statement {
  readonly place: string;
  /** In one line; what is put in by the program is `?`. */
  readonly sql: string;
}

function readMigrations(): string {
  const folder = `${root}migrations/`;
  const texts = readdirSync(folder).map((file) => readFileSync(folder + file, 'utf8'));
  return texts.join('\n').replaceAll(/--.*$/gm, '');
}

/** Every text of the source that begins like SQL. */
function readStatements(): Statement[] {
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => statementsOf(`src/${file}`));
}

function statementsOf(file: string): Statement[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(root + file, 'utf8'),
    ts.ScriptTarget.Latest,
  );
  const found: Statement[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text !== undefined && /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s/.test(text)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      found.push({ place: `${file}:${line}`, sql: text.replaceAll(/\s+/g, ' ').trim() });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map((span) => `?${span.literal.text}`).join('');
}

const statements = readStatements();
const ofTenants = statements.filter(({ sql }) =>
  tablesOf(sql).some((table) => TENANT_TABLES.includes(table)),
);

function tablesOf(sql: string): string[] {
  return [...sql.matchAll(/\b(?:FROM|JOIN|INTO|UPDATE) ([a-z_]+)/g)].map(([, table = '']) => table);
}

function isCrossing({ sql }: Statement): boolean {
  return CROSSING.some(([words]) => sql.includes(words));
}

/** What is wrong with a statement on tenant data; undefined where nothing is. */
function problemOf({ sql }: Statement): string | undefined {
  const insert = /INSERT INTO [a-z_]+(?: AS \w+)? \(([^)]*)\)/.exec(sql);
  if (insert !== null && insert[1]?.trim().startsWith('business_id') !== true) {
    return 'inserts no business_id first';
  }
  const tenants = tablesOf(sql).filter((table) => TENANT_TABLES.includes(table)).length;
  const read = insert === null ? tenants : tenants - 1;
  // A condition that the program puts together names the business in its first part.
  const named = sql.match(/\bbusiness_id = (\$\d|\w+\.business_id)|WHERE \?/g)?.length ?? 0;
  return named >= read ? undefined : `${read} tables, ${named} conditions on business_id`;
}

const places = (list: readonly Statement[]): string[] =>
  list.map(({ place, sql }) => `${place}: ${sql.slice(0, 90)}`);

describe('statements', () => {
  test('are found at all', () => {
    expect(TENANT_TABLES.length).toBeGreaterThan(15);
    expect(statements.length).toBeGreaterThan(80);
    expect(ofTenants.length).toBeGreaterThan(45);
  });

  test('name the business wherever they touch its rows', () => {
    const wrong = ofTenants.filter((each) => !isCrossing(each) && problemOf(each) !== undefined);
    expect(wrong.map((each) => `${each.place}: ${problemOf(each)}: ${each.sql}`)).toEqual([]);
  });

  test.each(CROSSING)('%s … crosses businesses, because %s', (words) => {
    expect(statements.filter(({ sql }) => sql.includes(words))).toHaveLength(1);
  });

  test('lock rows of one shard only', () => {
    const locks = statements.filter(({ sql }) => /FOR (UPDATE|SHARE|NO KEY)/.test(sql));
    expect(locks.length).toBeGreaterThan(1);
    const anywhere = locks.filter(({ sql }) => !/\b(business_id|network) = \$1/.test(sql));
    expect(places(anywhere)).toEqual([]);
  });

  test('ask for nothing that a distributed engine lacks or that drifts', () => {
    const banned =
      /\bSKIP LOCKED|\bOFFSET \$|\bMERGE INTO|\bnow\(\)|\bIN \(SELECT|nextval|gen_random_uuid|random\(\)|ON CONSTRAINT/i;
    expect(places(statements.filter(({ sql }) => banned.test(sql)))).toEqual([]);
  });
});

describe('the rules themselves', () => {
  test.each([
    ['SELECT status FROM payouts WHERE payout_id = $1', false],
    ['SELECT status FROM payouts WHERE business_id = $1 AND payout_id = $2', true],
    ['DELETE FROM api_keys WHERE api_key_id = $1', false],
    ['INSERT INTO users (user_id, business_id) VALUES ($1, $2)', false],
    [
      'SELECT 1 FROM payouts p JOIN users u ON u.user_id = p.user_id WHERE p.business_id = $1',
      false,
    ],
  ])('%s', (sql, isRight) => {
    expect(problemOf({ place: '', sql }) === undefined).toBe(isRight);
  });
});

describe('migrations', () => {
  const tables = [...readMigrations().matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\n\);/g)]
    .map(([, name = '', body = '']) => ({ name, body }))
    .filter(({ name }) => TENANT_TABLES.includes(name));

  test('begin every key of tenant data with the business', () => {
    expect(tables).toHaveLength(TENANT_TABLES.length);
    const wrong = tables.flatMap(({ name, body }) => {
      const keys = body.matchAll(/(?:PRIMARY KEY|UNIQUE|FOREIGN KEY|REFERENCES \w+) \(([^)]*)\)/g);
      const others = [...keys].filter(([, columns = '']) => !columns.startsWith('business_id'));
      const inline = [...body.matchAll(/^ *(\w+) [^,]*\b(?:PRIMARY KEY|UNIQUE)\b(?! \()/gm)].filter(
        ([line, column]) => column !== 'business_id' && !/^ *(PRIMARY|UNIQUE)/.test(line),
      );
      return [...others, ...inline].map(([text]) => `${name}: ${text.trim()}`);
    });
    expect(wrong).toEqual([]);
  });

  test('have nothing that only one server can do', () => {
    const banned =
      /\b(SERIAL|BIGSERIAL|IDENTITY|CREATE SEQUENCE|TRIGGER|FUNCTION|PROCEDURE|DEFAULT|EXCLUDE|INHERITS|EXTENSION)\b/i;
    const lines = readMigrations().split('\n');
    expect(lines.filter((line) => banned.test(line))).toEqual([]);
  });
});
