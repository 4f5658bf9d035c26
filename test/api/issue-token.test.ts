import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { createOauthClient, revokeOauthClient } from '../../src/businesses/oauth-client.ts';
import { PAYOUTS, startApi, type Api, type SendOptions } from '../harness/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function ask(options: SendOptions): Promise<TokenAnswer> {
  const { status, headers, text } = await api.send('POST', '/oauth/token', options);
  expect(headers.get('cache-control')).toBe('no-store');
  return { status, headers, body: JSON.parse(text) as Record<string, unknown> };
}

function request(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { clientId, clientSecret } = api.tenant;
  const client = { client_id: clientId, client_secret: clientSecret };
  return { grant_type: 'client_credentials', ...client, ...changes };
}

function form(fields: Record<string, unknown>): string {
  return new URLSearchParams(fields as Record<string, string>).toString();
}

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

async function canRead(token: unknown): Promise<boolean> {
  const headers = { authorization: `Bearer ${String(token)}` };
  return (await api.send('GET', PAYOUTS, { headers })).status === 200;
}

describe('200', () => {
  test('by JSON, without an envelope', async () => {
    const { status, headers, body } = await ask({ body: request() });
    expect(status).toBe(200);
    expect(body).toEqual({
      token_type: 'Bearer',
      expires_in: 900,
      access_token: expect.any(String) as string,
    });
    expect(headers.get('pragma')).toBe('no-cache');
    expect(await canRead(body['access_token'])).toBe(true);
  });

  test('by a form, and by JSON that curl calls a form', async () => {
    for (const body of [form(request()), JSON.stringify(request())]) {
      const answer = await ask({ body, headers: FORM });
      expect(await canRead(answer.body['access_token'])).toBe(true);
    }
  });

  test('by HTTP Basic, with the same client in the body or none', async () => {
    const { clientId, clientSecret } = api.tenant;
    const headers = { ...FORM, authorization: basic(clientId, clientSecret) };
    for (const fields of [{}, { client_id: clientId }]) {
      const body = form({ grant_type: 'client_credentials', ...fields });
      expect((await ask({ body, headers })).status).toBe(200);
    }
    const encoded = basic(encodeURIComponent(clientId).replaceAll('_', '%5F'), clientSecret);
    const body = form({ grant_type: 'client_credentials' });
    expect((await ask({ body, headers: { ...FORM, authorization: encoded } })).status).toBe(200);
  });

  test('scopes: fewer, all of them, an empty parameter', async () => {
    const wallets = await ask({ body: request({ scope: 'payout-wallets:read' }) });
    expect(await canRead(wallets.body['access_token'])).toBe(false);
    for (const scope of ['payouts:read payout-wallets:write', '*', '', null]) {
      const answer = await ask({ body: request({ scope }) });
      expect(await canRead(answer.body['access_token'])).toBe(true);
    }
  });

  test('two tokens are not the same, and both are good', async () => {
    const tokens = [await ask({ body: request() }), await ask({ body: request() })];
    const [one, two] = tokens.map(({ body }) => body['access_token']);
    expect(one).not.toBe(two);
    expect([await canRead(one), await canRead(two)]).toEqual([true, true]);
  });
});

describe('400', () => {
  test.each([
    ['no grant_type', { grant_type: undefined }, 'invalid_request'],
    ['an empty grant_type', { grant_type: '' }, 'invalid_request'],
    ['a grant_type that is no string', { grant_type: 5 }, 'invalid_request'],
    ['another grant', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['another grant', { grant_type: 'CLIENT_CREDENTIALS' }, 'unsupported_grant_type'],
    ['a client_id that is no string', { client_id: {} }, 'invalid_request'],
    ['a secret that is no string', { client_secret: [] }, 'invalid_request'],
    ['a scope that is no string', { scope: ['payouts:read'] }, 'invalid_request'],
    ['an unknown scope', { scope: 'payouts:read everything' }, 'invalid_scope'],
    ['a scope with two spaces', { scope: 'payouts:read  payouts:write' }, 'invalid_scope'],
  ])('%s (%j): %s', async (_name, changes, error) => {
    const { status, body } = await ask({ body: request(changes) });
    expect([status, body['error']]).toEqual([400, error]);
    expect(Object.keys(body)).toEqual(['error', 'error_description']);
  });

  test('a scope that the client does not hold', async () => {
    const { businessId, userId } = api.tenant;
    const client = await api.database.transaction(
      async (tx) =>
        await createOauthClient(
          tx,
          { ids: api.ids, random: systemRandom },
          { businessId, userId, name: 'reader', scopes: ['payouts:read'], at: api.clock.now() },
        ),
    );
    const named = { client_id: client.clientId, client_secret: client.clientSecret };
    for (const scope of ['payouts:write', '*']) {
      const { status, body } = await ask({ body: request({ ...named, scope }) });
      expect([status, body['error']]).toEqual([400, 'invalid_scope']);
    }
    expect((await ask({ body: request({ ...named, scope: 'payouts:read' }) })).status).toBe(200);
  });

  test.each(['{broken', '[]', '"x"', '{"grant_type":"a","grant_type":"a"}'])(
    'the body %s',
    async (body) => {
      const answer = await ask({ body });
      expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_request']);
    },
  );

  test('a parameter twice, or the client in two places', async () => {
    const { clientId, clientSecret } = api.tenant;
    const twice = await ask({ body: `${form(request())}&scope=a&scope=b`, headers: FORM });
    const headers = { authorization: basic(clientId, clientSecret) };
    const both = await ask({ body: request(), headers });
    const grant = { grant_type: 'client_credentials' };
    const two = await ask({ body: { ...grant, client_id: 'x' }, headers });
    for (const { status, body } of [twice, both, two]) {
      expect([status, body['error']]).toEqual([400, 'invalid_request']);
    }
  });
});

describe('401', () => {
  test('an unknown client, a wrong secret, another’s secret, none', async () => {
    const { clientId, clientSecret } = api.otherTenant;
    const wrong = [
      request({ client_id: 'nonsense' }),
      request({ client_secret: 'nonsense' }),
      request({ client_id: clientId }),
      request({ client_secret: clientSecret }),
      request({ client_id: undefined }),
      request({ client_secret: '' }),
      { grant_type: 'client_credentials' },
    ];
    for (const body of wrong) {
      const answer = await ask({ body });
      expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client']);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
    }
  });

  test('by HTTP Basic', async () => {
    const { clientId } = api.tenant;
    for (const authorization of [
      basic(clientId, 'x'),
      'Basic eA==',
      basic('%zz', 'x'),
      'Bearer x',
    ]) {
      const body = { grant_type: 'client_credentials' };
      const answer = await ask({ body, headers: { authorization } });
      expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client']);
    }
  });

  test('a revoked client', async () => {
    const { businessId, userId } = api.tenant;
    const at = api.clock.now();
    const client = await api.database.transaction(async (tx) => {
      const sources = { ids: api.ids, random: systemRandom };
      const made = await createOauthClient(tx, sources, { businessId, userId, name: 'gone', at });
      await revokeOauthClient(tx, { businessId, oauthClientId: made.oauthClientId, at });
      return made;
    });
    const named = { client_id: client.clientId, client_secret: client.clientSecret };
    expect((await ask({ body: request(named) })).status).toBe(401);
  });
});
