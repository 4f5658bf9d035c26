import type { Scope } from './scope.ts';

export type CredentialKind = 'API_KEY' | 'OAUTH_CLIENT';

/** Who sent a request, proven by a credential. */
export interface Caller {
  readonly businessId: string;
  /** The user who made the credential. */
  readonly userId: string;
  readonly credentialKind: CredentialKind;
  /** The id of the API key or of the OAuth client. */
  readonly credentialId: string;
  readonly scopes: readonly Scope[];
}

/** A caller, and from where its business takes requests: what `isIpListed` looks at. */
export interface Admission {
  readonly caller: Caller;
  readonly ipRanges: readonly string[];
}
