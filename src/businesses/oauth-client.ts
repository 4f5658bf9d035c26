import { Fault } from '../base/fault.ts';
import { formatUuid, isUuid, uuidBytes } from '../base/id.ts';
import type { Queryable, Tx } from '../database/database.ts';
import { checkName } from './internal/check-name.ts';
import { createCredentialLookup } from './internal/credential-lookup.ts';
import {
  SECRET_BYTES,
  hashSecret,
  isSecret,
  newSecret,
  type CredentialSources,
} from './internal/secret.ts';
import { readTokenText, tokenText } from './internal/token-text.ts';
import { checkScopes, readScopes, type Scope } from './scope.ts';

const CLIENT_PREFIX = 'knit_client_';
const SECRET_PREFIX = 'knit_secret_';
const ID_BYTES = 16;

/** A program of the business that gets access tokens with its id and secret. */
export interface OauthClient {
  readonly businessId: string;
  readonly oauthClientId: string;
  readonly userId: string;
  readonly scopes: readonly Scope[];
}

/**
 * Makes a client. Its id, "knit_client_" and base64url of business id (16 bytes) ‖ client id (16),
 * names its business, so that it is found within one shard. `clientSecret`, "knit_secret_" and
 * base64url of 32 bytes, can be shown only now: what is stored is its SHA-256.
 * Throws VALIDATION_FAILED.
 */
export async function createOauthClient(
  tx: Tx,
  { ids, random }: CredentialSources,
  order: {
    readonly businessId: string;
    readonly userId: string;
    readonly name: string;
    /** "*" where left out. */
    readonly scopes?: readonly string[] | undefined;
    readonly at: Date;
  },
): Promise<{
  readonly oauthClientId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}> {
  const name = checkName(order.name);
  const scopes = checkScopes(order.scopes ?? ['*']);
  const oauthClientId = ids.next();
  const secret = newSecret(random);
  await tx.query(
    `INSERT INTO oauth_clients
       (business_id, oauth_client_id, user_id, name, secret_hash, scopes, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [order.businessId, oauthClientId, order.userId, name, hashSecret(secret), scopes, order.at],
  );
  return {
    oauthClientId,
    clientId: clientIdOf({ businessId: order.businessId, oauthClientId }),
    clientSecret: tokenText(SECRET_PREFIX, [secret]),
  };
}

/** The id that a client sends. It is no secret. */
export function clientIdOf(client: {
  readonly businessId: string;
  readonly oauthClientId: string;
}): string {
  return tokenText(CLIENT_PREFIX, [uuidBytes(client.businessId), uuidBytes(client.oauthClientId)]);
}

/**
 * From the commit on the client gets no token and the tokens that it has open nothing.
 * Revoking twice is no fault. Throws NOT_FOUND.
 */
export async function revokeOauthClient(
  tx: Tx,
  order: { readonly businessId: string; readonly oauthClientId: string; readonly at: Date },
): Promise<void> {
  const revoked = isUuid(order.oauthClientId)
    ? await tx.query(
        `UPDATE oauth_clients SET revoked_at = COALESCE(revoked_at, $3)
         WHERE business_id = $1 AND oauth_client_id = $2
         RETURNING oauth_client_id`,
        [order.businessId, order.oauthClientId, order.at],
      )
    : [];
  if (revoked.length === 0) throw new Fault('NOT_FOUND', 'OAuth client not found');
}

/** The client with this id and secret; undefined where either is wrong or it was revoked. */
export async function authenticateOauthClient(
  db: Queryable,
  credentials: { readonly clientId: string; readonly clientSecret: string },
): Promise<OauthClient | undefined> {
  const idBytes = readTokenText(CLIENT_PREFIX, credentials.clientId, 2 * ID_BYTES);
  const secret = readTokenText(SECRET_PREFIX, credentials.clientSecret, SECRET_BYTES);
  if (idBytes === undefined || secret === undefined) return undefined;
  const row = await findUnrevoked(db, {
    businessId: formatUuid(idBytes.subarray(0, ID_BYTES)),
    oauthClientId: formatUuid(idBytes.subarray(ID_BYTES)),
  });
  if (row === undefined || !isSecret(secret, row.secret_hash)) return undefined;
  return toClient(row);
}

/** The client with this id, and the business's allow-list, which is read with it; undefined where there is none or it was revoked. */
export type FindOauthClient = (key: {
  readonly businessId: string;
  readonly oauthClientId: string;
}) => Promise<{ readonly client: OauthClient; readonly ipRanges: readonly string[] } | undefined>;

export function createOauthClientLookup(db: Queryable): FindOauthClient {
  const find = createCredentialLookup(db, FIND_OAUTH_CLIENTS);
  return async ({ businessId, oauthClientId }) => {
    const row = await find({ businessId, credentialId: oauthClientId });
    if (row === undefined) return undefined;
    const client = { businessId, oauthClientId, userId: row.user_id };
    return { client: { ...client, scopes: readScopes(row.scopes) }, ipRanges: row.ranges };
  };
}

const FIND_OAUTH_CLIENTS = `
  SELECT c.business_id, c.oauth_client_id AS credential_id, c.user_id, c.scopes,
         ARRAY(SELECT l.range FROM ip_allow_list l WHERE l.business_id = c.business_id) AS ranges
  FROM unnest($1::uuid[], $2::uuid[]) AS asked (business_id, oauth_client_id)
  JOIN oauth_clients c
    ON c.business_id = asked.business_id AND c.oauth_client_id = asked.oauth_client_id
  WHERE c.revoked_at IS NULL`;

interface OauthClientRow {
  business_id: string;
  oauth_client_id: string;
  user_id: string;
  secret_hash: Uint8Array;
  scopes: string[];
}

async function findUnrevoked(
  db: Queryable,
  key: { readonly businessId: string; readonly oauthClientId: string },
): Promise<OauthClientRow | undefined> {
  const [row] = await db.query<OauthClientRow>(
    `SELECT business_id, oauth_client_id, user_id, secret_hash, scopes FROM oauth_clients
     WHERE business_id = $1 AND oauth_client_id = $2 AND revoked_at IS NULL`,
    [key.businessId, key.oauthClientId],
  );
  return row;
}

function toClient(row: OauthClientRow): OauthClient {
  return {
    businessId: row.business_id,
    oauthClientId: row.oauth_client_id,
    userId: row.user_id,
    scopes: readScopes(row.scopes),
  };
}
