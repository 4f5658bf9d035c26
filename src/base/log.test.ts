import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createLog } from './log.ts';

function lineOf(fields: object): Record<string, unknown> {
  const lines: string[] = [];
  const log = createLog(
    { level: 'info', service: 'test' },
    { write: (line) => void lines.push(line) },
  );
  log.error(fields, 'it failed');
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

test('an error is named, and nothing that hangs on it is shown', () => {
  const cause = Object.assign(new Error('the row is wrong'), {
    code: '23514',
    detail: 'Failing row contains (a secret).',
  });
  const error = Object.assign(new TypeError('it broke', { cause }), {
    client: { secretKey: 'a secret', ssl: { key: 'a secret' } },
  });
  const line = lineOf({ err: error });
  expect(line).toMatchObject({
    err: {
      type: 'TypeError',
      message: 'it broke',
      stack: expect.stringContaining('log.test.ts') as string,
      cause: { type: 'Error', message: 'the row is wrong', code: '23514' },
    },
  });
  expect(JSON.stringify(line)).not.toContain('a secret');
});

test('of several errors in one the first is named, and a circle ends', () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  expect(lineOf({ err: new AggregateError([refused, new Error('other')]) })).toMatchObject({
    err: { cause: { code: 'ECONNREFUSED' } },
  });
  const circle = new Error('round');
  circle.cause = circle;
  expect(lineOf({ err: circle })).toMatchObject({
    err: { cause: { cause: { message: 'round' } } },
  });
});

test.each([
  ['connect postgres://knit:secret@db:5432/knit failed', 'connect postgres://db:5432 failed'],
  ['connect postgres://knit:a@secret@db/knit failed', 'connect postgres://db failed'],
  ['HTTP 401 from https://node.example.com/v2/secret', 'HTTP 401 from https://node.example.com'],
  ['"https://secret:x@node/?key=secret" (again)', '"https://node" (again)'],
  ['see file:///srv/knit/src/main.ts:1:2', 'see file:///srv/knit/src/main.ts:1:2'],
  ['no URL: 10:20 a//b', 'no URL: 10:20 a//b'],
])('of the URL in %j only who is reached is shown', (message, shown) => {
  const line = lineOf({ err: new Error('outer', { cause: new Error(message) }) });
  expect(line).toMatchObject({ err: { cause: { message: shown } } });
  expect(JSON.stringify(line)).not.toContain('secret');
});

test('what is thrown and is no error is shown as text', () => {
  expect(lineOf({ err: 'a text' })).toMatchObject({ err: 'a text' });
});

test.each([
  'authorization',
  'cookie',
  'x-api-key',
  'apiKey',
  'clientSecret',
  'mnemonic',
  'databaseUrl',
  'rpcUrls',
  'privateKey',
])('the value of %s is not shown', (name) => {
  const line = lineOf({ [name]: 'a secret', request: { [name]: 'a secret' } });
  expect(JSON.stringify(line)).not.toContain('a secret');
});

test('what a child is given is redacted as well, in its own lines and in those of its children', () => {
  const lines: string[] = [];
  const log = createLog(
    { level: 'info', service: 'test' },
    { write: (line) => void lines.push(line) },
  );
  const child = log.child({ apiKey: 'a secret', network: 'one' });
  child.info({ place: 1 }, 'said');
  child.child({ place: 2 }).info({ mnemonic: 'a secret' }, 'said');
  log.child({ network: 'two' }).info({ nested: { password: 'a secret' } }, 'said');
  expect(lines).toHaveLength(3);
  expect(lines.join('')).not.toContain('a secret');
  expect(lines.map((line) => (JSON.parse(line) as { network: string }).network)).toEqual([
    'one',
    'one',
    'two',
  ]);
});

const MODULE = JSON.stringify(new URL('log.ts', import.meta.url).href);

test.each([
  ['ends', '', 0],
  ['is ended', 'process.exit(3);', 3],
  ['fails', 'throw new Error("it broke");', 1],
  ['fails later', 'await Promise.reject(new Error("it broke"));', 1],
])('every line is there, in order, when the process %s', (_, last, status) => {
  const lines = 'for (let n = 0; n < 3000; n += 1) log.info({ n }, "said");';
  const code = `import { createLog } from ${MODULE};
    const log = createLog({ level: 'info', service: 'test' }); ${lines} ${last}`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  });
  expect(ended.status).toBe(status);
  const said = ended.stderr.split('\n').filter((line) => line.startsWith('{"level"'));
  expect(said.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(
    Array.from({ length: 3000 }, (__, n) => n),
  );
});
