import { Fault, validationFault } from '../base/fault.ts';
import { formatUuid, isUuid, uuidBytes } from '../base/id.ts';
import type { Queryable, Tx } from '../database/database.ts';
import type { Caller } from './caller.ts';
import { checkName } from './internal/check-name.ts';
import { hashSecret, isSecret, newSecret, type CredentialSources } from './internal/secret.ts';
import { readTokenText, tokenText } from './internal/token-text.ts';
import { checkScopes, readScopes } from './scope.ts';

const PREFIX = 'knit_key_';
const ID_BYTES = 16;
const KEY_BYTES = 64;

export interface ApiKeyOrder {
  readonly businessId: string;
  /** The user who makes the key; payouts made with it carry this user's id. */
  readonly userId: string;
  readonly name: string;
  /** "*" where left out. */
  readonly scopes?: readonly string[] | undefined;
  /** The first moment at which the key is no longer good; never where left out. */
  readonly expiresAt?: Date | undefined;
  readonly at: Date;
}

/**
 * Makes a key: "knit_key_" and base64url of business id (16 bytes) ‖ key id (16) ‖ secret (32).
 * The key names its business, so that it is found within one shard. `apiKey` can be shown only now:
 * what is stored is the SHA-256 of its secret. Throws VALIDATION_FAILED.
 */
export async function createApiKey(
  tx: Tx,
  { ids, random }: CredentialSources,
  order: ApiKeyOrder,
): Promise<{ readonly apiKeyId: string; readonly apiKey: string }> {
  const name = checkName(order.name);
  const scopes = checkScopes(order.scopes ?? ['*']);
  if (order.expiresAt !== undefined && !(order.expiresAt > order.at)) {
    throw validationFault({ expiresAt: ['The expiry must be in the future.'] });
  }
  const apiKeyId = ids.next();
  const secret = newSecret(random);
  await tx.query(
    `INSERT INTO api_keys
       (business_id, api_key_id, user_id, name, secret_hash, scopes, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      order.businessId,
      apiKeyId,
      order.userId,
      name,
      hashSecret(secret),
      scopes,
      order.at,
      order.expiresAt ?? null,
    ],
  );
  const parts = [uuidBytes(order.businessId), uuidBytes(apiKeyId), secret];
  return { apiKeyId, apiKey: tokenText(PREFIX, parts) };
}

/** From the commit on the key opens nothing. Revoking twice is no fault. Throws NOT_FOUND. */
export async function revokeApiKey(
  tx: Tx,
  order: { readonly businessId: string; readonly apiKeyId: string; readonly at: Date },
): Promise<void> {
  const revoked = isUuid(order.apiKeyId)
    ? await tx.query(
        `UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3)
         WHERE business_id = $1 AND api_key_id = $2
         RETURNING api_key_id`,
        [order.businessId, order.apiKeyId, order.at],
      )
    : [];
  if (revoked.length === 0) throw new Fault('NOT_FOUND', 'API key not found');
}

/**
 * Whose key it is. Throws API_KEY_INVALID, with one message for whatever is wrong with it, so that
 * a guesser learns nothing.
 */
export async function verifyApiKey(db: Queryable, apiKey: string, now: Date): Promise<Caller> {
  const bytes = readTokenText(PREFIX, apiKey, KEY_BYTES);
  if (bytes === undefined) throw invalid();
  const businessId = formatUuid(bytes.subarray(0, ID_BYTES));
  const apiKeyId = formatUuid(bytes.subarray(ID_BYTES, 2 * ID_BYTES));
  const [row] = await db.query<ApiKeyRow>(
    `SELECT user_id, secret_hash, scopes, expires_at, revoked_at FROM api_keys
     WHERE business_id = $1 AND api_key_id = $2`,
    [businessId, apiKeyId],
  );
  if (row === undefined || !isSecret(bytes.subarray(2 * ID_BYTES), row.secret_hash)) {
    throw invalid();
  }
  if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) {
    throw invalid();
  }
  return {
    businessId,
    userId: row.user_id,
    credentialKind: 'API_KEY',
    credentialId: apiKeyId,
    scopes: readScopes(row.scopes),
  };
}

interface ApiKeyRow {
  user_id: string;
  secret_hash: Uint8Array;
  scopes: string[];
  expires_at: Date | null;
  revoked_at: Date | null;
}

function invalid(): Fault {
  return new Fault('API_KEY_INVALID', 'Invalid API key');
}
