import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { VerifyAccessToken } from '../businesses/access-token.ts';
import type { VerifyApiKey } from '../businesses/api-key.ts';
import type { Admission, Caller } from '../businesses/caller.ts';
import { allows, type RequiredScope } from '../businesses/scope.ts';
import type { RateLimiter } from './limit-rate.ts';
import type { Step, Visit } from './visit.ts';

export interface AuthenticateDeps {
  readonly verifyAccessToken: VerifyAccessToken;
  readonly verifyApiKey: VerifyApiKey;
  readonly clock: Clock;
  readonly failures: RateLimiter;
}

/**
 * Finds out who sent the request. `Authorization: Bearer` decides wherever it is sent, also against a
 * good API key; another scheme is not for us and counts as not sent. Failures, and only they, are
 * counted by address: nobody can use up the share of a caller whose credential is good.
 * Throws AUTHENTICATION_REQUIRED, TOKEN_INVALID, CLIENT_REVOKED, API_KEY_INVALID, RATE_LIMITED.
 */
export function authenticate(deps: AuthenticateDeps): Step {
  return async (visit) => {
    try {
      visit.admission = await admissionOf(deps, visit);
    } catch (error) {
      if (error instanceof Fault) deps.failures.take(visit.clientIp);
      throw error;
    }
  };
}

/** Throws SCOPE_MISSING. */
export function requireScope(scope: RequiredScope): Step {
  return (visit) => {
    if (allows(callerKnown(visit).scopes, scope)) return;
    throw new Fault(
      'SCOPE_MISSING',
      `Insufficient permissions. This action requires scope: ${scope}`,
    );
  };
}

/** The caller, after `authenticate`. */
export function callerKnown(visit: Visit): Caller {
  return admissionKnown(visit).caller;
}

/** The caller and its business's allow-list, after `authenticate`. */
export function admissionKnown({ admission }: Visit): Admission {
  assert(admission !== undefined, 'the caller was authenticated');
  return admission;
}

async function admissionOf(deps: AuthenticateDeps, { headers }: Visit): Promise<Admission> {
  const now = deps.clock.now();
  const token = bearerToken(headers.authorization);
  if (token !== undefined && token !== '') {
    return await deps.verifyAccessToken(token, now);
  }
  const apiKey = headers['x-api-key'];
  if (token === undefined && typeof apiKey === 'string' && apiKey !== '') {
    return await deps.verifyApiKey(apiKey, now);
  }
  throw new Fault('AUTHENTICATION_REQUIRED', 'Authentication required. Provide a Bearer token.');
}

/** What follows the scheme (RFC 6750 §2.1), which may be nothing; undefined where it is another scheme. */
function bearerToken(header: string | undefined): string | undefined {
  const match = /^bearer(?:[ \t]+(.*))?$/i.exec(header?.trim() ?? '');
  return match === null ? undefined : (match[1] ?? '').trim();
}
