import { Fault } from '../base/fault.ts';
import type { Queryable } from '../database/database.ts';
import { column, columnOfIds, columnOfTimes, type Statement } from '../database/statement.ts';

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

/** The first answer to a key, and the fingerprint of the request that it answered. */
export interface KeptAnswer {
  readonly requestHash: Uint8Array;
  readonly answer: StoredAnswer;
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
  const answer = { status: row.response_status, body: row.response_body };
  return answerFor(request, { requestHash: row.request_hash, answer });
}

/** The kept answer, for the same request; throws IDEMPOTENCY_KEY_REUSED for another one. */
export function answerFor(request: IdempotentRequest, kept: KeptAnswer): StoredAnswer {
  if (Buffer.compare(kept.requestHash, request.requestHash) === 0) return kept.answer;
  const message = 'The Idempotency-Key was used before with a different request.';
  throw new Fault('IDEMPOTENCY_KEY_REUSED', message, { fields: { idempotencyKey: [message] } });
}

/** An answer to be kept in the transaction that the request causes. */
export interface NewAnswer extends IdempotentRequest {
  readonly answer: StoredAnswer;
  readonly at: Date;
}

/**
 * The statement that keeps answers, in the order given. Where another transaction is using one of the
 * keys it waits for that, and fails (23505) if that one is committed.
 */
export function keepingAnswers(answers: readonly NewAnswer[]): Statement {
  return {
    text: `INSERT INTO idempotency_keys
        (business_id, idempotency_key, request_hash, response_status, response_body, created_at)
      SELECT k.business_id, k.idempotency_key, k.request_hash, k.response_status, k.response_body,
        k.created_at
      FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::integer[], $5::text[], $6::timestamptz[])
        WITH ORDINALITY AS k (business_id, idempotency_key, request_hash, response_status,
          response_body, created_at, position)
      ORDER BY k.position
      RETURNING idempotency_key`,
    values: [
      columnOfIds(answers.map((answer) => answer.businessId)),
      answers.map((answer) => answer.key),
      answers.map((answer) => Buffer.from(answer.requestHash)),
      column(answers.map(({ answer }) => answer.status)),
      answers.map(({ answer }) => answer.body),
      columnOfTimes(answers.map((answer) => answer.at)),
    ],
  };
}
