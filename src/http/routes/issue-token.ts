import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { IdSource } from '../../base/id.ts';
import { issueAccessToken } from '../../businesses/access-token.ts';
import { OauthError } from '../../businesses/oauth-error.ts';
import { SCOPES } from '../../businesses/scope.ts';
import type { Queryable } from '../../database/database.ts';
import type { Answer } from '../answer.ts';
import type { AnswerData } from '../answer-schemas.ts';
import { textField } from '../fields.ts';
import type { JsonObject } from '../json-number.ts';
import type { RateLimiter } from '../limit-rate.ts';
import { contractOf, type PublicOperation } from '../operation.ts';
import type { PublicCall } from '../visit.ts';

const BODY = z.object({
  grant_type: textField('grant_type').meta({ enum: ['client_credentials'] }),
  client_id: textField('client_id')
    .meta({ description: 'Here or, with the secret, by HTTP Basic authentication.' })
    .optional(),
  client_secret: textField('client_secret').optional(),
  scope: textField('scope')
    .meta({
      description: `Scopes separated by spaces; all of the client's where left out. Known are: ${SCOPES.join(', ')}.`,
    })
    .optional(),
});

export const issueTokenContract = contractOf({
  operationId: 'issueToken',
  method: 'POST',
  path: '/oauth/token',
  tag: 'Authentication',
  summary: 'Get an access token',
  description:
    'The client credentials grant of OAuth 2.0 (RFC 6749 §4.4). The answer has no envelope; errors are those of RFC 6749 §5.2.',
  access: 'PUBLIC',
  body: {
    schema: BODY,
    example: {
      grant_type: 'client_credentials',
      client_id: 'knit_client_…',
      client_secret: 'knit_secret_…',
    },
  },
  success: {
    status: 200,
    description: 'A token that is good for 15 minutes.',
    message: null,
    schema: 'AccessToken',
    example: { token_type: 'Bearer', expires_in: 900, access_token: 'eyJhbGciOiJIUzI1NiJ9.…' },
  },
  faults: ['RATE_LIMITED'],
  failureSchema: 'OauthError',
});

export interface IssueTokenDeps {
  readonly database: Queryable;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly masterKey: Uint8Array;
  /** Counts the requests of an address, which nobody has vouched for yet. */
  readonly requests: RateLimiter;
}

export function issueTokenOperation(deps: IssueTokenDeps): PublicOperation {
  return {
    contract: issueTokenContract,
    steps: [({ clientIp }) => deps.requests.take(clientIp)],
    problemOf: oauthProblemOf,
    handle: async (call) => {
      const { accessToken, expiresInSeconds } = await issueAccessToken(
        { db: deps.database, ids: deps.ids, masterKey: deps.masterKey },
        { ...readRequest(call), now: deps.clock.now() },
      );
      const body: AnswerData<'AccessToken'> = {
        token_type: 'Bearer',
        expires_in: expiresInSeconds,
        access_token: accessToken,
      };
      return { status: 200, body: JSON.stringify(body), headers: NOT_STORED };
    },
  };
}

/** RFC 6749 §5.1 asks for both. */
const NOT_STORED = { 'cache-control': 'no-store', pragma: 'no-cache' };

/** What OAuth's own form says of an error; undefined where the envelope says it better (429, 5xx). */
function oauthProblemOf(error: unknown): Answer | undefined {
  if (error instanceof OauthError) {
    const isClient = error.error === 'invalid_client';
    const body: AnswerData<'OauthError'> = {
      error: error.error,
      error_description: error.description,
    };
    const challenge = isClient ? { 'www-authenticate': 'Basic realm="oauth"' } : {};
    return {
      status: isClient ? 401 : 400,
      body: JSON.stringify(body),
      headers: { ...NOT_STORED, ...challenge },
    };
  }
  const isRequest =
    error instanceof Fault &&
    (error.code === 'BODY_UNREADABLE' || error.code === 'VALIDATION_FAILED');
  return isRequest ? oauthProblemOf(new OauthError('invalid_request', error.message)) : undefined;
}

function readRequest({ body, headers }: PublicCall): {
  clientId: string;
  clientSecret: string;
  scope: string | undefined;
} {
  const grantType = parameter(body, 'grant_type');
  if (grantType === undefined) {
    throw new OauthError('invalid_request', 'The grant_type parameter is required.');
  }
  const client = readClient(body, headers.authorization);
  if (grantType !== 'client_credentials') {
    throw new OauthError('unsupported_grant_type', 'The only grant is client_credentials.');
  }
  return { ...client, scope: parameter(body, 'scope') };
}

/** A client names itself in one place (RFC 6749 §2.3): by HTTP Basic authentication or in the body. */
function readClient(
  body: JsonObject,
  authorization: string | undefined,
): { clientId: string; clientSecret: string } {
  const basic = readBasic(authorization);
  const clientId = parameter(body, 'client_id');
  const clientSecret = parameter(body, 'client_secret');
  if (basic !== undefined) {
    if (clientSecret !== undefined || (clientId ?? basic.clientId) !== basic.clientId) {
      throw new OauthError('invalid_request', 'The client is named in two places.');
    }
    return basic;
  }
  if (clientId === undefined || clientSecret === undefined) {
    throw new OauthError('invalid_client', 'The client_id and client_secret are required.');
  }
  return { clientId, clientSecret };
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
function readBasic(
  header: string | undefined,
): { clientId: string; clientSecret: string } | undefined {
  const match = /^basic[ \t]+([A-Za-z0-9+/_-]+={0,2})$/i.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const pair = Buffer.from(match[1] ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon === -1) throw new OauthError('invalid_client', 'Client authentication failed.');
  try {
    return {
      clientId: decodeURIComponent(pair.slice(0, colon)),
      clientSecret: decodeURIComponent(pair.slice(colon + 1)),
    };
  } catch {
    throw new OauthError('invalid_client', 'Client authentication failed.');
  }
}

/** A parameter without a value counts as left out (RFC 6749 §3.2). */
function parameter(body: JsonObject, name: keyof typeof BODY.shape): string | undefined {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new OauthError('invalid_request', `The ${name} parameter must be a string.`);
}
