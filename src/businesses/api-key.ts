import { Fault, validationFault } from '../base/fault.ts';
import { formatUuid, isUuid, uuidBytes } from '../base/id.ts';
import type { Queryable, Tx } from '../database/database.ts';
import type { Admission, Caller } from './caller.ts';
import { checkName } from './internal/check-name.ts';
import { createCredentialLookup, type CredentialRow } from './internal/credential-lookup.ts';
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
 * Tells whose key it is, and the business's allow-list, which is read with it. Throws API_KEY_INVALID,
 * with one message for whatever is wrong with the key, so that a guesser learns nothing.
 */
export type VerifyApiKey = (apiKey: string, now: Date) => Promise<Admission>;

export function createApiKeyVerifier(db: Queryable): VerifyApiKey {
  const find = createCredentialLookup<ApiKeyRow>(db, FIND_API_KEYS);
  return async (apiKey, now) => {
    const bytes = readTokenText(PREFIX, apiKey, KEY_BYTES);
    if (bytes === undefined) throw invalid();
    const businessId = formatUuid(bytes.subarray(0, ID_BYTES));
    const apiKeyId = formatUuid(bytes.subarray(ID_BYTES, 2 * ID_BYTES));
    const row = await find({ businessId, credentialId: apiKeyId });
    if (row === undefined || !isSecret(bytes.subarray(2 * ID_BYTES), row.secret_hash)) {
      throw invalid();
    }
    if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) {
      throw invalid();
    }
    const caller: Caller = {
      businessId,
      userId: row.user_id,
      credentialKind: 'API_KEY',
      credentialId: apiKeyId,
      scopes: readScopes(row.scopes),
    };
    return { caller, ipRanges: row.ranges };
  };
}

interface ApiKeyRow extends CredentialRow {
  readonly secret_hash: Uint8Array;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

const FIND_API_KEYS = `
  SELECT k.business_id, k.api_key_id AS credential_id, k.user_id, k.secret_hash, k.scopes,
         k.expires_at, k.revoked_at,
         ARRAY(SELECT l.range FROM ip_allow_list l WHERE l.business_id = k.business_id) AS ranges
  FROM unnest($1::uuid[], $2::uuid[]) AS asked (business_id, api_key_id)
  JOIN api_keys k ON k.business_id = asked.business_id AND k.api_key_id = asked.api_key_id`;

function invalid(): Fault {
  return new Fault('API_KEY_INVALID', 'Invalid API key');
}
