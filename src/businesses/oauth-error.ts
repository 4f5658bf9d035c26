/** The error codes of RFC 6749 §5.2. */
export type OauthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope';

/**
 * A failure that the token endpoint answers in OAuth's own form, `{error, error_description}`:
 * status 401 for invalid_client, 400 for the others. `description` is safe to show.
 */
export class OauthError extends Error {
  override readonly name = 'OauthError';
  readonly error: OauthErrorCode;
  readonly description: string;

  constructor(error: OauthErrorCode, description: string) {
    super(`${error}: ${description}`);
    this.error = error;
    this.description = description;
  }
}
