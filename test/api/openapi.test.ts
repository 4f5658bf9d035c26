import { afterAll, beforeAll, expect, test } from 'vitest';
import { openApiDocument } from '../../src/http/contract.ts';
import { CONTRACTS } from '../../src/http/operations.ts';
import { VERSION } from '../../src/base/version.ts';
import { startApi, type Api } from '../harness/api.ts';
import { mismatches } from '../harness/conforms.ts';

type Part = Record<string, unknown>;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

const document = openApiDocument(CONTRACTS, VERSION);
const operations = Object.entries(
  document['paths'] as Record<string, Record<string, Part>>,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('the file in the repository is the document (vitest --update writes it)', async () => {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../../openapi.json');
});

test('the server gives it out', async () => {
  const answer = await api.send('GET', '/openapi.json');
  expect(answer.status).toBe(200);
  expect(answer.json).toEqual(JSON.parse(JSON.stringify(document)));
});

test.each(operations)('$method $path is there, and not behind a 404', async ({ path, method }) => {
  const answer = await fetch(api.url + path.replace('{id}', 'x'), { method });
  expect([200, 400, 401]).toContain(answer.status);
});

test.each(operations)('the examples of $method $path are of their schemas', ({ operation }) => {
  const answers = Object.values(operation['responses'] as Record<string, Part>);
  const contents = [operation['requestBody'], ...answers].flatMap((part) => {
    const content = (part as Part | undefined)?.['content'] as Record<string, Part> | undefined;
    return content === undefined ? [] : Object.values(content);
  });
  expect(contents.length).toBeGreaterThan(1);
  for (const content of contents) {
    const schema = content['schema'] as Part;
    const many = Object.values((content['examples'] ?? {}) as Record<string, Part>);
    const examples = 'example' in content ? [content['example']] : many.map(({ value }) => value);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(mismatches(document, schema, example)).toEqual([]);
  }
});

test('operations have names of their own, a security rule, and refer to what exists', () => {
  const names = operations.map(({ operation }) => operation['operationId']);
  expect(new Set(names).size).toBe(names.length);
  expect(operations.every(({ operation }) => Array.isArray(operation['security']))).toBe(true);
  const { schemas, securitySchemes } = document['components'] as Record<string, Part>;
  const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)];
  expect(new Set(references.map(([, name]) => name))).toEqual(new Set(Object.keys(schemas ?? {})));
  expect(Object.keys(securitySchemes ?? {})).toEqual(['bearer', 'apiKey']);
});

test('creating a payout documents every status that it can have', () => {
  const create = operations.find(({ operation }) => operation['operationId'] === 'createPayout');
  expect(Object.keys(create?.operation['responses'] as object)).toEqual([
    '201',
    '400',
    '401',
    '404',
    '409',
    '413',
    '415',
    '422',
    '429',
    '500',
    '503',
  ]);
});
