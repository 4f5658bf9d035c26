import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A text of the source, with where it stands. */
export interface SourceText {
  readonly place: string;
  /** In one line; what is put in by the program is `?`. */
  readonly text: string;
}

interface SourceFile {
  readonly file: string;
  readonly source: ts.SourceFile;
}

/** What begins like SQL that reads or changes rows. */
const STATEMENT = /^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s/;

/** Every text of the source, tests left out. Of constants of the same file their text is put in. */
export function readTexts(): SourceText[] {
  return sourceFiles().flatMap((each) => textsOf(each));
}

export function readStatements(): SourceText[] {
  return readTexts().filter(({ text }) => STATEMENT.test(text));
}

/** What is sent and is not written out: neither a text nor a name for one. */
export function sentUnread(): SourceText[] {
  const found: SourceText[] = [];
  for (const { file, source } of sourceFiles()) {
    walk(source, (node) => {
      if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
      const [sent] = node.arguments;
      if (node.expression.name.text !== 'query' || sent === undefined) return;
      if (ts.isStringLiteralLike(sent) || ts.isTemplateExpression(sent)) return;
      if (ts.isIdentifier(sent)) return;
      found.push({ place: placeOf(file, source, sent), text: sent.getText(source) });
    });
  }
  return found;
}

/** What is sent as it stands and is none of {@link readStatements}. */
export function sentOtherwise(): SourceText[] {
  const found: SourceText[] = [];
  for (const { file, source } of sourceFiles()) {
    const constants = constantsOf(source);
    walk(source, (node) => {
      if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
      const [sent] = node.arguments;
      if (node.expression.name.text !== 'query' || sent === undefined) return;
      const text = textOf(sent, constants);
      if (text === undefined || STATEMENT.test(text)) return;
      found.push({ place: placeOf(file, source, sent), text: oneLine(text) });
    });
  }
  return found;
}

function sourceFiles(): SourceFile[] {
  return readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => {
      const text = readFileSync(`${root}src/${file}`, 'utf8');
      return { file, source: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true) };
    });
}

function textsOf({ file, source }: SourceFile): SourceText[] {
  const constants = constantsOf(source);
  const found: SourceText[] = [];
  walk(source, (node) => {
    const text = textOf(node, constants);
    if (text === undefined || ts.isIdentifier(node)) return;
    found.push({ place: placeOf(file, source, node), text: oneLine(text) });
  });
  return found;
}

type Constants = ReadonlyMap<string, ts.Expression>;

function constantsOf(source: ts.SourceFile): Constants {
  const constants = new Map<string, ts.Expression>();
  walk(source, (node) => {
    if (!ts.isVariableDeclaration(node) || !ts.isIdentifier(node.name)) return;
    if (node.initializer !== undefined) constants.set(node.name.text, node.initializer);
  });
  return constants;
}

function textOf(node: ts.Node, constants: Constants): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isIdentifier(node)) {
    const value = constants.get(node.text);
    return value === undefined || ts.isIdentifier(value) ? undefined : textOf(value, constants);
  }
  // Of two endings, such as a lock and none, the one that says more.
  if (ts.isConditionalExpression(node)) {
    const endings = [textOf(node.whenTrue, constants), textOf(node.whenFalse, constants)];
    return endings.find((ending) => ending !== undefined && ending !== '');
  }
  if (!ts.isTemplateExpression(node)) return undefined;
  const spans = node.templateSpans.map(({ expression, literal }) => {
    return (textOf(expression, constants) ?? '?') + literal.text;
  });
  return node.head.text + spans.join('');
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function placeOf(file: string, source: ts.SourceFile, node: ts.Node): string {
  return `src/${file}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
