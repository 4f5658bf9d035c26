import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PAYOUTS, payoutBody, startApi, type Api, type ApiAnswer } from '../harness/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

const GOOD = JSON.stringify(payoutBody());
const FORM = 'application/x-www-form-urlencoded';

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  return await api.call('POST', PAYOUTS, { body, headers });
}

/** Sends bytes over a socket of its own and gives all that comes back. */
async function exchange(text: string | readonly (string | Buffer)[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.on('close', () => resolve(answer)).on('error', reject);
    for (const part of [text].flat()) socket.write(part);
  });
}

function head(lines: readonly string[]): string {
  const all = [`POST ${PAYOUTS} HTTP/1.1`, 'Host: a', 'Connection: close', ...lines];
  return `${[...all, `X-API-KEY: ${api.tenant.apiKey}`].join('\r\n')}\r\n\r\n`;
}

describe('JSON is JSON, whatever its type says', () => {
  test.each([
    FORM,
    `${FORM}; charset=UTF-8`,
    'application/json; charset=utf-8',
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/vnd.api+json',
    'nonsense',
    ';;;',
    '*/*',
  ])('%s', async (type) => {
    expect((await post(GOOD, { 'content-type': type })).status).toBe(201);
  });

  test('no type at all', async () => {
    const answer = await exchange(head([`Content-Length: ${GOOD.length}`]) + GOOD);
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
  });

  test('in chunks, and with white space around it', async () => {
    const parts = [`\n\t ${GOOD.slice(0, 20)}`, `${GOOD.slice(20)} \r\n`];
    const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
    const answer = await exchange(`${head(['Transfer-Encoding: chunked'])}${chunks}0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
  });
});

describe('a form', () => {
  const form = (fields: Record<string, unknown>): string =>
    new URLSearchParams(fields as Record<string, string>).toString();

  test('in camelCase and in snake_case', async () => {
    const { toAddress, ...rest } = payoutBody({ merchantReference: 'by form & co + 1' });
    for (const fields of [payoutBody(), { ...rest, to_address: toAddress }]) {
      const answer = await post(form(fields), { 'content-type': FORM });
      expect(answer.status).toBe(201);
      expect(answer.text).toContain('"amount":0.02,');
    }
    const found = await api.call('GET', `${PAYOUTS}?merchantReference=by+form+%26+co+%2B+1`);
    expect(found.json.data).toHaveLength(1);
  });

  test('the reference is decoded', async () => {
    const body = form(payoutBody({ merchantReference: 'ünï + 1' }));
    const answer = await post(body, { 'content-type': FORM });
    expect(answer.json.data['merchantReference']).toBe('ünï + 1');
  });

  test('an empty value is none', async () => {
    const body = form(payoutBody({ merchantReference: '', token: '' }));
    const answer = await post(body, { 'content-type': FORM });
    expect([answer.status, answer.json.errors]).toEqual([
      422,
      { token: ['The token field is required.'] },
    ]);
  });

  test('the white space around a value is no part of it, in a form only', async () => {
    const spaced = { ...payoutBody({ merchantReference: ' spaced out\t' }), amount: ' 0.02\n' };
    const answer = await post(form(spaced), { 'content-type': FORM });
    expect(answer.status).toBe(201);
    expect(answer.json.data['merchantReference']).toBe('spaced out');
    expect((await post(JSON.stringify(spaced))).json.errors).toHaveProperty('amount');
  });

  test('a number or text that is no object is a form of one name', async () => {
    const answer = await post('12', { 'content-type': FORM });
    expect(answer.status).toBe(422);
  });

  test.each(['token=USDT&token=USDT', 'amount=1&amount=2', 'token=%ff', 'token=%zz', '%=1'])(
    '%s is unreadable',
    async (body) => {
      expect((await post(body, { 'content-type': FORM })).status).toBe(400);
    },
  );
});

describe('400', () => {
  test.each([
    ['cut off', GOOD.slice(0, -1)],
    ['no JSON', 'nonsense'],
    ['a form without its type', 'network=MATIC_MAINNET&token=USDT'],
    ['a trailing comma', '{"network":"MATIC_MAINNET",}'],
    ['single quotes', "{'network':'MATIC_MAINNET'}"],
    ['a comment', '{/* x */"network":"MATIC_MAINNET"}'],
    ['garbage behind it', `${GOOD}x`],
    ['two texts', `${GOOD}${GOOD}`],
    ['NaN', '{"amount":NaN}'],
    ['Infinity', '{"amount":-Infinity}'],
    ['hexadecimal', '{"amount":0x10}'],
    ['a leading zero', '{"amount":01}'],
    ['a bare fraction', '{"amount":.5}'],
    ['an open fraction', '{"amount":1.}'],
    ['a plus sign', '{"amount":+1}'],
    ['an open exponent', '{"amount":1e}'],
    ['a raw control character', '{"network":"a\u0001"}'],
    ['a raw line break', '{"network":"a\nb"}'],
    ['a bad escape', String.raw`{"network":"\x41"}`],
    ['a short escape', String.raw`{"network":"\u12"}`],
    ['an undefined word', '{"amount":undefined}'],
    ['a key without quotes', '{network:"MATIC_MAINNET"}'],
    ['a byte-order mark', `\uFEFF${GOOD}`],
    ['a no-break space', `\u00A0${GOOD}`],
    ['a key twice', GOOD.replace('{', '{"amount":0.03,')],
    ['a key twice with one value', GOOD.replace('{', '{"amount":0.02,')],
    ['a text key twice with one value', GOOD.replace('{', '{"token":"USDT",')],
    ['a key twice by escape', GOOD.replace('{', String.raw`{"\u0061mount":0.02,`)],
    ['a key twice further in', GOOD.replace('{', '{"x":{"y":[{"a":1,"a":1}]},')],
    ['__proto__ twice', GOOD.replace('{', '{"__proto__":1,"__proto__":1,')],
    ['an array bomb', '['.repeat(60_000)],
    ['an object bomb', '{"a":'.repeat(12_000)],
    ['a closed bomb', `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
    ['an open string of escapes', `{"${String.raw`\"`.repeat(30_000)}`],
  ])('%s', async (_name, body) => {
    for (const type of ['application/json', 'text/plain', ...(/^[{[]/.test(body) ? [FORM] : [])]) {
      const answer = await post(body, { 'content-type': type });
      expect(answer.json).toEqual({
        success: false,
        message: expect.stringMatching(/^The request body /) as string,
        status: 400,
        data: null,
      });
      expect(answer.status).toBe(400);
    }
  });

  test.each([
    ['not UTF-8', Buffer.from(GOOD.replace('USDT', '\u00ff'), 'latin1')],
    [
      'an overlong NUL',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0x80]), Buffer.from('"}')]),
    ],
    ['UTF-16', Buffer.from(GOOD, 'utf16le')],
    ['NUL bytes', Buffer.alloc(100)],
    ['gzip without saying so', Buffer.from('1f8b0800000000000003', 'hex')],
  ])('%s', async (_name, bytes) => {
    expect((await post(new Uint8Array(bytes), { 'content-type': 'text/plain' })).status).toBe(400);
  });
});

describe('413', () => {
  const LIMIT = 64 * 1024;

  test('a body of 64 KiB is read, one byte more is not', async () => {
    const fill = (length: number): string => GOOD.padEnd(length, ' ');
    expect((await post(fill(LIMIT))).status).toBe(201);
    expect((await post(fill(LIMIT + 1))).json).toMatchObject({ success: false, status: 413 });
  });

  test('ten megabytes, of known and of unknown length', async () => {
    const big = `{"network":"${'x'.repeat(10 * 1024 * 1024)}"}`;
    const answer = await post(big);
    expect([answer.status, answer.json.message]).toEqual([
      413,
      'The request body must not be longer than 65536 bytes.',
    ]);
    const chunk = `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`;
    const chunked = await exchange([head(['Transfer-Encoding: chunked']), chunk]);
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
    expect((await api.call('GET', PAYOUTS)).status).toBe(200);
  });

  test('without a credential it is not read at all', async () => {
    const answer = await api.send('POST', PAYOUTS, { body: 'x'.repeat(10 * 1024 * 1024) });
    expect(answer.status).toBe(401);
  });
});

describe('415', () => {
  test.each(['gzip', 'br', 'GZIP, identity'])('Content-Encoding: %s', async (encoding) => {
    const answer = await post(GOOD, { 'content-encoding': encoding });
    expect([answer.status, answer.json.success]).toEqual([415, false]);
  });

  test('identity is no encoding', async () => {
    expect((await post(GOOD, { 'content-encoding': 'identity' })).status).toBe(201);
  });
});

describe('422', () => {
  test.each(['[]', '[{"network":"MATIC_MAINNET"}]', '"text"', '12', 'null', 'true'])(
    'the JSON %s is no object',
    async (body) => {
      const answer = await post(body, { 'content-type': 'application/json' });
      expect([answer.status, answer.json.errors]).toEqual([
        422,
        { body: ['The request body must be a JSON object.'] },
      ]);
    },
  );

  test.each(['', ' \n'])('no body (%j) has no fields', async (body) => {
    const answer = await post(body);
    expect(answer.json.message).toBe('The network field is required. (and 3 more errors)');
  });
});

test('a request of HTTP/1.1 without a Host has an answer of ours', async () => {
  const bare = [`GET ${PAYOUTS} HTTP/1.1`, `X-API-KEY: ${api.tenant.apiKey}`, 'Connection: close'];
  const answer = await exchange(`${bare.join('\r\n')}\r\n\r\n`);
  const [lines = '', text = ''] = answer.split('\r\n\r\n');
  expect(lines).toMatch(/^HTTP\/1\.1 400 /);
  expect(lines.toLowerCase()).toContain('x-request-id: ');
  expect(JSON.parse(text)).toEqual({
    success: false,
    message: 'The request has no Host header.',
    status: 400,
    data: null,
  });
  const older = await exchange(`${bare.join('\r\n').replace('1.1', '1.0')}\r\n\r\n`);
  expect(older).toMatch(/^HTTP\/1\.1 200 /);
});

test('half a body ends the request and nothing else', async () => {
  const socket = connect(api.port, '127.0.0.1');
  await new Promise<void>((resolve) => {
    socket.write(head(['Content-Length: 500']) + GOOD, () => resolve());
  });
  socket.destroy();
  expect((await api.call('GET', PAYOUTS)).status).toBe(200);
});
