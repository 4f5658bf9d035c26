import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { deriveKey } from '../base/derive-key.ts';
import { Fault } from '../base/fault.ts';
import { isUuid, type IdSource } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import type { Admission, Caller } from './caller.ts';
import { authenticateOauthClient, createOauthClientLookup } from './oauth-client.ts';
import { OauthError } from './oauth-error.ts';
import { allows, isScope, readScopes, type Scope } from './scope.ts';

/** How long an access token is good. */
export const ACCESS_TOKEN_SECONDS = 900;

const ALGORITHM = 'HS256';
const TYPE = 'at+jwt';
/** Of each token that we sign: the two members, in this order. */
const HEADER = Buffer.from(JSON.stringify({ alg: ALGORITHM, typ: TYPE })).toString('base64url');
const ISSUER = 'knit';
const AUDIENCE = 'knit-api';
const KEY_PURPOSE = 'access-token:HS256';
/** A token of ours has about 500 characters. */
const LONGEST_TOKEN = 2048;
/** Readers of base64url skip white space and spare bits: a token has one spelling. */
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
 * Tells whose token it is, and the business's allow-list. The client is looked up each time, so a
 * revocation takes effect at once. Throws TOKEN_INVALID, CLIENT_REVOKED.
 */
export type VerifyAccessToken = (token: string, now: Date) => Promise<Admission>;

export function createAccessTokenVerifier(deps: {
  readonly db: Queryable;
  readonly masterKey: Uint8Array;
}): VerifyAccessToken {
  const signingKey = createSecretKey(deriveKey(deps.masterKey, KEY_PURPOSE));
  const find = createOauthClientLookup(deps.db);
  return async (token, now) => {
    const claims = readClaims(verifiedPayload(signingKey, token), now);
    const found = await find(claims);
    if (found === undefined) {
      throw new Fault('CLIENT_REVOKED', 'OAuth client not found or has been revoked');
    }
    const { client, ipRanges } = found;
    const caller: Caller = {
      businessId: client.businessId,
      userId: client.userId,
      credentialKind: 'OAUTH_CLIENT',
      credentialId: client.oauthClientId,
      // A right that was taken from the client since is taken from its tokens too.
      scopes: claims.scopes.filter((scope) => allows(client.scopes, scope)),
    };
    return { caller, ipRanges };
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

/**
 * The payload of a token that we signed (JWS compact serialization, RFC 7515 §5.2). Its header has to be
 * ours to the byte, so that a token cannot choose how it is checked.
 */
function verifiedPayload(signingKey: KeyObject, token: string): unknown {
  if (token.length > LONGEST_TOKEN || !COMPACT_JWS.test(token)) throw invalid();
  const [header = '', payload = '', signature = ''] = token.split('.');
  const expected = createHmac('sha256', signingKey).update(`${header}.${payload}`).digest();
  const isSigned = timingSafeEqual(Buffer.from(signature, 'base64url'), expected);
  if (!isSigned || header !== HEADER) throw invalid();
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown;
  } catch (error) {
    throw invalid(error);
  }
}

/** Every claim that we put into a token has to be there. A start (nbf), which we set none, is heeded. */
function readClaims(
  payload: unknown,
  now: Date,
): {
  readonly businessId: string;
  readonly oauthClientId: string;
  readonly scopes: readonly Scope[];
} {
  if (typeof payload !== 'object' || payload === null) throw invalid();
  const { iss, aud, sub, business, scope, jti, iat, exp, nbf = 0 } = payload as Claims;
  const nowSeconds = Math.floor(now.getTime() / 1000);
  if (iss !== ISSUER || aud !== AUDIENCE || typeof jti !== 'string') throw invalid();
  if (typeof iat !== 'number' || typeof nbf !== 'number' || nbf > nowSeconds) throw invalid();
  if (typeof exp !== 'number' || exp <= nowSeconds) throw invalid();
  if (typeof sub !== 'string' || typeof business !== 'string' || typeof scope !== 'string') {
    throw invalid();
  }
  if (!isUuid(sub) || !isUuid(business)) throw invalid();
  return {
    businessId: business.toLowerCase(),
    oauthClientId: sub.toLowerCase(),
    scopes: readScopes(scope.split(' ')),
  };
}

/** Of a payload that anything may be. */
type Claims = Readonly<Record<string, unknown>>;

function invalid(cause?: unknown): Fault {
  return new Fault('TOKEN_INVALID', 'Invalid or expired OAuth token', { cause });
}
