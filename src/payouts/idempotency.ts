import { Fault } from '../base/fault.ts';
import type { Queryable, Tx } from '../database/database.ts';

/** The key and the fingerprint of a request that must take effect once. */
export interface IdempotentRequest {
  readonly businessId: string;
  /** 1 to 255 characters, as the caller chose it. */
  readonly key: string;
  /** SHA-256 of the request's content. */
  readonly requestHash: Uint8Array;
}

/** An answer as it was first given, byte for byte. */
export interface StoredAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * The first answer to this key. Undefined where the key is unused; the fault
 * IDEMPOTENCY_KEY_REUSED where it was used for another request.
 */
export async function findAnswer(
  db: Queryable,
  request: IdempotentRequest,
): Promise<StoredAnswer | undefined> {
  const [row] = await db.query<{
    request_hash: Buffer;
    response_status: number;
    response_body: string;
  }>(
    `SELECT request_hash, response_status, response_body FROM idempotency_keys
     WHERE business_id = $1 AND idempotency_key = $2`,
    [request.businessId, request.key],
  );
  if (row === undefined) return undefined;
  if (!row.request_hash.equals(request.requestHash)) {
    throw new Fault(
      'IDEMPOTENCY_KEY_REUSED',
      'The Idempotency-Key was used before with a different request.',
      {
        fields: {
          idempotencyKey: ['The Idempotency-Key was used before with a different request.'],
        },
      },
    );
  }
  return { status: row.response_status, body: row.response_body };
}

/**
 * Keeps the answer in the transaction that the request caused. Waits for another transaction that
 * is using the same key, and gives false if that one was committed.
 */
export async function recordAnswer(
  tx: Tx,
  request: IdempotentRequest & { readonly answer: StoredAnswer; readonly at: Date },
): Promise<boolean> {
  const written = await tx.query(
    `INSERT INTO idempotency_keys
       (business_id, idempotency_key, request_hash, response_status, response_body, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (business_id, idempotency_key) DO NOTHING
     RETURNING idempotency_key`,
    [
      request.businessId,
      request.key,
      Buffer.from(request.requestHash),
      request.answer.status,
      request.answer.body,
      request.at,
    ],
  );
  return written.length === 1;
}
