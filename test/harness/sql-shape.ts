/** A table, a function, a name of the statement's own, or a part of it in parentheses, that is read from. */
export interface Source {
  readonly kind: 'table' | 'other';
  /** Of a table its name; else what the source is. */
  readonly name: string;
  readonly alias: string;
}

/** One SELECT, INSERT, UPDATE or DELETE, wherever in a statement it stands. */
export interface Scope {
  /** What stands at its own level; each part that is a scope itself is `(#)`. */
  readonly text: string;
  /** The table that it writes. */
  readonly target: Source | undefined;
  /** All that it reads, its target included where that is changed or removed. */
  readonly sources: readonly Source[];
}

interface Level {
  readonly text: string;
  readonly inner: readonly Level[];
}

/** Every scope of a statement, outermost first. Literals are emptied: words in them are not SQL. */
export function scopesOf(sql: string): Scope[] {
  const plain = sql
    .replaceAll(/--.*$/gm, '')
    .replaceAll(/'(?:[^']|'')*'/g, "''")
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\bIS (NOT )?DISTINCT FROM\b/g, 'IS $1DISTINCT_FROM')
    .trim();
  const levels = flatten(readLevel(plain, 0).level);
  const named = new Set(levels.flatMap(({ text }) => namesOfParts(text)));
  return levels.flatMap(({ text }) => armsOf(text).map((arm) => scopeOf(arm, named)));
}

/** What begins like a statement is a level of its own; other parentheses stay in the text. */
function readLevel(sql: string, from: number): { level: Level; end: number } {
  let text = '';
  const inner: Level[] = [];
  let at = from;
  while (at < sql.length && sql[at] !== ')') {
    if (sql[at] !== '(') {
      text += sql[at];
      at += 1;
      continue;
    }
    const { level, end } = readLevel(sql, at + 1);
    const isScope = /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|\(#\))/.test(level.text);
    if (isScope) inner.push(level);
    else inner.push(...level.inner);
    text += isScope ? '(#)' : `(${level.text})`;
    at = end + 1;
  }
  return { level: { text: text.trim(), inner }, end: at };
}

function flatten(level: Level): Level[] {
  return [level, ...level.inner.flatMap(flatten)];
}

const NAMED_PART = /(\w+)(?: \([^)]*\))? AS (?:NOT )?(?:MATERIALIZED )?\(#\)/g;

function namesOfParts(text: string): string[] {
  if (!/^WITH\b/.test(text)) return [];
  return [...text.matchAll(NAMED_PART)].map(([, name = '']) => name);
}

function armsOf(text: string): string[] {
  const main = /^WITH\b/.test(text)
    ? text
        .replace(/^WITH (RECURSIVE )?/, '')
        .replaceAll(NAMED_PART, '')
        .replace(/^[\s,]+/, '')
    : text;
  return main
    .split(/\b(?:UNION(?: ALL)?|INTERSECT|EXCEPT)\b/)
    .map((arm) => arm.trim())
    .filter((arm) => arm !== '' && arm !== '(#)');
}

function scopeOf(text: string, named: ReadonlySet<string>): Scope {
  const [, verb = '', table = '', alias = table] =
    /^(INSERT INTO|UPDATE|DELETE FROM) (\w+)(?: AS (\w+))?/.exec(text) ?? [];
  const target = verb === '' ? undefined : ({ kind: 'table', name: table, alias } as const);
  const rest =
    verb === 'DELETE FROM' ? text.replace(/^DELETE FROM/, '').replace(' USING ', ' FROM ') : text;
  const [, list = ''] =
    /\bFROM (.*?)(?= (?:WHERE|GROUP BY|HAVING|ORDER BY|LIMIT|RETURNING|ON CONFLICT|FOR (?:NO KEY )?(?:UPDATE|SHARE))\b|$)/.exec(
      rest,
    ) ?? [];
  const read = itemsOf(list).map((item) => sourceOf(item, named));
  const changes = verb === 'UPDATE' || verb === 'DELETE FROM';
  return { text, target, sources: changes && target !== undefined ? [target, ...read] : read };
}

/** At commas and joins outside parentheses. */
function itemsOf(list: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let item = '';
  for (const piece of list.split(
    /([(),]|\b(?:(?:LEFT|RIGHT|FULL|INNER|CROSS) (?:OUTER )?)?JOIN\b)/,
  )) {
    if (piece === '(') depth += 1;
    if (piece === ')') depth -= 1;
    const isBorder = depth === 0 && (piece === ',' || piece.endsWith('JOIN'));
    if (isBorder) items.push(item);
    item = isBorder ? '' : item + piece;
  }
  return [...items, item].map((each) => each.trim()).filter((each) => each !== '');
}

function sourceOf(item: string, named: ReadonlySet<string>): Source {
  const bare = item.replace(/^LATERAL /, '').replace(/ ON .*$/, '');
  const [, name = '', call] = /^([\w?]+)?(\()?/.exec(bare) ?? [];
  const [, alias = name] = /(?:^\w+|\)|\bORDINALITY) (?:AS )?([a-z]\w*)/.exec(bare) ?? [];
  const isTable = name !== '' && name !== '?' && call === undefined && !named.has(name);
  return { kind: isTable ? 'table' : 'other', name: name === '' ? '(#)' : name, alias };
}
