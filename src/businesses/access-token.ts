import { SignJWT, errors, jwtVerify, type JWTPayload } from 'jose';
import { deriveKey } from '../base/derive-key.ts';
import { Fault } from '../base/fault.ts';
import { isUuid, type IdSource } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import type { Caller } from './caller.ts';
import { authenticateOauthClient, findOauthClient } from './oauth-client.ts';
import { OauthError } from './oauth-error.ts';
import { allows, isScope, readScopes, type Scope } from './scope.ts';

/** How long an access token is good. */
export const ACCESS_TOKEN_SECONDS = 900;

const ALGORITHM = 'HS256';
const TYPE = 'at+jwt';
const ISSUER = 'knit';
const AUDIENCE = 'knit-api';
const KEY_PURPOSE = 'access-token:HS256';
/** A token of ours has about 500 characters. */
const LONGEST_TOKEN = 2048;
/** Stricter than the library, which skips white space and spare bits: a token has one spelling. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]{42}[AEIMQUYcgkosw048]$/;

export interface TokenRequest {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Scopes separated by spaces (RFC 6749 §3.3); all of the client's where left out or empty. */
  readonly scope?: string | undefined;
  readonly now: Date;
}

export interface AccessToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly Scope[];
}

/**
 * The client credentials grant (RFC 6749 §4.4): a JWT (RFC 7519; typ of RFC 9068) signed with a key
 * derived from the master key. Throws {@link OauthError}: invalid_client, invalid_scope.
 */
export async function issueAccessToken(
  deps: { readonly db: Queryable; readonly ids: IdSource; readonly masterKey: Uint8Array },
  request: TokenRequest,
): Promise<AccessToken> {
  const client = await authenticateOauthClient(deps.db, request);
  if (client === undefined) throw new OauthError('invalid_client', 'Client authentication failed.');
  const scopes = grantedScopes(client.scopes, request.scope);
  const issuedAt = Math.floor(request.now.getTime() / 1000);
  const accessToken = await new SignJWT({ business: client.businessId, scope: scopes.join(' ') })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setSubject(client.oauthClientId)
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setJti(deps.ids.next())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ACCESS_TOKEN_SECONDS)
    .sign(deriveKey(deps.masterKey, KEY_PURPOSE));
  return { accessToken, expiresInSeconds: ACCESS_TOKEN_SECONDS, scopes };
}

/**
 * Whose token it is. The client is looked up each time, so a revocation takes effect at once.
 * Throws TOKEN_INVALID, CLIENT_REVOKED.
 */
export async function verifyAccessToken(
  deps: { readonly db: Queryable; readonly masterKey: Uint8Array },
  token: string,
  now: Date,
): Promise<Caller> {
  const claims = readClaims(await verifySignature(deps.masterKey, token, now));
  const client = await findOauthClient(deps.db, claims);
  if (client === undefined) {
    throw new Fault('CLIENT_REVOKED', 'OAuth client not found or has been revoked');
  }
  return {
    businessId: client.businessId,
    userId: client.userId,
    credentialKind: 'OAUTH_CLIENT',
    credentialId: client.oauthClientId,
    // A right that was taken from the client since is taken from its tokens too.
    scopes: claims.scopes.filter((scope) => allows(client.scopes, scope)),
  };
}

function grantedScopes(held: readonly Scope[], requested: string | undefined): readonly Scope[] {
  // A parameter sent without a value counts as left out (RFC 6749 §3.2).
  if (requested === undefined || requested === '') return held;
  const wanted = new Set(requested.split(' '));
  const granted = [...wanted].filter(isScope).filter((scope) => allows(held, scope));
  if (granted.length < wanted.size) {
    throw new OauthError(
      'invalid_scope',
      'A requested scope is unknown or not granted to the client.',
    );
  }
  return granted;
}

/** The algorithm is pinned, so that a token cannot choose how it is checked. */
async function verifySignature(
  masterKey: Uint8Array,
  token: string,
  now: Date,
): Promise<JWTPayload> {
  if (token.length > LONGEST_TOKEN || !COMPACT_JWS.test(token)) throw invalid();
  try {
    const { payload } = await jwtVerify(token, deriveKey(masterKey, KEY_PURPOSE), {
      algorithms: [ALGORITHM],
      typ: TYPE,
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ['sub', 'business', 'scope', 'iat', 'exp', 'jti'],
      currentDate: now,
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) throw invalid(error);
    throw error;
  }
}

function readClaims(payload: JWTPayload): {
  readonly businessId: string;
  readonly oauthClientId: string;
  readonly scopes: readonly Scope[];
} {
  const { sub, business, scope } = payload;
  if (typeof sub !== 'string' || typeof business !== 'string' || typeof scope !== 'string') {
    throw invalid();
  }
  if (!isUuid(sub) || !isUuid(business)) throw invalid();
  return { businessId: business, oauthClientId: sub, scopes: readScopes(scope.split(' ')) };
}

function invalid(cause?: unknown): Fault {
  return new Fault('TOKEN_INVALID', 'Invalid or expired OAuth token', { cause });
}
