import type { Queryable } from '../database/database.ts';
import { readScopes, type Scope } from './scope.ts';

/** An API key or an OAuth client as it may be shown: without its secret, which is not kept. */
export interface CredentialView {
  readonly credentialId: string;
  readonly name: string;
  /** The user who made it. */
  readonly userId: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  /** Null for never. */
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** The API keys of a business, oldest first, the revoked ones too. */
export async function listApiKeys(db: Queryable, businessId: string): Promise<CredentialView[]> {
  const rows = await db.query<CredentialRow>(
    `SELECT api_key_id AS credential_id, name, user_id, scopes, created_at, expires_at, revoked_at
     FROM api_keys WHERE business_id = $1 ORDER BY api_key_id`,
    [businessId],
  );
  return rows.map(toView);
}

/** The OAuth clients of a business, oldest first, the revoked ones too. */
export async function listOauthClients(
  db: Queryable,
  businessId: string,
): Promise<CredentialView[]> {
  const rows = await db.query<CredentialRow>(
    `SELECT oauth_client_id AS credential_id, name, user_id, scopes, created_at,
       NULL::timestamptz AS expires_at, revoked_at
     FROM oauth_clients WHERE business_id = $1 ORDER BY oauth_client_id`,
    [businessId],
  );
  return rows.map(toView);
}

interface CredentialRow {
  credential_id: string;
  name: string;
  user_id: string;
  scopes: string[];
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
}

function toView(row: CredentialRow): CredentialView {
  return {
    credentialId: row.credential_id,
    name: row.name,
    userId: row.user_id,
    scopes: readScopes(row.scopes),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}
