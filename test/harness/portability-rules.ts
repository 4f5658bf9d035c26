import { tablesOfMigrations } from './migration-rules.ts';
import { scopesOf, type Scope, type Source } from './sql-shape.ts';

// What a statement has to be like so that a business's rows stay its own and the schema can move to a
// distributed PostgreSQL, where rows of one business, or of one network, lie on one shard.

/** One rule, with statements that break it. */
export interface StatementRule {
  readonly rule: string;
  /** What is wrong; undefined where nothing is. */
  readonly problem: (sql: string) => string | undefined;
  readonly broken: readonly string[];
}

const TABLES = new Set(tablesOfMigrations());

/** The column that says on which shard a table's rows lie; undefined: it is a part of the statement. */
function shardKeyOf(table: string): 'business_id' | 'network' | undefined {
  if (!TABLES.has(table)) return undefined;
  return table.startsWith('settlement_') ? 'network' : 'business_id';
}

/** Immutable, or aggregates. No function here depends on the time, the session or chance. */
const FUNCTIONS = new Set(
  [
    'unnest coalesce greatest least cardinality length lower row_number',
    'count sum min max array_agg bool_and bool_or',
    // Comparisons with a list, and a list of what is found.
    'any all array',
    // Of the catalogue and of settings, in statements that look at the server itself.
    'to_regclass current_setting',
  ].flatMap((names) => names.split(' ')),
);

const NAMES_ITS_SHARD: StatementRule = {
  rule: 'names the business, or the network, of every row that it reads or changes',
  problem: (sql) => {
    const unnamed = scopesOf(sql).flatMap(unnamedTables);
    return unnamed.length === 0 ? undefined : `anybody's rows of ${unnamed.join(', ')}`;
  },
  broken: [
    'SELECT status FROM payouts WHERE payout_id = $1',
    'DELETE FROM api_keys WHERE api_key_id = $1',
    'SELECT 1 FROM payouts p JOIN users u ON u.user_id = p.user_id WHERE p.business_id = $1',
    'SELECT 1 FROM payouts p JOIN users u ON u.business_id = p.business_id',
    'SELECT status FROM payouts WHERE business_id = $1 OR payout_id = $2',
    'SELECT status FROM payouts WHERE (business_id = $1 OR payout_id = $2) AND units > 0',
    `SELECT 1 FROM unnest($1::uuid[]) AS k (payout_id) JOIN payouts p ON p.payout_id = k.payout_id`,
    'UPDATE payouts AS p SET status = n.status FROM unnest($1::uuid[]) AS n (payout_id) WHERE p.payout_id = n.payout_id',
    `DELETE FROM outbox_items AS o USING unnest($1::uuid[]) AS c (item_id) WHERE o.item_id = c.item_id`,
    'SELECT 1 FROM payouts WHERE business_id = $1 UNION ALL SELECT 1 FROM users WHERE user_id = $2',
    'WITH p AS (SELECT payout_id FROM payouts WHERE status = $1) SELECT payout_id FROM p',
    'SELECT 1 WHERE EXISTS (SELECT 1 FROM payouts p WHERE p.payout_id = $1)',
    `UPDATE settlement_orders SET version = 1 WHERE payout_id = $1`,
    'SELECT 1 FROM settlement_attempts a JOIN settlement_orders o ON o.fence = a.fence WHERE a.network = $1',
  ],
};

const INSERTS_ITS_SHARD: StatementRule = {
  rule: 'gives the business, or the network, first where it inserts',
  problem: (sql) => {
    const wrong = scopesOf(sql).filter(({ text, target }) => {
      const key = shardKeyOf(target?.name ?? '');
      if (key === undefined || !text.startsWith('INSERT INTO')) return false;
      return !new RegExp(`^INSERT INTO \\w+(?: AS \\w+)? ?\\(${key}\\b`).test(text);
    });
    return wrong.length === 0
      ? undefined
      : `into ${wrong.map(({ target }) => target?.name).join(', ')}`;
  },
  broken: [
    'INSERT INTO users (user_id, business_id) VALUES ($1, $2)',
    'INSERT INTO users VALUES ($1, $2)',
    'INSERT INTO settlement_orders (payout_id, network) VALUES ($1, $2)',
    `WITH a AS (INSERT INTO users (business_id, user_id) VALUES ($1, $2)),
       b AS (INSERT INTO payouts (payout_id, business_id) SELECT u.a, u.b FROM unnest($3::uuid[]) AS u (a, b))
     SELECT 1`,
  ],
};

const KEEPS_ITS_SHARD: StatementRule = {
  rule: 'moves no row from one shard to another',
  problem: (sql) =>
    scopesOf(sql).some(({ text }) =>
      /\bSET (?:.*, )?(business_id|network) = .*/.test(beforeWhere(text)),
    )
      ? 'sets the key of the shard'
      : undefined,
  broken: [
    'UPDATE payouts SET business_id = $3 WHERE business_id = $1 AND payout_id = $2',
    'UPDATE settlement_orders SET units = $3, network = $4 WHERE network = $1 AND payout_id = $2',
  ],
};

const ONE_SIDE: StatementRule = {
  rule: "never joins tenants' tables with settlement's",
  problem: (sql) => {
    const tables = scopesOf(sql).flatMap(({ target, sources }) => [
      ...(target ? [target] : []),
      ...sources,
    ]);
    const keys = new Set(tables.map(({ name }) => shardKeyOf(name)));
    return keys.has('business_id') && keys.has('network') ? 'both in one statement' : undefined;
  },
  broken: [
    `SELECT 1 FROM payouts p JOIN settlement_orders o ON o.payout_id = p.payout_id
     WHERE p.business_id = $1 AND o.network = $2`,
    `WITH o AS (SELECT payout_id FROM settlement_orders WHERE network = $1)
     UPDATE payouts AS p SET status = $3 FROM o WHERE p.business_id = $2 AND p.payout_id = o.payout_id`,
  ],
};

const LOCKS_ONE_SHARD: StatementRule = {
  rule: 'locks rows of one shard only, by itself',
  problem: (sql) => {
    const locking = scopesOf(sql).filter(({ text }) => LOCK.test(text));
    if (locking.length === 0) return undefined;
    if (locking.length > 1 || !LOCK.test(scopesOf(sql)[0]?.text ?? ''))
      return 'a lock in a part of it';
    const isOne = /\b(business_id|network) = \$1\b/.test(outside(locking[0]?.text ?? ''));
    return isOne ? undefined : 'the lock is not of one shard';
  },
  broken: [
    'SELECT 1 FROM payouts FOR UPDATE',
    'SELECT 1 FROM payouts WHERE business_id = ANY ($1) ORDER BY payout_id FOR UPDATE',
    'SELECT 1 FROM unnest($1::uuid[]) AS k (business_id) JOIN payouts p ON p.business_id = k.business_id FOR UPDATE',
    'SELECT 1 FROM payouts WHERE business_id = $1 AND payout_id = ANY (ARRAY(SELECT payout_id FROM payouts WHERE business_id = $1 LIMIT 2 FOR UPDATE))',
    'SELECT 1 FROM payouts WHERE payout_id = $1 FOR NO KEY UPDATE',
  ],
};

const ONLY_KNOWN_FUNCTIONS: StatementRule = {
  rule: 'calls nothing that depends on the time, the session or chance',
  problem: (sql) => {
    const called = scopesOf(sql).flatMap(({ text }) => [...text.matchAll(/\b([a-zA-Z_]\w*)\(/g)]);
    const names = called.map(([, name = '']) => name.toLowerCase());
    const plain = scopesOf(sql).flatMap(({ text }) => text.match(MOMENT) ?? []);
    const unknown = [...names.filter((name) => !FUNCTIONS.has(name)), ...plain];
    return unknown.length === 0 ? undefined : [...new Set(unknown)].join(', ');
  },
  broken: [
    'UPDATE payouts SET updated_at = now() WHERE business_id = $1',
    'UPDATE payouts SET updated_at = CURRENT_TIMESTAMP WHERE business_id = $1',
    `INSERT INTO payouts (business_id, payout_id) VALUES ($1, gen_random_uuid())`,
    'DELETE FROM payouts WHERE business_id = $1 RETURNING clock_timestamp()',
    `SELECT nextval('payout_numbers')`,
    'SELECT pg_advisory_xact_lock($1)',
    'SELECT pg_try_advisory_lock(1, 2)',
    `SELECT pg_notify('payouts', $1)`,
    `SELECT set_config('knit.business', $1, false)`,
    'SELECT random()',
    'SELECT date_trunc($2, created_at) FROM payouts WHERE business_id = $1',
    `INSERT INTO ledger_accounts AS a (business_id, account_id) VALUES ($1, $2)
     ON CONFLICT (business_id, account_id) DO UPDATE SET updated_at = statement_timestamp()`,
  ],
};

const PLAIN_VALUES: StatementRule = {
  rule: 'has no part of its own in VALUES or after ON CONFLICT',
  problem: (sql) => {
    const inserts = scopesOf(sql).filter(({ text }) => text.startsWith('INSERT INTO'));
    const tails = inserts.map(
      ({ text }) => /\b(?:VALUES|ON CONFLICT)\b(.*)$/.exec(text)?.[1] ?? '',
    );
    return tails.some((tail) => tail.includes('(#)')) ? 'a sub-select' : undefined;
  },
  broken: [
    'INSERT INTO payouts (business_id, units) VALUES ($1, (SELECT units FROM payouts WHERE business_id = $1))',
    `INSERT INTO payouts (business_id, units) VALUES ($1, coalesce((SELECT units FROM payouts WHERE business_id = $1), 0))`,
    `INSERT INTO payouts AS p (business_id, units) VALUES ($1, $2) ON CONFLICT (business_id, payout_id)
     DO UPDATE SET units = (SELECT max(units) FROM payouts WHERE business_id = $1)`,
  ],
};

const CONFLICTS_IN_ITS_SHARD: StatementRule = {
  rule: 'names conflicts by columns, the key of the shard first',
  problem: (sql) =>
    scopesOf(sql).some(({ text }) =>
      /\bON CONFLICT (?!DO NOTHING|\((business_id|network)\b)/.test(text),
    )
      ? 'a conflict of another kind'
      : undefined,
  broken: [
    'INSERT INTO users (business_id, user_id) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT users_pkey DO NOTHING',
    'INSERT INTO users (business_id, email) VALUES ($1, $2) ON CONFLICT (email) DO NOTHING',
  ],
};

const WORDS =
  /\b(SKIP LOCKED|NOWAIT|MERGE INTO|OFFSET|TABLESAMPLE|TEMP|TEMPORARY|UNLOGGED|ctid|xmin|CURRENT OF)\b|\bIN \(#\)/i;

const PLAIN_WORDS: StatementRule = {
  rule: 'uses nothing that a distributed engine lacks, or that costs more the further one reads',
  problem: (sql) => {
    const found = scopesOf(sql).flatMap(({ text }) => WORDS.exec(text)?.[0] ?? []);
    return found.length === 0 ? undefined : found.join(', ');
  },
  broken: [
    'SELECT 1 FROM payouts WHERE business_id = $1 FOR UPDATE SKIP LOCKED',
    'SELECT 1 FROM payouts WHERE business_id = $1 FOR UPDATE NOWAIT',
    'SELECT 1 FROM payouts WHERE business_id = $1 LIMIT 25 OFFSET $2',
    'UPDATE payouts SET status = $2 WHERE business_id = $1 AND payout_id IN (SELECT payout_id FROM payouts WHERE business_id = $1 LIMIT 2)',
    'DELETE FROM payouts WHERE business_id = $1 AND ctid = $2',
  ],
};

const STEPS_IN_ITS_SHARD: StatementRule = {
  rule: 'goes from row to row, by RECURSIVE or LATERAL, on one shard only',
  problem: (sql) => {
    if (!/\b(WITH RECURSIVE|LATERAL)\b/.test(sql)) return undefined;
    const reading = scopesOf(sql).filter(({ sources }) => tablesIn(sources).length > 0);
    const isOne = ({ text }: Scope): boolean =>
      /\b(business_id|network) = \$\d/.test(outside(text));
    return reading.every(isOne) ? undefined : 'more than one shard';
  },
  broken: [
    `WITH RECURSIVE l AS (SELECT lane FROM outbox_items WHERE topic = $1 UNION ALL
       SELECT o.lane FROM l JOIN outbox_items o ON o.lane > l.lane) SELECT lane FROM l`,
    `SELECT 1 FROM unnest($1::uuid[]) AS k (business_id)
     CROSS JOIN LATERAL (SELECT 1 FROM payouts p WHERE p.business_id = k.business_id LIMIT 1) n`,
  ],
};

const ONLY_DATA: StatementRule = {
  rule: 'reads or changes rows, and does nothing to the session or the schema',
  problem: (sql) =>
    /^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\b/.test(sql) ? undefined : sql.split(' ')[0],
  broken: [
    'SET search_path = knit',
    'SET LOCAL lock_timeout = 100',
    'LISTEN payouts',
    'NOTIFY payouts',
    'SAVEPOINT before',
    'LOCK TABLE payouts',
    'CREATE TEMP TABLE chosen (id uuid)',
    'DISCARD ALL',
    'DECLARE each CURSOR FOR SELECT 1',
    'PREPARE one AS SELECT 1',
    'TRUNCATE payouts',
    'DO $$ BEGIN END $$',
    'CALL settle()',
    'COPY payouts FROM STDIN',
    'MERGE INTO payouts USING x',
  ],
};

/** What no text of the source may hold, be it only a part of a statement. */
export const NOWHERE =
  /\bSKIP LOCKED\b|\bpg_(try_)?advisory|\bpg_notify\b|\b(now|clock_timestamp|nextval|gen_random_uuid|set_config)\(|\bON CONSTRAINT\b/;

export const STATEMENT_RULES: readonly StatementRule[] = [
  NAMES_ITS_SHARD,
  INSERTS_ITS_SHARD,
  KEEPS_ITS_SHARD,
  ONE_SIDE,
  LOCKS_ONE_SHARD,
  ONLY_KNOWN_FUNCTIONS,
  PLAIN_VALUES,
  CONFLICTS_IN_ITS_SHARD,
  PLAIN_WORDS,
  STEPS_IN_ITS_SHARD,
  ONLY_DATA,
];

const LOCK = /\bFOR (NO KEY UPDATE|UPDATE|KEY SHARE|SHARE)\b/;
const MOMENT =
  /\b(CURRENT_(TIMESTAMP|DATE|TIME)|LOCALTIME(STAMP)?|current_(timestamp|date|time))\b/g;

function beforeWhere(text: string): string {
  return text.replace(/ (WHERE|FROM|RETURNING) .*$/, '');
}

/** What stands outside parentheses: a condition within may be one of several. */
function outside(text: string): string {
  let rest = text;
  for (;;) {
    const shorter = rest.replaceAll(/\([^()]*\)/g, '');
    if (shorter === rest) return rest;
    rest = shorter;
  }
}

/** Tables of which the scope does not say whose rows it means. */
function unnamedTables({ text, sources }: Scope): string[] {
  const plain = outside(text);
  const tables = tablesIn(sources);
  if (/ WHERE .* OR /.test(plain)) return tables.map(({ name }) => name);
  const parts = sources.filter((source) => !tables.includes(source));
  const named = new Set(parts.map(({ alias }) => alias));
  // A condition that the program puts together names the business in its first part.
  if (/ WHERE \?/.test(plain)) for (const { alias } of tables) named.add(alias);
  const equations = [...plain.matchAll(EQUATION)].map((match) => sidesOf(match, sources));
  for (let before = -1; before < named.size;) {
    before = named.size;
    for (const [left, right] of equations) {
      if (right === 'given' || named.has(right)) named.add(left);
      if (right !== 'given' && named.has(left)) named.add(right);
    }
  }
  return tables.filter(({ alias }) => !named.has(alias)).map(({ name }) => name);
}

function tablesIn(sources: readonly Source[]): Source[] {
  return sources.filter(({ kind, name }) => kind === 'table' && shardKeyOf(name) !== undefined);
}

const EQUATION =
  /(?:\b(\w+)\.)?\b(?:business_id|network) = (?:(\$\d+|ANY\b)|(?:(\w+)\.)(?:business_id|network)\b)/g;

/** The aliases of both sides; a parameter, or a row of the scope around this one, is `given`. */
function sidesOf(match: RegExpMatchArray, sources: readonly Source[]): [string, string] {
  const [, left = sources[0]?.alias ?? '', parameter, right = ''] = match;
  const isHere = sources.some(({ alias }) => alias === right);
  return [left, parameter !== undefined || !isHere ? 'given' : right];
}
