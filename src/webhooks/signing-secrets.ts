import type { Log } from '../base/log.ts';
import type { Queryable } from '../database/database.ts';
import type { SigningSecrets } from './sign.ts';
import {
  getOrCreateWebhookSecrets,
  openSecrets,
  readSealedSecrets,
  type SecretDeps,
  type SealedSecrets,
  type WebhookSecrets,
} from './webhook-secret.ts';

/** What webhooks are signed with, of any number of businesses. */
export interface SigningKeys {
  /**
   * The secrets in force at this moment, by business. One whose secrets do not open is logged and is not
   * among them.
   */
  of(businessIds: Iterable<string>): Promise<ReadonlyMap<string, SigningSecrets>>;
}

export interface SigningDeps extends SecretDeps {
  readonly database: Queryable;
  readonly log: Log;
}

/** Opening a secret takes 30 µs. As many businesses' are kept open; the longest unused is forgotten first. */
const MAX_OPEN = 1000;

/**
 * Secrets are read at each call, so that a rotation is followed at once; what is kept is only what the same
 * sealed bytes opened to.
 */
export function createSigningKeys(deps: SigningDeps): SigningKeys {
  const opened = new Map<string, Opened>();
  return {
    of: async (businessIds) => {
      const wanted = [...new Set(businessIds)];
      const rows = await readSealedSecrets(deps.database, wanted);
      const found = new Map<string, SigningSecrets>();
      for (const businessId of wanted) {
        try {
          const sealed = rows.get(businessId);
          const secrets =
            sealed === undefined
              ? await getOrCreateWebhookSecrets(deps.database, deps, businessId)
              : recall(opened, sealed, () => openSecrets(deps, sealed));
          found.set(businessId, toSigning(deps, secrets));
        } catch (error) {
          deps.log.error({ err: error, businessId }, 'webhook secrets cannot be read');
        }
      }
      return found;
    },
  };
}

interface Opened {
  readonly sealed: SealedSecrets;
  readonly secrets: WebhookSecrets;
}

function recall(
  opened: Map<string, Opened>,
  sealed: SealedSecrets,
  open: () => WebhookSecrets,
): WebhookSecrets {
  const kept = opened.get(sealed.businessId);
  opened.delete(sealed.businessId);
  const now =
    kept !== undefined && isSame(kept.sealed, sealed) ? kept : { sealed, secrets: open() };
  opened.set(sealed.businessId, now);
  const [longestUnused] = opened.keys();
  if (opened.size > MAX_OPEN && longestUnused !== undefined) opened.delete(longestUnused);
  return now.secrets;
}

function isSame(a: SealedSecrets, b: SealedSecrets): boolean {
  return (
    Buffer.compare(a.current, b.current) === 0 &&
    a.retiresAt?.getTime() === b.retiresAt?.getTime() &&
    a.makesXSignature === b.makesXSignature &&
    (a.retiring === null || b.retiring === null
      ? a.retiring === b.retiring
      : Buffer.compare(a.retiring, b.retiring) === 0)
  );
}

/** A secret that has retired since it was opened counts for nothing any more. */
function toSigning({ clock }: SigningDeps, { current, retiring }: WebhookSecrets): SigningSecrets {
  if (retiring === null || retiring.retiresAt <= clock.now()) {
    return { all: [current], forXSignature: current };
  }
  return {
    all: [current, retiring.secret],
    forXSignature: retiring.makesXSignature ? retiring.secret : current,
  };
}
