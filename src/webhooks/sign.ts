import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** What every secret begins with, as the Standard Webhooks specification has it. */
export const SECRET_PREFIX = 'whsec_';

/** The secrets in force at a moment, as the merchant sees them. */
export interface SigningSecrets {
  /** One, or the new and the old one during a rotation. */
  readonly all: readonly string[];
  /** The one that makes X-Signature. */
  readonly forXSignature: string;
}

/** What is signed. `webhookId` names the event, whatever is sent how often. */
export interface SignedMessage {
  readonly webhookId: string;
  readonly body: string;
  readonly at: Date;
}

/** The headers that prove where a message comes from. */
export type Sign = (message: SignedMessage) => Record<string, string>;

/**
 * Signs with these secrets. `x-signature`: lower-case hex HMAC-SHA256 of the body, keyed by the UTF-8 bytes of
 * the whole secret text. The other three headers: Standard Webhooks 1.0, whose key is the base64-decoded part
 * of the secret. Making the keys takes longer than signing with them, so they are made once.
 */
export function createSign(secrets: SigningSecrets): Sign {
  const xKey = createSecretKey(secrets.forXSignature, 'utf8');
  const standardKeys = secrets.all.map((secret) =>
    createSecretKey(secret.slice(SECRET_PREFIX.length), 'base64'),
  );
  return ({ webhookId, body, at }) => {
    const timestamp = String(Math.floor(at.getTime() / 1000));
    const signed = `${webhookId}.${timestamp}.${body}`;
    return {
      'x-signature': createHmac('sha256', xKey).update(body, 'utf8').digest('hex'),
      'webhook-id': webhookId,
      'webhook-timestamp': timestamp,
      'webhook-signature': standardKeys.map((key) => standardSignature(signed, key)).join(' '),
    };
  };
}

function standardSignature(signed: string, key: KeyObject): string {
  return `v1,${createHmac('sha256', key).update(signed, 'utf8').digest('base64')}`;
}
