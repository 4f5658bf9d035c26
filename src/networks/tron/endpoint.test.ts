import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { present } from '../../base/assert.ts';
import { RpcFailure, RpcSilence } from '../nodes/json-rpc.ts';
import { createTronEndpoints, NodeBusy, type TronEndpoint } from './endpoint.ts';

type Answer = (response: ServerResponse) => void;

let answer: Answer = () => undefined;
let asked: { url: string | undefined; method: string | undefined; body: string }[] = [];
let headers: IncomingMessage['headers'] = {};
const server = createServer((request: IncomingMessage, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { url, method } = request;
    headers = request.headers;
    asked.push({ url, method, body: Buffer.concat(chunks).toString() });
    answer(response);
  });
});
let base = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
});

function says(body: string, status = 200): Answer {
  return (response) => response.writeHead(status).end(body);
}

function endpointAt(url: string, timeoutMs = 5_000): TronEndpoint {
  return present(createTronEndpoints([url], timeoutMs)[0], 'one URL gives one endpoint');
}

async function failure(url = base, timeoutMs?: number): Promise<Error> {
  try {
    await endpointAt(url, timeoutMs).request('wallet/getblock', {});
  } catch (error) {
    if (error instanceof RpcFailure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('a question', () => {
  it('is posted once, as JSON, below the base URL', async () => {
    answer = says('{"blockID":"00"}');
    const found = await endpointAt(`${base}/tron/`).request('wallet/getblock', { detail: false });
    expect(found).toEqual({ blockID: '00' });
    expect(asked).toEqual([
      { url: '/tron/wallet/getblock', method: 'POST', body: '{"detail":false}' },
    ]);
  });

  it.each(['{}', '[]', 'null', '{"error":"lower case is a field"}'])(
    'may be answered by %s',
    async (text) => {
      answer = says(text);
      expect(await endpointAt(base).request('wallet/x', {})).toEqual(JSON.parse(text));
    },
  );
});

describe('credentials in the URL', () => {
  const withUser = (user: string): string => base.replace('//', `//${user}@`);

  it('are a key in a header of that name', async () => {
    answer = says('{}');
    await endpointAt(withUser('TRON-PRO-API-KEY:a%2Fkey')).request('wallet/x', {});
    expect(headers['tron-pro-api-key']).toBe('a/key');
    expect(headers.authorization).toBeUndefined();
  });

  it('are a name and a password otherwise', async () => {
    answer = says('{}');
    await endpointAt(withUser('me:secret')).request('wallet/x', {});
    expect(headers.authorization).toBe(`Basic ${btoa('me:secret')}`);
  });
});

describe('a failure', () => {
  it.each([
    [
      "java-tron's error with 200",
      says('{"Error":"class java.lang.Exception : this API is closed"}'),
      'this API is closed',
    ],
    ['an error that is no text', says('{"Error":{"a":1}}'), 'an error without a message'],
    ['an empty body', says(''), 'not JSON'],
    ['HTML', says('<html></html>'), 'not JSON'],
    ['a cut answer', says('{"blockID":'), 'not JSON'],
    ['HTTP 503', says('{"blockID":"00"}', 503), 'HTTP 503'],
    ['HTTP 404', says('{}', 404), 'HTTP 404'],
    ['HTTP 429', says('{"Error":"frequency exceeds"}', 429), 'HTTP 429'],
    ['a redirect', says('{}', 302), 'HTTP 302'],
    ['HTTP 204', says('', 204), 'HTTP 204'],
  ])('is %s', async (_, given, words) => {
    answer = given;
    const error = await failure();
    expect(error).not.toBeInstanceOf(RpcSilence);
    expect(error.message).toMatch(/^node 1 of 1, wallet\/getblock: /);
    expect(error.message).toContain(words);
  });

  it.each([
    ['HTTP 429', says('too many', 429), true],
    ['HTTP 503', says('', 503), true],
    [
      "java-tron's limiter",
      says('{"Error":"class java.lang.IllegalAccessException : lack of computing resources"}'),
      true,
    ],
    [
      "a provider's limiter",
      says('{"Error":"request rate exceeded the allowed_rps: frequency limit"}'),
      true,
    ],
    ['HTTP 500', says('', 500), false],
    ['another error', says('{"Error":"class java.lang.NullPointerException : null"}'), false],
  ])('tells whether the node is busy: %s', async (_, given, isBusy) => {
    answer = given;
    expect((await failure()) instanceof NodeBusy).toBe(isBusy);
  });

  it('is silence where nothing comes', async () => {
    answer = () => undefined;
    expect(await failure(base, 50)).toBeInstanceOf(RpcSilence);
    answer = (response) => response.socket?.destroy();
    expect(await failure()).toBeInstanceOf(RpcSilence);
    expect(await failure('http://127.0.0.1:9')).toBeInstanceOf(RpcSilence);
  });

  it('shows no part of the URL', async () => {
    answer = says('{"Error":"no key 0123456789abcdef at /0123456789abcdef/wallet"}');
    const { message } = await failure(`${base}/0123456789abcdef`);
    expect(message).toBe('node 1 of 1, wallet/getblock: no key [hidden] at /[hidden]/wallet');
    expect(message).not.toContain('127.0.0.1');
  });

  it.each(['not a URL', 'ftp://127.0.0.1/', 'http://a%:b@127.0.0.1/'])('is the URL %j', (url) => {
    expect(() => createTronEndpoints([url], 1_000)).toThrow(/^node 1 of 1: /);
  });
});
