import type { Log } from '../base/log.ts';
import type { Queryable } from '../database/database.ts';
import { createSign, type Sign, type SigningSecrets } from './sign.ts';
import {
  getOrCreateWebhookSecrets,
  openSecrets,
  readSealedSecrets,
  type SecretDeps,
  type SealedSecrets,
  type WebhookSecrets,
} from './webhook-secret.ts';

/** What a business's webhooks are signed with at this moment. */
export interface Signing {
  readonly secrets: SigningSecrets;
  readonly sign: Sign;
}

/** The same of any number of businesses. */
export interface SigningKeys {
  /** By business. One whose secrets do not open is logged and is not among them. */
  of(businessIds: Iterable<string>): Promise<ReadonlyMap<string, Signing>>;
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
      const found = new Map<string, Signing>();
      for (const businessId of wanted) {
        try {
          const sealed = rows.get(businessId);
          const signing =
            sealed === undefined
              ? toSigning(await getOrCreateWebhookSecrets(deps.database, deps, businessId))
              : recall(deps, opened, sealed);
          found.set(businessId, signing);
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
  readonly signing: Signing;
  /** A secret that retires then counts for nothing any more. */
  readonly until: Date | undefined;
}

function recall(deps: SigningDeps, opened: Map<string, Opened>, sealed: SealedSecrets): Signing {
  const kept = opened.get(sealed.businessId);
  opened.delete(sealed.businessId);
  const isGood =
    kept !== undefined &&
    isSame(kept.sealed, sealed) &&
    (kept.until === undefined || deps.clock.now() < kept.until);
  const now = isGood ? kept : openAnew(deps, sealed);
  opened.set(sealed.businessId, now);
  const [longestUnused] = opened.keys();
  if (opened.size > MAX_OPEN && longestUnused !== undefined) opened.delete(longestUnused);
  return now.signing;
}

function openAnew(deps: SigningDeps, sealed: SealedSecrets): Opened {
  const secrets = openSecrets(deps, sealed);
  return { sealed, signing: toSigning(secrets), until: secrets.retiring?.retiresAt };
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

function toSigning({ current, retiring }: WebhookSecrets): Signing {
  const secrets: SigningSecrets =
    retiring === null
      ? { all: [current], forXSignature: current }
      : {
          all: [current, retiring.secret],
          forXSignature: retiring.makesXSignature ? retiring.secret : current,
        };
  return { secrets, sign: createSign(secrets) };
}
