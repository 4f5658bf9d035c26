import { present } from '../base/assert.ts';
import { later, type Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { Random } from '../base/random.ts';
import { open, seal, type SealPlace } from '../base/seal.ts';
import { formatTime } from '../base/time.ts';
import type { Queryable, Tx } from '../database/database.ts';
import { SECRET_PREFIX } from './sign.ts';

export interface SecretDeps {
  readonly masterKey: Uint8Array;
  readonly random: Random;
  readonly clock: Clock;
}

/** A business's webhook secrets, as the merchant is shown them. */
export interface WebhookSecrets {
  readonly current: string;
  /** The old one, during a rotation. */
  readonly retiring: {
    readonly secret: string;
    readonly retiresAt: Date;
    /** Whether X-Signature is still made with it. */
    readonly makesXSignature: boolean;
  } | null;
}

/** How long the old secret goes on signing after a rotation. */
export const ROTATION_MS = 24 * 60 * 60 * 1000;

/** The secrets of a business, which gets its first one here. Two callers at once get the same. */
export async function getOrCreateWebhookSecrets(
  db: Queryable,
  deps: SecretDeps,
  businessId: string,
): Promise<WebhookSecrets> {
  const found = await readSecrets(db, deps, businessId);
  if (found !== undefined) return found;
  await db.query(
    `INSERT INTO webhook_secrets (business_id, current_sealed, current_since, x_signature_retiring)
     VALUES ($1, $2, $3, false)
     ON CONFLICT (business_id) DO NOTHING`,
    [businessId, sealSecret(deps, businessId, newSecret(deps.random)), deps.clock.now()],
  );
  return present(await readSecrets(db, deps, businessId), 'a business has a secret once made');
}

/**
 * Makes a new secret and keeps the old one signing beside it for 24 hours. X-Signature stays with the
 * old one until {@link switchXSignature} or the end of that time. Throws VALIDATION_FAILED during a
 * rotation, whose old secret would otherwise stop without notice: see {@link endRotation}.
 */
export async function rotateWebhookSecret(
  tx: Tx,
  deps: SecretDeps,
  businessId: string,
): Promise<WebhookSecrets> {
  await getOrCreateWebhookSecrets(tx, deps, businessId);
  const { retiring } = await lockSecrets(tx, deps, businessId);
  if (retiring !== null) {
    const until = formatTime(retiring.retiresAt);
    throw new Fault('VALIDATION_FAILED', `A rotation is under way until ${until}.`);
  }
  const now = deps.clock.now();
  await tx.query(
    `UPDATE webhook_secrets
     SET retiring_sealed = current_sealed, retires_at = $3, x_signature_retiring = true,
         current_sealed = $2, current_since = $4
     WHERE business_id = $1`,
    [
      businessId,
      sealSecret(deps, businessId, newSecret(deps.random)),
      later(now, ROTATION_MS),
      now,
    ],
  );
  return await lockSecrets(tx, deps, businessId);
}

/** From now on X-Signature is made with the new secret. Changes nothing outside a rotation. */
export async function switchXSignature(
  tx: Tx,
  deps: SecretDeps,
  businessId: string,
): Promise<WebhookSecrets> {
  await lockSecrets(tx, deps, businessId);
  await tx.query(`UPDATE webhook_secrets SET x_signature_retiring = false WHERE business_id = $1`, [
    businessId,
  ]);
  return await lockSecrets(tx, deps, businessId);
}

/** Ends a rotation at once, for an old secret that has leaked. Changes nothing outside a rotation. */
export async function endRotation(
  tx: Tx,
  deps: SecretDeps,
  businessId: string,
): Promise<WebhookSecrets> {
  await lockSecrets(tx, deps, businessId);
  await tx.query(
    `UPDATE webhook_secrets
     SET retiring_sealed = NULL, retires_at = NULL, x_signature_retiring = false
     WHERE business_id = $1`,
    [businessId],
  );
  return await lockSecrets(tx, deps, businessId);
}

/** The secrets of a business as they are kept. */
export interface SealedSecrets {
  readonly businessId: string;
  readonly current: Uint8Array;
  readonly retiring: Uint8Array | null;
  readonly retiresAt: Date | null;
  readonly makesXSignature: boolean;
}

interface SecretRow {
  business_id: string;
  current_sealed: Uint8Array;
  retiring_sealed: Uint8Array | null;
  retires_at: Date | null;
  x_signature_retiring: boolean;
}

const SELECT_SECRETS = `SELECT business_id, current_sealed, retiring_sealed, retires_at,
    x_signature_retiring
  FROM webhook_secrets WHERE business_id = $1`;

/** Undefined while the business has none. Throws SealBroken where the master key does not open them. */
export async function readSecrets(
  db: Queryable,
  deps: Pick<SecretDeps, 'masterKey' | 'clock'>,
  businessId: string,
): Promise<WebhookSecrets | undefined> {
  const [row] = await db.query<SecretRow>(SELECT_SECRETS, [businessId]);
  return row === undefined ? undefined : openSecrets(deps, toSealed(row));
}

/** By business, those that have any. */
export async function readSealedSecrets(
  db: Queryable,
  businessIds: readonly string[],
): Promise<ReadonlyMap<string, SealedSecrets>> {
  const rows = await db.query<SecretRow>(
    `SELECT s.business_id, s.current_sealed, s.retiring_sealed, s.retires_at, s.x_signature_retiring
     FROM unnest($1::uuid[]) AS k (business_id)
     JOIN webhook_secrets s ON s.business_id = k.business_id`,
    [businessIds],
  );
  return new Map(rows.map((row) => [row.business_id, toSealed(row)]));
}

function toSealed(row: SecretRow): SealedSecrets {
  return {
    businessId: row.business_id,
    current: row.current_sealed,
    retiring: row.retiring_sealed,
    retiresAt: row.retires_at,
    makesXSignature: row.x_signature_retiring,
  };
}

/** Two changes at once take turns on the row. */
async function lockSecrets(tx: Tx, deps: SecretDeps, businessId: string): Promise<WebhookSecrets> {
  const [row] = await tx.query<SecretRow>(`${SELECT_SECRETS} FOR UPDATE`, [businessId]);
  if (row === undefined) throw new Fault('NOT_FOUND', 'The business has no webhook secret yet.');
  return openSecrets(deps, toSealed(row));
}

/** Throws SealBroken. */
export function openSecrets(
  deps: Pick<SecretDeps, 'masterKey' | 'clock'>,
  sealed: SealedSecrets,
): WebhookSecrets {
  const { businessId, retiresAt, makesXSignature } = sealed;
  const current = openSecret(deps, businessId, sealed.current);
  if (sealed.retiring === null || retiresAt === null || retiresAt <= deps.clock.now()) {
    return { current, retiring: null };
  }
  const secret = openSecret(deps, businessId, sealed.retiring);
  return { current, retiring: { secret, retiresAt, makesXSignature } };
}

/** "whsec_" and the base64 of 32 random bytes. */
function newSecret(random: Random): string {
  return SECRET_PREFIX + Buffer.from(random.bytes(32)).toString('base64');
}

function placeOf(businessId: string): SealPlace {
  return { purpose: 'webhook-secret', ids: [businessId] };
}

function sealSecret(deps: SecretDeps, businessId: string, secret: string): Uint8Array {
  const plaintext = Buffer.from(secret, 'utf8');
  return seal(deps.masterKey, placeOf(businessId), { plaintext, random: deps.random });
}

function openSecret(
  deps: Pick<SecretDeps, 'masterKey'>,
  businessId: string,
  sealed: Uint8Array,
): string {
  return Buffer.from(open(deps.masterKey, placeOf(businessId), sealed)).toString('utf8');
}
