import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { createApiKey, revokeApiKey } from '../../src/businesses/api-key.ts';
import { createOauthClient, revokeOauthClient } from '../../src/businesses/oauth-client.ts';
import {
  PAYOUTS,
  WALLETS,
  payoutBody,
  startApi,
  type Api,
  type ApiAnswer,
} from '../harness/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

async function tokenOf(
  client: { clientId: string; clientSecret: string },
  scope?: string,
): Promise<string> {
  const answer = await api.send('POST', '/oauth/token', {
    body: {
      grant_type: 'client_credentials',
      client_id: client.clientId,
      client_secret: client.clientSecret,
      ...(scope === undefined ? {} : { scope }),
    },
  });
  return (JSON.parse(answer.text) as { access_token: string }).access_token;
}

/** Where the credential is refused nothing else is looked at: the body has mistakes of its own. */
async function refused(headers: Record<string, string>): Promise<ApiAnswer> {
  const [answer, read] = await Promise.all([
    api.send('POST', PAYOUTS, { body: '{broken', headers }),
    api.send('GET', `${PAYOUTS}/nonsense`, { headers }),
  ]);
  expect([answer.status, read.status]).toEqual([401, 401]);
  expect(read.text).toBe(answer.text);
  expect(answer.json).toMatchObject({ success: false, status: 401, data: null });
  expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  return answer;
}

async function owner(): Promise<{ businessId: string; userId: string; at: Date }> {
  const { businessId, userId } = api.tenant;
  return await Promise.resolve({ businessId, userId, at: api.clock.now() });
}

const sources = (): { ids: Api['ids']; random: typeof systemRandom } => ({
  ids: api.ids,
  random: systemRandom,
});

async function newKey(
  order: { scopes?: string[]; expiresAt?: Date } = {},
): Promise<{ apiKeyId: string; apiKey: string }> {
  const forKey = { ...(await owner()), name: 'Another key', ...order };
  return await api.database.transaction(async (tx) => await createApiKey(tx, sources(), forKey));
}

async function newClient(): Promise<{
  oauthClientId: string;
  clientId: string;
  clientSecret: string;
}> {
  const forClient = { ...(await owner()), name: 'Another client' };
  return await api.database.transaction(
    async (tx) => await createOauthClient(tx, sources(), forClient),
  );
}

describe('a good credential', () => {
  test('an API key', async () => {
    expect(
      (await api.send('GET', PAYOUTS, { headers: { 'X-API-KEY': api.tenant.apiKey } })).status,
    ).toBe(200);
  });

  test.each(['Bearer', 'bearer', 'BEARER  '])('a token as %s', async (scheme) => {
    const authorization = `${scheme} ${await tokenOf(api.tenant)}`;
    expect((await api.send('GET', PAYOUTS, { headers: { authorization } })).status).toBe(200);
  });

  test('a token, also beside a bad API key; the audit names the client', async () => {
    const authorization = `Bearer ${await tokenOf(api.tenant)}`;
    const headers = { authorization, 'x-api-key': 'nonsense' };
    const answer = await api.send('POST', PAYOUTS, { body: payoutBody(), headers });
    expect(answer.status).toBe(201);
    expect(
      await api.database.query(
        'SELECT credential_kind, credential_id FROM payout_audits WHERE payout_id = $1',
        [answer.json.data['id']],
      ),
    ).toEqual([{ credential_kind: 'OAUTH_CLIENT', credential_id: api.tenant.oauthClientId }]);
  });

  test('an API key beside another scheme, which is no token', async () => {
    const headers = { authorization: 'Basic dTpw', 'x-api-key': api.tenant.apiKey };
    expect((await api.send('GET', PAYOUTS, { headers })).status).toBe(200);
  });

  test('an API key that expires later', async () => {
    const { apiKey } = await newKey({ expiresAt: new Date(api.clock.now().getTime() + 60_000) });
    expect((await api.send('GET', PAYOUTS, { headers: { 'x-api-key': apiKey } })).status).toBe(200);
  });
});

describe('401 Authentication required. Provide a Bearer token.', () => {
  test.each([
    {},
    { 'x-api-key': '' },
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: 'Basic dTpw' },
    { authorization: 'Digest x' },
    { authorization: 'eyJhbGciOiJIUzI1NiJ9.e30.x' },
  ])('%j', async (headers) => {
    const answer = await refused(headers);
    expect(answer.json.message).toBe('Authentication required. Provide a Bearer token.');
  });

  test('an empty Bearer is not rescued by a good API key', async () => {
    await refused({ authorization: 'Bearer ', 'x-api-key': api.tenant.apiKey });
  });
});

describe('401 Invalid or expired OAuth token', () => {
  async function invalid(token: string, more: Record<string, string> = {}): Promise<void> {
    const answer = await refused({ authorization: `Bearer ${token}`, ...more });
    expect(answer.json.message).toBe('Invalid or expired OAuth token');
  }

  test.each(['nonsense', 'a.b.c', 'two words', 'x'.repeat(5000), '..', 'eyJhbGciOiJub25lIn0.e30.'])(
    'the token %s',
    async (token) => {
      await invalid(token);
    },
  );

  test('it is not rescued by a good API key', async () => {
    await invalid('nonsense', { 'x-api-key': api.tenant.apiKey });
  });

  test('an API key is no token, and a token no API key', async () => {
    await invalid(api.tenant.apiKey);
    const answer = await refused({ 'x-api-key': await tokenOf(api.tenant) });
    expect(answer.json.message).toBe('Invalid API key');
  });

  test('a changed signature, a changed content, no algorithm', async () => {
    const token = await tokenOf(api.tenant);
    const [head = '', claims = '', signature = ''] = token.split('.');
    const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
    await invalid([head, claims, flipped].join('.'));
    const content = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object;
    const other = { ...content, business: api.otherTenant.businessId };
    const encode = (part: object): string =>
      Buffer.from(JSON.stringify(part)).toString('base64url');
    await invalid([head, encode(other), signature].join('.'));
    await invalid(`${encode({ alg: 'none', typ: 'at+jwt' })}.${claims}.`);
    await invalid(`${encode({ alg: 'none', typ: 'at+jwt' })}.${claims}.${signature}`);
  });

  test("another server's token", async () => {
    const other = await startApi();
    const authorization = `Bearer ${await tokenOf(api.tenant)}`;
    const answer = await other.send('GET', PAYOUTS, { headers: { authorization } });
    expect(answer.json.message).toBe('Invalid or expired OAuth token');
    await other.close();
  });

  test('after 15 minutes', async () => {
    const token = await tokenOf(api.tenant);
    const headers = { authorization: `Bearer ${token}` };
    api.advance(899_000 - 5000);
    expect((await api.send('GET', PAYOUTS, { headers })).status).toBe(200);
    api.advance(6000);
    await invalid(token);
  });
});

describe('401 OAuth client not found or has been revoked', () => {
  test('a good token of a client that is revoked since', async () => {
    const client = await newClient();
    const authorization = `Bearer ${await tokenOf(client)}`;
    expect((await api.send('GET', PAYOUTS, { headers: { authorization } })).status).toBe(200);
    const order = { ...(await owner()), oauthClientId: client.oauthClientId };
    await api.database.transaction(async (tx) => {
      await revokeOauthClient(tx, order);
    });
    const answer = await refused({ authorization, 'x-api-key': api.tenant.apiKey });
    expect(answer.json.message).toBe('OAuth client not found or has been revoked');
  });
});

describe('401 Invalid API key', () => {
  async function invalid(apiKey: string): Promise<void> {
    const answer = await refused({ 'x-api-key': apiKey });
    expect(answer.json.message).toBe('Invalid API key');
  }

  test('nonsense, a wrong secret, another id, white space', async () => {
    const { apiKey } = api.tenant;
    const last = apiKey.at(-1) === 'A' ? 'Q' : 'A';
    const other = apiKey[40] === 'A' ? 'B' : 'A';
    await invalid('nonsense');
    await invalid(apiKey.slice(0, -1));
    await invalid(apiKey.slice(0, -1) + last);
    await invalid(`${apiKey}A`);
    await invalid(apiKey.toUpperCase());
    await invalid(`${apiKey.slice(0, 40)}${other}${apiKey.slice(41)}`);
    await invalid(`${apiKey}, ${apiKey}`);
    await invalid("' OR 1=1 --");
  });

  test('revoked', async () => {
    const { apiKeyId, apiKey } = await newKey();
    expect((await api.send('GET', PAYOUTS, { headers: { 'x-api-key': apiKey } })).status).toBe(200);
    const order = { ...(await owner()), apiKeyId };
    await api.database.transaction(async (tx) => {
      await revokeApiKey(tx, order);
    });
    await invalid(apiKey);
  });

  test('expired', async () => {
    const { apiKey } = await newKey({ expiresAt: new Date(api.clock.now().getTime() + 60_000) });
    api.advance(60_000);
    await invalid(apiKey);
  });
});

describe('401 Insufficient permissions', () => {
  const OPERATIONS = [
    ['POST', PAYOUTS, 'payouts:write'],
    ['GET', PAYOUTS, 'payouts:read'],
    ['GET', `${PAYOUTS}/x`, 'payouts:read'],
    ['GET', `${PAYOUTS}/x/status`, 'payouts:read'],
    ['GET', `${PAYOUTS}/x/attempts`, 'payouts:read'],
    ['POST', WALLETS, 'payout-wallets:write'],
    ['GET', WALLETS, 'payout-wallets:read'],
    ['GET', `${WALLETS}/x`, 'payout-wallets:read'],
  ] as const;
  const GIVEN: Record<string, readonly string[]> = {
    'payouts:read': ['payouts:read'],
    'payouts:write': ['payouts:read', 'payouts:write'],
    'payout-wallets:read': ['payout-wallets:read'],
    'payout-wallets:write': ['payout-wallets:read', 'payout-wallets:write'],
    '*': OPERATIONS.map(([, , scope]) => scope),
  };

  test.each(Object.keys(GIVEN))('with the scope %s, by key and by token', async (held) => {
    const { apiKey } = await newKey({ scopes: [held] });
    const authorization = `Bearer ${await tokenOf(api.tenant, held)}`;
    for (const [method, path, needed] of OPERATIONS) {
      for (const headers of [{ 'x-api-key': apiKey }, { authorization }]) {
        const body = method === 'POST' ? { body: '{broken' } : {};
        const answer = await api.send(method, path, { headers, ...body });
        const isGiven = GIVEN[held]?.includes(needed) === true;
        const message = `Insufficient permissions. This action requires scope: ${needed}`;
        expect(answer.status === 401 ? answer.json.message : 'let in').toBe(
          isGiven ? 'let in' : message,
        );
      }
    }
  });
});
