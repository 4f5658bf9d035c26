import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestOwner } from '../../test/harness/owner.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { testIds } from '../../test/harness/world.ts';
import { formatUuid, uuidBytes } from '../base/id.ts';
import { systemRandom } from '../base/random.ts';
import { createApiKey, createApiKeyVerifier, revokeApiKey, type ApiKeyOrder } from './api-key.ts';

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

const at = new Date('2026-11-05T10:00:00Z');
const sources = { ids: testIds, random: systemRandom };
const refused = { name: 'Fault', code: 'API_KEY_INVALID', message: 'Invalid API key' };

async function create(order: Partial<ApiKeyOrder> = {}) {
  return await db.database.transaction(
    async (tx) =>
      await createApiKey(tx, sources, { businessId, userId, name: 'A key', at, ...order }),
  );
}

async function verify(text: string, now = at) {
  return (await createApiKeyVerifier(db.database)(text, now)).caller;
}

function bytesOf(apiKey: string): Buffer {
  return Buffer.from(apiKey.slice('knit_key_'.length), 'base64url');
}

function textOf(bytes: Uint8Array): string {
  return `knit_key_${Buffer.from(bytes).toString('base64url')}`;
}

describe('a good key', () => {
  test('names its caller', async () => {
    const { apiKey, apiKeyId } = await create();
    expect(await verify(apiKey)).toEqual({
      businessId,
      userId,
      credentialKind: 'API_KEY',
      credentialId: apiKeyId,
      scopes: ['*'],
    });
  });

  test('is its business, its id and 32 secret bytes, of which only the SHA-256 is stored', async () => {
    const { apiKey, apiKeyId } = await create();
    const bytes = bytesOf(apiKey);
    expect(bytes).toHaveLength(64);
    expect(formatUuid(bytes.subarray(0, 16))).toBe(businessId);
    expect(formatUuid(bytes.subarray(16, 32))).toBe(apiKeyId);
    const [row] = await db.database.query<{ secret_hash: Buffer }>(
      `SELECT * FROM api_keys WHERE business_id = $1 AND api_key_id = $2`,
      [businessId, apiKeyId],
    );
    const hash = createHash('sha256').update(bytes.subarray(32)).digest();
    expect(row?.secret_hash.equals(hash)).toBe(true);
    const stored = JSON.stringify(row, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    expect(stored).not.toContain(bytes.subarray(32).toString('hex'));
  });

  test('carries the scopes that it was made with', async () => {
    const { apiKey } = await create({ scopes: ['payouts:read', 'payouts:read'] });
    expect((await verify(apiKey)).scopes).toEqual(['payouts:read']);
  });

  test('ends at its expiry, to the millisecond', async () => {
    const expiresAt = new Date('2026-11-06T10:00:00.500Z');
    const { apiKey } = await create({ expiresAt });
    await expect(verify(apiKey, new Date(expiresAt.getTime() - 1))).resolves.toBeDefined();
    await expect(verify(apiKey, expiresAt)).rejects.toMatchObject(refused);
  });
});

describe('a key is not made', () => {
  test.each([
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['payouts:delete'] }, 'scopes'],
    [{ name: ' ' }, 'name'],
    [{ expiresAt: at }, 'expiresAt'],
    [{ expiresAt: new Date(Number.NaN) }, 'expiresAt'],
  ])('with %j', async (order, field) => {
    await expect(create(order)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      fields: { [field]: [expect.any(String)] },
    });
  });

  test('for a user of another business', async () => {
    const other = await createTestOwner(db.database);
    await expect(create({ userId: other.userId })).rejects.toMatchObject({ code: '23503' });
  });
});

describe('revoking', () => {
  const revoke = async (order: { businessId: string; apiKeyId: string }, when = at) => {
    await db.database.transaction(async (tx) => {
      await revokeApiKey(tx, { ...order, at: when });
    });
  };

  test('takes effect at once, can be repeated, and keeps its first time', async () => {
    const { apiKey, apiKeyId } = await create();
    await revoke({ businessId, apiKeyId });
    await expect(verify(apiKey)).rejects.toMatchObject(refused);
    await revoke({ businessId, apiKeyId }, new Date(at.getTime() + 5000));
    expect(
      await db.database.query(`SELECT revoked_at FROM api_keys WHERE api_key_id = $1`, [apiKeyId]),
    ).toEqual([{ revoked_at: at }]);
  });

  test('reaches no other business', async () => {
    const other = await createTestOwner(db.database);
    const { apiKey, apiKeyId } = await create();
    const attempt = revoke({ businessId: other.businessId, apiKeyId });
    await expect(attempt).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(verify(apiKey)).resolves.toBeDefined();
  });

  test.each(['not a uuid', '00000000-0000-7000-8000-000000000000'])('knows no %s', async (id) => {
    const attempt = revoke({ businessId, apiKeyId: id });
    await expect(attempt).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a wrong key', () => {
  test('is refused in every form with one message', async () => {
    const { apiKey } = await create();
    const bare = apiKey.slice('knit_key_'.length);
    const wrong = [
      '',
      ' ',
      'knit_key_',
      bare,
      `Knit_Key_${bare}`,
      `knit_secret_${bare}`,
      `${apiKey} `,
      ` ${apiKey}`,
      `${apiKey}=`,
      `${apiKey}\n`,
      apiKey.slice(0, -1),
      `${apiKey}A`,
      apiKey.toUpperCase(),
      `${apiKey.slice(0, -2)}\u0000\u0000`,
      `knit_key_${'é'.repeat(bare.length)}`,
      `knit_key_${'='.repeat(bare.length)}`,
      'knit_key_'.repeat(100_000),
      'x'.repeat(apiKey.length),
      '__proto__',
    ];
    for (const text of wrong) await expect(verify(text)).rejects.toMatchObject(refused);
  });

  test('is refused where any one character is another', async () => {
    const { apiKey } = await create();
    const letters = 'ABCXYZabcxyz0189-_+/= .%'.split('');
    await fc.assert(
      fc.asyncProperty(
        fc.nat(apiKey.length - 1),
        fc.constantFrom(...letters),
        async (position, letter) => {
          const changed = apiKey.slice(0, position) + letter + apiKey.slice(position + 1);
          fc.pre(changed !== apiKey);
          await expect(verify(changed)).rejects.toMatchObject(refused);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is refused in another spelling of the same bytes', async () => {
    const { apiKey } = await create();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(apiKey.at(-1) ?? '');
    const respelled = apiKey.slice(0, -1) + (alphabet[last + 1] ?? '');
    expect(bytesOf(respelled)).toEqual(bytesOf(apiKey));
    await expect(verify(respelled)).rejects.toMatchObject(refused);
  });

  test('is refused with the business, the id or the secret of another key', async () => {
    const other = await createTestOwner(db.database);
    const [mine, theirs] = [await create(), await create(other)];
    const [a, b] = [bytesOf(mine.apiKey), bytesOf(theirs.apiKey)];
    const parts = (bytes: Buffer) => [
      bytes.subarray(0, 16),
      bytes.subarray(16, 32),
      bytes.subarray(32),
    ];
    const [[a1, a2, a3], [b1, b2, b3]] = [parts(a), parts(b)];
    const mixes = [
      [b1, a2, a3],
      [a1, b2, a3],
      [a1, a2, b3],
      [b1, b2, a3],
      [b1, a2, b3],
      [a1, b2, b3],
      [a1, uuidBytes(testIds.next()), a3],
      [uuidBytes(testIds.next()), a2, a3],
      [a1, a2, new Uint8Array(32)],
    ];
    for (const mix of mixes) {
      const text = textOf(Buffer.concat(mix.map((part) => part ?? new Uint8Array())));
      await expect(verify(text)).rejects.toMatchObject(refused);
    }
    await expect(verify(textOf(a))).resolves.toMatchObject({ businessId });
  });
});
