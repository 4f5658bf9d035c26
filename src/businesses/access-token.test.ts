import { createHmac } from 'node:crypto';
import { SignJWT, UnsecuredJWT, decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestOwner } from '../../test/harness/owner.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { testIds } from '../../test/harness/world.ts';
import { AssertionFailure } from '../base/assert.ts';
import { deriveKey } from '../base/derive-key.ts';
import { systemRandom } from '../base/random.ts';
import { createAccessTokenVerifier, issueAccessToken } from './access-token.ts';
import { createApiKey } from './api-key.ts';
import { addIpRange } from './ip-allow-list.ts';
import { createOauthClient, revokeOauthClient } from './oauth-client.ts';
import { OauthError } from './oauth-error.ts';

let db: TestDatabase;
let businessId: string;
let userId: string;
beforeAll(async () => {
  db = await createTestDatabase();
  ({ businessId, userId } = await createTestOwner(db.database));
});
afterAll(async () => {
  await db.drop();
});

const masterKey = new Uint8Array(32).fill(5);
const signingKey = deriveKey(masterKey, 'access-token:HS256');
const now = new Date('2026-11-05T10:00:00.900Z');
const nowSeconds = Math.floor(now.getTime() / 1000);
const sources = { ids: testIds, random: systemRandom };
const tokenInvalid = {
  name: 'Fault',
  code: 'TOKEN_INVALID',
  message: 'Invalid or expired OAuth token',
};
const clientRevoked = {
  name: 'Fault',
  code: 'CLIENT_REVOKED',
  message: 'OAuth client not found or has been revoked',
};

type Client = Awaited<ReturnType<typeof createOauthClient>>;

async function createClient(scopes?: string[], owner = { businessId, userId }): Promise<Client> {
  return await db.database.transaction(
    async (tx) =>
      await createOauthClient(tx, sources, { ...owner, name: 'A client', scopes, at: now }),
  );
}

async function revoke(client: Client): Promise<void> {
  await db.database.transaction(async (tx) => {
    await revokeOauthClient(tx, { businessId, oauthClientId: client.oauthClientId, at: now });
  });
}

async function issue(request: { clientId: string; clientSecret: string; scope?: string }) {
  return await issueAccessToken({ db: database(), ids: testIds, masterKey }, { ...request, now });
}

async function verify(token: string, moment = now) {
  const { caller } = await createAccessTokenVerifier({ db: database(), masterKey })(token, moment);
  return caller;
}

function database() {
  return db.database;
}

function after(seconds: number): Date {
  return new Date((nowSeconds + seconds) * 1000);
}

/** A token signed with our own key, with the claims changed. Undefined removes one. */
async function forge(
  client: Client,
  claims: Record<string, unknown> = {},
  header: { typ?: string; kid?: string } = {},
): Promise<string> {
  const payload = {
    sub: client.oauthClientId,
    business: businessId,
    scope: '*',
    iss: 'knit',
    aud: 'knit-api',
    iat: nowSeconds,
    exp: nowSeconds + 900,
    jti: testIds.next(),
    ...claims,
  };
  return await new SignJWT(JSON.parse(JSON.stringify(payload)) as Record<string, unknown>)
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
    .sign(signingKey);
}

describe('issuing', () => {
  test('gives a token of 15 minutes with the documented claims', async () => {
    const client = await createClient();
    const issued = await issue(client);
    expect(issued).toMatchObject({ expiresInSeconds: 900, scopes: ['*'] });
    expect(decodeProtectedHeader(issued.accessToken)).toEqual({ alg: 'HS256', typ: 'at+jwt' });
    expect(decodeJwt(issued.accessToken)).toEqual({
      sub: client.oauthClientId,
      business: businessId,
      scope: '*',
      iss: 'knit',
      aud: 'knit-api',
      iat: nowSeconds,
      exp: nowSeconds + 900,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
  });

  test('signs with HMAC-SHA-256, as another implementation computes it', async () => {
    const { accessToken } = await issue(await createClient());
    const [header = '', payload = '', signature] = accessToken.split('.');
    const expected = createHmac('sha256', signingKey).update(`${header}.${payload}`);
    expect(signature).toBe(expected.digest('base64url'));
  });

  test('gives each token an id of its own', async () => {
    const client = await createClient();
    const [one, two] = [await issue(client), await issue(client)];
    expect(decodeJwt(one.accessToken).jti).not.toBe(decodeJwt(two.accessToken).jti);
  });

  test.each([
    [['*'], undefined, ['*']],
    [['*'], '', ['*']],
    [['*'], 'payouts:read', ['payouts:read']],
    [['payouts:write'], undefined, ['payouts:write']],
    [['payouts:write'], 'payouts:read', ['payouts:read']],
    [['payouts:read', 'payouts:write'], 'payouts:write payouts:write', ['payouts:write']],
    [['payouts:read', 'payout-wallets:read'], 'payout-wallets:read', ['payout-wallets:read']],
  ])('a client of %j that asks for %j gets %j', async (held, scope, granted) => {
    const client = await createClient(held);
    const issued = await issue({ ...client, ...(scope === undefined ? {} : { scope }) });
    expect(issued.scopes).toEqual(granted);
    expect((await verify(issued.accessToken)).scopes).toEqual(granted);
  });

  test.each([
    [['payouts:read'], 'payouts:write'],
    [['payouts:read'], 'payouts:read payout-wallets:read'],
    [['payouts:read'], '*'],
    [['payouts:write', 'payout-wallets:write'], '*'],
    [['*'], 'payouts'],
    [['*'], 'payouts:read  payouts:write'],
    [['*'], ' '],
    [['*'], 'payouts:read,payouts:write'],
  ])('a client of %j that asks for %j is refused', async (held, scope) => {
    const attempt = issue({ ...(await createClient(held)), scope });
    await expect(attempt).rejects.toMatchObject({ name: 'OauthError', error: 'invalid_scope' });
  });

  test('refuses every wrong credential in one way', async () => {
    const [client, other, revoked] = [
      await createClient(),
      await createClient(),
      await createClient(),
    ];
    const stranger = await createTestOwner(database());
    const theirs = await createClient(undefined, stranger);
    await revoke(revoked);
    const ids = Buffer.from(client.clientId.slice('knit_client_'.length), 'base64url');
    const theirIds = Buffer.from(theirs.clientId.slice('knit_client_'.length), 'base64url');
    const mixed = Buffer.concat([theirIds.subarray(0, 16), ids.subarray(16)]).toString('base64url');
    const wrong = [
      { ...client, clientSecret: other.clientSecret },
      { ...client, clientId: other.clientId },
      { ...client, clientId: theirs.clientId },
      { ...client, clientId: `knit_client_${mixed}` },
      { ...client, clientId: client.oauthClientId },
      { ...client, clientId: '' },
      { ...client, clientSecret: '' },
      { ...client, clientSecret: client.clientSecret.slice(0, -1) },
      { ...client, clientSecret: `${client.clientSecret}=` },
      { ...client, clientSecret: client.clientSecret.replace('knit_secret_', 'knit_client_') },
      { ...client, clientSecret: 'x'.repeat(1_000_000) },
      revoked,
    ];
    for (const credentials of wrong) {
      await expect(issue(credentials)).rejects.toEqual(
        new OauthError('invalid_client', 'Client authentication failed.'),
      );
    }
    await expect(issue(client)).resolves.toBeDefined();
  });
});

describe('verifying', () => {
  test('names the caller', async () => {
    const client = await createClient(['payouts:write']);
    const { accessToken } = await issue(client);
    expect(await verify(accessToken)).toEqual({
      businessId,
      userId,
      credentialKind: 'OAUTH_CLIENT',
      credentialId: client.oauthClientId,
      scopes: ['payouts:write'],
    });
  });

  test('holds for 900 seconds and not one more', async () => {
    const { accessToken } = await issue(await createClient());
    await expect(verify(accessToken, after(899))).resolves.toBeDefined();
    await expect(verify(accessToken, after(900))).rejects.toMatchObject(tokenInvalid);
  });

  test('takes a token made as ours are (so that the refusals below mean something)', async () => {
    await expect(verify(await forge(await createClient()))).resolves.toBeDefined();
  });

  test.each([
    ['another issuer', { iss: 'somebody' }],
    ['another audience', { aud: 'somebody' }],
    ['no issuer', { iss: undefined }],
    ['no audience', { aud: undefined }],
    ['no subject', { sub: undefined }],
    ['no business', { business: undefined }],
    ['no scope', { scope: undefined }],
    ['no expiry', { exp: undefined }],
    ['no time of issue', { iat: undefined }],
    ['no id', { jti: undefined }],
    ['a list of audiences', { aud: ['knit-api'] }],
    ['a time of issue that is no number', { iat: '1' }],
    ['a start that is no number', { nbf: '1' }],
    ['an expiry that is no number', { exp: 'tomorrow' }],
    ['an expiry in the past', { exp: nowSeconds }],
    ['a start in the future', { nbf: nowSeconds + 60 }],
    ['a subject that is no id', { sub: "' OR 1=1" }],
    ['a business that is no id', { business: 'everyone' }],
    ['a business that is no text', { business: 1 }],
    ['a scope that is no text', { scope: ['*'] }],
  ])('refuses a token of ours with %s', async (_, claims) => {
    const token = await forge(await createClient(), claims);
    await expect(verify(token)).rejects.toMatchObject(tokenInvalid);
  });

  test('takes a start that has come', async () => {
    const token = await forge(await createClient(), { nbf: nowSeconds });
    await expect(verify(token)).resolves.toBeDefined();
  });

  test.each([
    ['another type', { typ: 'JWT' }],
    ['a header that holds more', { kid: '1' }],
  ])('refuses a token of ours with %s', async (_, header) => {
    const token = await forge(await createClient(), {}, header);
    await expect(verify(token)).rejects.toMatchObject(tokenInvalid);
  });

  test.each([['null'], ['[]'], ['"x"'], ['{'], ['']])('refuses %s for claims', async (claims) => {
    const head = Buffer.from('{"alg":"HS256","typ":"at+jwt"}').toString('base64url');
    const signed = `${head}.${Buffer.from(claims).toString('base64url')}`;
    const signature = createHmac('sha256', signingKey).update(signed).digest('base64url');
    await expect(verify(`${signed}.${signature}`)).rejects.toMatchObject(tokenInvalid);
  });

  test('names the ranges of the business with the caller', async () => {
    const owner = await createTestOwner(database());
    const client = await createClient(undefined, owner);
    const { accessToken } = await issue(client);
    const verifier = createAccessTokenVerifier({ db: database(), masterKey });
    expect(await verifier(accessToken, now)).toMatchObject({ ipRanges: [] });
    await database().transaction(async (tx) => {
      for (const range of ['203.0.113.5', '2001:db8::/32']) {
        await addIpRange(tx, testIds, {
          businessId: owner.businessId,
          range,
          label: 'office',
          at: now,
        });
      }
    });
    const { ipRanges } = await verifier(accessToken, now);
    expect(ipRanges.toSorted()).toEqual(['2001:db8::/32', '203.0.113.5']);
  });

  test('tells tokens that come together apart', async () => {
    const owners = [{ businessId, userId }, await createTestOwner(database())];
    const clients = await Promise.all(
      owners.map(async (owner) => await createClient(['payouts:read'], owner)),
    );
    const [mine, theirs] = await Promise.all(clients.map(async (client) => await issue(client)));
    const verifier = createAccessTokenVerifier({ db: database(), masterKey });
    const revoked = await createClient();
    const gone = await issue(revoked);
    await revoke(revoked);
    const tokens = [mine, theirs, mine].map((each) => each?.accessToken ?? '');
    const [outcomes, refused] = await Promise.all([
      Promise.all(tokens.map(async (token) => await verifier(token, now))),
      Promise.allSettled([verifier(gone.accessToken, now)]),
    ]);
    expect(outcomes.map(({ caller }) => caller.businessId)).toEqual([
      owners[0]?.businessId,
      owners[1]?.businessId,
      owners[0]?.businessId,
    ]);
    expect(refused[0]).toMatchObject({ status: 'rejected', reason: clientRevoked });
  });

  test.each([
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
    ['HS256', 'sha512'],
    ['HS512', 'sha256'],
  ])('refuses a token that says %s and is signed with our key by %s', async (alg, hash) => {
    const { accessToken } = await issue(await createClient());
    const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt' })).toString('base64url');
    const signed = `${header}.${accessToken.split('.')[1] ?? ''}`;
    const signature = createHmac(hash, signingKey).update(signed).digest('base64url');
    await expect(verify(`${signed}.${signature}`)).rejects.toMatchObject(tokenInvalid);
  });

  test('refuses a token without a signature, however it is written', async () => {
    const { accessToken } = await issue(await createClient());
    const unsecured = new UnsecuredJWT(decodeJwt(accessToken)).encode();
    const [header = '', payload = '', signature = ''] = accessToken.split('.');
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    const forms = [unsecured, `${none}.${payload}.`, `${none}.${payload}.${signature}`];
    for (const token of [...forms, `${header}.${payload}.`, `${header}.${payload}`]) {
      await expect(verify(token)).rejects.toMatchObject(tokenInvalid);
    }
  });

  test('refuses a token with any one character changed, cut or added', async () => {
    const { accessToken } = await issue(await createClient());
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ';
    for (let position = 0; position < accessToken.length; position += 1) {
      const before = accessToken.slice(0, position);
      const rest = accessToken.slice(position + 1);
      const next = alphabet[(alphabet.indexOf(accessToken[position] ?? '') + 1) % alphabet.length];
      await expect(verify(before + (next ?? '') + rest)).rejects.toMatchObject(tokenInvalid);
      await expect(verify(before + rest)).rejects.toMatchObject(tokenInvalid);
      const spaced = `${before} ${accessToken.slice(position)}`;
      await expect(verify(spaced)).rejects.toMatchObject(tokenInvalid);
    }
  });

  test('refuses a token with a changed claim under its old signature', async () => {
    const { accessToken } = await issue(await createClient(['payouts:read']));
    const [header, , signature] = accessToken.split('.');
    const raised = Buffer.from(JSON.stringify({ ...decodeJwt(accessToken), scope: '*' }));
    const token = [header, raised.toString('base64url'), signature].join('.');
    await expect(verify(token)).rejects.toMatchObject(tokenInvalid);
  });

  test('refuses a token under another master key, and under the master key itself', async () => {
    const client = await createClient();
    const { accessToken } = await issue(client);
    const other = { db: database(), masterKey: new Uint8Array(32).fill(6) };
    const elsewhere = createAccessTokenVerifier(other);
    await expect(elsewhere(accessToken, now)).rejects.toMatchObject(tokenInvalid);
    const underived = await new SignJWT(decodeJwt(accessToken))
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
      .sign(masterKey);
    await expect(verify(underived)).rejects.toMatchObject(tokenInvalid);
  });

  test('refuses what is no token', async () => {
    const { apiKey } = await database().transaction(
      async (tx) => await createApiKey(tx, sources, { businessId, userId, name: 'A key', at: now }),
    );
    const { clientSecret } = await createClient();
    const { accessToken } = await issue(await createClient());
    const wrong = ['', ' ', '.', '..', 'a.b.c', 'é.é.é', '\u0000', '{}', apiKey, clientSecret];
    const spelled = [`${accessToken}.`, `${accessToken}.x`, ` ${accessToken}`, `${accessToken} `];
    for (const token of [...wrong, ...spelled, 'x.'.repeat(1_000_000)]) {
      await expect(verify(token)).rejects.toMatchObject(tokenInvalid);
    }
  });

  test('asks for the client each time: a revocation takes effect at once', async () => {
    const client = await createClient();
    const { accessToken } = await issue(client);
    await expect(verify(accessToken)).resolves.toBeDefined();
    await revoke(client);
    await expect(verify(accessToken)).rejects.toMatchObject(clientRevoked);
  });

  test('takes a scope away with the client’s', async () => {
    const client = await createClient(['payouts:write', 'payout-wallets:read']);
    const { accessToken } = await issue(client);
    await database().query(
      `UPDATE oauth_clients SET scopes = $3 WHERE business_id = $1 AND oauth_client_id = $2`,
      [businessId, client.oauthClientId, ['payout-wallets:write']],
    );
    expect((await verify(accessToken)).scopes).toEqual(['payout-wallets:read']);
  });

  test('knows no client under another business, and none that never was', async () => {
    const stranger = await createTestOwner(database());
    const client = await createClient();
    const elsewhere = await forge(client, { business: stranger.businessId });
    await expect(verify(elsewhere)).rejects.toMatchObject(clientRevoked);
    const unknown = await forge(client, { sub: testIds.next() });
    await expect(verify(unknown)).rejects.toMatchObject(clientRevoked);
  });

  test('a master key of a wrong length is our mistake, not the caller’s', () => {
    const wrong = { db: database(), masterKey: masterKey.subarray(1) };
    expect(() => createAccessTokenVerifier(wrong)).toThrow(AssertionFailure);
  });

  test('a failure of the database is no answer about the token', async () => {
    const { accessToken } = await issue(await createClient());
    const broken = { query: async () => await Promise.reject(new Error('down')) };
    const attempt = createAccessTokenVerifier({ db: broken, masterKey })(accessToken, now);
    await expect(attempt).rejects.toThrow('down');
  });
});

describe('revoking a client', () => {
  test('reaches no other business and knows no stranger', async () => {
    const stranger = await createTestOwner(database());
    const client = await createClient();
    const attempts = [
      { businessId: stranger.businessId, oauthClientId: client.oauthClientId },
      { businessId, oauthClientId: testIds.next() },
      { businessId, oauthClientId: 'x' },
    ];
    for (const order of attempts) {
      const attempt = database().transaction(async (tx) => {
        await revokeOauthClient(tx, { ...order, at: now });
      });
      await expect(attempt).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect(issue(client)).resolves.toBeDefined();
  });

  test('can be repeated', async () => {
    const client = await createClient();
    await revoke(client);
    await expect(revoke(client)).resolves.toBeUndefined();
  });
});
