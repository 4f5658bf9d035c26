import { expect } from 'vitest';

/** A JSON schema or another object of the document. */
type Part = Record<string, unknown>;

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

/**
 * Checks answers against an OpenAPI document: the status must be documented for the operation and
 * the body must be of its schema. Paths that the document does not name are not checked.
 */
export function createConformance(document: Part): { check: (exchange: Exchange) => void } {
  const paths = document['paths'] as Record<string, Part>;
  return {
    check: ({ method, path, status, body }) => {
      const plain = path.replace(/\?.*$/s, '');
      const template = Object.keys(paths).find((each) => patternOf(each).test(plain));
      const operation = template && (paths[template]?.[method.toLowerCase()] as Part | undefined);
      if (operation === undefined || operation === '') return;
      const answer = (operation['responses'] as Record<string, Part>)[String(status)];
      expect(answer, `${method} ${path} documents status ${status}`).toBeDefined();
      const content = answer?.['content'] as Record<string, Part> | undefined;
      const schema = content?.['application/json']?.['schema'] as Part;
      expect(mismatches(document, schema, body), `${method} ${path} answers ${status}`).toEqual([]);
    },
  };
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

const KEYWORDS = new Set(
  (
    '$ref type const enum pattern format properties required items additionalProperties ' +
    'propertyNames anyOf minimum maximum description examples default title'
  ).split(' '),
);

/** Says where a value is not of a schema. Knows the keywords that the document uses, and no others. */
export function mismatches(document: Part, schema: Part, value: unknown, at = '$'): string[] {
  const unknown = Object.keys(schema).filter((keyword) => !KEYWORDS.has(keyword));
  if (unknown.length > 0) return [`${at}: the schema uses ${unknown.join(', ')}`];
  if (typeof schema['$ref'] === 'string') {
    return mismatches(document, resolve(document, schema['$ref']), value, at);
  }
  const anyOf = schema['anyOf'] as Part[] | undefined;
  if (anyOf?.every((each) => mismatches(document, each, value, at).length > 0) === true) {
    return [`${at}: fits none of anyOf`];
  }
  return [
    ...ofType(schema, value, at),
    ...ofText(schema, value, at),
    ...ofList(document, schema, value, at),
    ...ofObject(document, schema, value, at),
  ];
}

function resolve(document: Part, reference: string): Part {
  const names = reference.replace(/^#\//, '').split('/');
  return names.reduce<Part>((part, name) => part[name] as Part, document);
}

function ofType(schema: Part, value: unknown, at: string): string[] {
  const types = schema['type'] === undefined ? undefined : ([schema['type']].flat() as string[]);
  const problems: string[] = [];
  if (types?.some((type) => isType(type, value)) === false) {
    problems.push(`${at}: ${JSON.stringify(value)} is no ${types.join(' or ')}`);
  }
  if ('const' in schema && schema['const'] !== value) problems.push(`${at}: is not the constant`);
  const choices = schema['enum'] as unknown[] | undefined;
  if (choices?.includes(value) === false) problems.push(`${at}: ${String(value)} is no choice`);
  return problems;
}

function isType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object')
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function ofText(schema: Part, value: unknown, at: string): string[] {
  const pattern = schema['pattern'] as string | undefined;
  if (typeof value !== 'string' || pattern === undefined) return [];
  return new RegExp(pattern, 'u').test(value) ? [] : [`${at}: ${value} is not ${pattern}`];
}

function ofList(document: Part, schema: Part, value: unknown, at: string): string[] {
  const items = schema['items'] as Part | undefined;
  if (!Array.isArray(value) || items === undefined) return [];
  return value.flatMap((item, index) => mismatches(document, items, item, `${at}[${index}]`));
}

function ofObject(document: Part, schema: Part, value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const properties = (schema['properties'] ?? {}) as Record<string, Part>;
  const required = (schema['required'] ?? []) as string[];
  const rest = schema['additionalProperties'] as boolean | Part | undefined;
  const missing = required
    .filter((name) => !(name in value))
    .map((name) => `${at}: ${name} is missing`);
  const wrong = Object.entries(value).flatMap(([name, item]) => {
    const own = properties[name] ?? (typeof rest === 'object' ? rest : undefined);
    if (own !== undefined) return mismatches(document, own, item, `${at}.${name}`);
    return rest === false ? [`${at}: ${name} is not in the schema`] : [];
  });
  return [...missing, ...wrong];
}
