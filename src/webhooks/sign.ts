import { createHmac } from 'node:crypto';

/** What every secret begins with, as the Standard Webhooks specification has it. */
export const SECRET_PREFIX = 'whsec_';

/** The secrets in force at a moment, as the merchant sees them. */
export interface SigningSecrets {
  /** One, or the new and the old one during a rotation. */
  readonly all: readonly string[];
  /** The one that makes X-Signature. */
  readonly forXSignature: string;
}

/**
 * The headers that prove where a body comes from. `x-signature`: lower-case hex HMAC-SHA256 of the
 * body, keyed by the UTF-8 bytes of the whole secret text. The other three: Standard Webhooks 1.0,
 * whose key is the base64-decoded part of the secret.
 */
export function signatureHeaders(
  message: { readonly webhookId: string; readonly body: string; readonly at: Date },
  secrets: SigningSecrets,
): Record<string, string> {
  const timestamp = String(Math.floor(message.at.getTime() / 1000));
  const signed = `${message.webhookId}.${timestamp}.${message.body}`;
  return {
    'x-signature': xSignature(message.body, secrets.forXSignature),
    'webhook-id': message.webhookId,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.all.map((secret) => standardSignature(signed, secret)).join(' '),
  };
}

function xSignature(body: string, secret: string): string {
  return createHmac('sha256', secret).update(body, 'utf8').digest('hex');
}

function standardSignature(signed: string, secret: string): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return `v1,${createHmac('sha256', key).update(signed, 'utf8').digest('base64')}`;
}
