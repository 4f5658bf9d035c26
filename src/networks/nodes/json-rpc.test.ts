import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startScriptedRpc,
  type ScriptedAnswer,
  type ScriptedRpc,
} from '../../../test/harness/scripted-rpc.ts';
import {
  createRpcEndpoints,
  RpcErrorAnswer,
  RpcFailure,
  RpcSilence,
  type RpcEndpoint,
} from './json-rpc.ts';

let server: ScriptedRpc;
beforeAll(async () => {
  server = await startScriptedRpc({});
});
afterAll(async () => {
  await server.close();
});

function endpoint(url = server.url): RpcEndpoint {
  const [first] = createRpcEndpoints([url], 300);
  if (first === undefined) throw new Error('no endpoint');
  return first;
}

async function ask(answer: ScriptedAnswer): Promise<unknown> {
  server.script = { eth_x: () => answer };
  return await endpoint().request('eth_x', []);
}

describe('an answer', () => {
  it.each([
    ['a value', '0x1'],
    ['null', null],
    ['an object', { a: 1 }],
  ])('may be %s', async (_, result) => {
    expect(await ask({ result })).toEqual(result);
  });

  it.each<[string, ScriptedAnswer, string]>([
    ['no answer', 'hang', 'no answer within 300 ms'],
    ['HTML', { body: '<html>502</html>', status: 502 }, 'not JSON'],
    ['HTML with 200', { body: '<html>ok</html>' }, 'not JSON'],
    ['an empty body', { body: '' }, 'not JSON'],
    ['an array', { body: '[]' }, 'not JSON-RPC 2.0'],
    ['another version', { body: '{"jsonrpc":"1.0","id":1,"result":1}' }, 'not JSON-RPC 2.0'],
    ['another id', { body: '{"jsonrpc":"2.0","id":999,"result":1}' }, 'another question'],
    ['no result', { body: '{"jsonrpc":"2.0","id":1}' }, 'no result'],
    [
      'a result with HTTP 500',
      { body: '{"jsonrpc":"2.0","id":1,"result":1}', status: 500 },
      'HTTP 500',
    ],
    [
      'an error that is a text',
      { body: '{"jsonrpc":"2.0","id":1,"error":"x"}' },
      'not JSON-RPC 2.0',
    ],
    ['a redirect', { body: '', status: 302, headers: { location: '/' } }, 'HTTP 302'],
    [
      'a redirect with a result',
      { body: '{"jsonrpc":"2.0","id":1,"result":1}', status: 307, headers: { location: '/' } },
      'HTTP 307',
    ],
    [
      'a redirect with an error',
      { body: '{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"x"}}', status: 301 },
      'HTTP 301',
    ],
    ['one that never ends', 'drip', 'no answer within 300 ms'],
    ['a connection that is reset', 'reset', 'no answer \\(ECONNRESET\\)'],
    ['one that breaks off', 'cut', 'no answer \\(ECONNRESET\\)'],
    [
      'a compressed one',
      { body: '\u001f\u008b', headers: { 'content-encoding': 'gzip' } },
      'not JSON',
    ],
    [
      'both a result and an error',
      { body: '{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":3,"message":"x"}}' },
      'both a result and an error',
    ],
  ])('is not %s', async (_, answer, message) => {
    await expect(ask(answer)).rejects.toThrow(RpcFailure);
    await expect(ask(answer)).rejects.toThrow(new RegExp(message));
  });

  it('with an error keeps its code and data, also with HTTP 400', async () => {
    const body =
      '{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted","data":"0x08"}}';
    const error = await ask({ body, status: 400 }).catch((it: unknown) => it);
    expect(error).toBeInstanceOf(RpcErrorAnswer);
    expect(error).toMatchObject({ code: 3, data: '0x08' });
  });

  it.each(['null', '999', '"1"'])('with an error for id %s is none', async (id) => {
    const body = `{"jsonrpc":"2.0","id":${id},"error":{"code":3,"message":"execution reverted"}}`;
    const error = await ask({ body }).catch((it: unknown) => it);
    expect(error).toBeInstanceOf(RpcFailure);
    expect(error).not.toBeInstanceOf(RpcErrorAnswer);
  });

  it.each([401, 402, 403, 429, 502, 503, 504])(
    'with an error and HTTP %i is none',
    async (status) => {
      const body = '{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted"}}';
      const error = await ask({ body, status }).catch((it: unknown) => it);
      expect(error).toBeInstanceOf(RpcFailure);
      expect(error).not.toBeInstanceOf(RpcErrorAnswer);
      expect(String(error)).toContain(`HTTP ${status}: execution reverted`);
    },
  );

  it('may not be endless', async () => {
    server.script = { eth_x: () => ({ flood: 70_000_000 }) };
    const [patient] = createRpcEndpoints([server.url], 30_000);
    await expect(patient?.request('eth_x', [])).rejects.toThrow(/too large$/);
  });

  it.each<ScriptedAnswer>(['hang', 'drip', 'reset', 'cut'])(
    'that does not come, %s, is silence',
    async (how) => {
      await expect(ask(how)).rejects.toBeInstanceOf(RpcSilence);
    },
  );

  it('comes over the connection of the one before', async () => {
    server.script = { eth_x: () => ({ result: 1 }) };
    const before = server.connections();
    const it = endpoint();
    for (let index = 0; index < 5; index += 1) await it.request('eth_x', []);
    expect(server.connections()).toBe(before + 1);
  });

  it('asks once, whatever comes', async () => {
    const before = server.asked.length;
    await ask({ body: 'x' }).catch(() => undefined);
    expect(server.asked.length).toBe(before + 1);
  });
});

describe('a URL', () => {
  it('never shows in an error', async () => {
    server.script = { eth_x: () => 'hang' };
    const failures = [
      endpoint(`${server.url}/v3/SECRETKEY`).request('eth_x', []),
      endpoint('http://127.0.0.1:9/SECRETKEY').request('eth_x', []),
    ];
    for (const failure of await Promise.allSettled(failures)) {
      expect(failure.status).toBe('rejected');
      const reason: unknown = failure.status === 'rejected' ? failure.reason : null;
      expect(
        `${String(reason)} ${JSON.stringify(reason)} ${(reason as Error).stack}`,
      ).not.toContain('SECRETKEY');
    }
    expect(() => createRpcEndpoints(['SECRETKEY'], 300)).toThrow(
      /^node 1 of 1: the RPC URL is not a URL$/,
    );
    expect(() => createRpcEndpoints(['ftp://SECRETKEY'], 300)).toThrow(/neither http nor https$/);
  });

  it.each([
    ['of the path', '/v3/SECRETKEY', 200],
    ['of the query, encoded', '/?apikey=SECRET%2BKEY', 200],
    ['of a request that is refused', '/v3/SECRETKEY', 401],
  ])('never shows in what the node itself says: a key %s', async (_, path, status) => {
    const url = `${server.url}${path}`;
    const said = `SECRETKEY or SECRET+KEY is not a key, see ${url}`;
    const error = { code: -32_000, message: said };
    server.script = {
      eth_x: () => ({ body: JSON.stringify({ jsonrpc: '2.0', id: 1, error }), status }),
    };
    const failure = await endpoint(url)
      .request('eth_x', [])
      .catch((it: unknown) => it);
    const { host } = new URL(url);
    expect(failure).toBeInstanceOf(RpcFailure);
    expect(String(failure)).toContain('is not a key');
    const key = path.includes('%') ? /SECRET(%2B|\+)KEY/ : /SECRETKEY/;
    expect(`${String(failure)} ${JSON.stringify(failure)}`).not.toMatch(key);
    expect(String(failure)).not.toContain(host);
  });

  it('may hold credentials', async () => {
    server.script = { eth_x: () => ({ result: 1 }) };
    const url = server.url.replace('http://', 'http://user:p%40ss@');
    expect(await endpoint(url).request('eth_x', [])).toBe(1);
    expect(server.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    expect(() => endpoint('http://SECRETKEY%:x@127.0.0.1')).toThrow(
      /^node 1 of 1: the credentials in the RPC URL are not percent-encoded$/,
    );
  });
});
