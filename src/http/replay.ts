import { hash } from 'node:crypto';
import { Fault, validationFault } from '../base/fault.ts';
import type { Queryable } from '../database/database.ts';
import { findAnswer, type IdempotentRequest, type StoredAnswer } from '../payouts/idempotency.ts';
import type { Answer } from './answer.ts';
import { canonicalJson } from './json-number.ts';
import type { TenantCall } from './visit.ts';

/** What an operation does, and whether it knows keys; where it does not, the header is not looked at. */
export interface IdempotentAct {
  readonly takesKey: boolean;
  /** Finds out for itself, together with its own work, whether the key was used before. */
  readonly act: (request: IdempotentRequest | undefined) => Promise<Answer>;
}

/** The keys that requests are using at this moment, in this process; by business. */
export type KeysInFlight = Set<string>;

/**
 * Takes a request that carries an Idempotency-Key at most once, and gives its first answer again to
 * each repetition. Of two that come together the second is told to wait, here or (where the first is
 * in another process) by the database. Throws VALIDATION_FAILED (the key itself),
 * IDEMPOTENCY_KEY_IN_FLIGHT, IDEMPOTENCY_KEY_REUSED, and what `act` throws, after which the key is free.
 */
export async function replay(
  deps: { readonly database: Queryable; readonly inFlight: KeysInFlight },
  call: TenantCall & { readonly operation: string },
  { takesKey, act }: IdempotentAct,
): Promise<Answer> {
  const key = takesKey ? readKey(call.idempotencyKeys) : undefined;
  if (key === undefined) return await act(undefined);
  const { businessId } = call.caller;
  const request = { businessId, key, requestHash: hashOf(call) };
  return await alone(deps.inFlight, request, async () => {
    try {
      return await act(request);
    } catch (error) {
      const stored = await answerBefore(deps.database, request, error);
      if (stored === undefined) throw error;
      return replayedAnswer(stored);
    }
  });
}

/** The first answer again, byte for byte. */
export function replayedAnswer(stored: StoredAnswer): Answer {
  return { ...stored, headers: { 'idempotency-replayed': 'true' } };
}

/**
 * What was right when it was first asked may be refused by now (a network was switched off, an address has
 * become a wallet of ours): the first answer stands.
 */
async function answerBefore(
  database: Queryable,
  request: IdempotentRequest,
  error: unknown,
): Promise<StoredAnswer | undefined> {
  if (!(error instanceof Fault) || error.code !== 'VALIDATION_FAILED') return undefined;
  return await findAnswer(database, request);
}

/** What a header may hold as a key: visible ASCII and spaces. */
function readKey(keys: readonly string[]): string | undefined {
  const [key, ...more] = keys;
  if (key === undefined) return undefined;
  if (more.length === 0 && /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  const message = 'The Idempotency-Key header must have 1 to 255 visible ASCII characters.';
  throw validationFault({ idempotencyKey: [message] });
}

function hashOf(call: TenantCall & { operation: string }): Uint8Array {
  const content = `${call.operation}\n${canonicalJson(call.body)}`;
  return new Uint8Array(hash('sha256', content, 'buffer'));
}

async function alone(
  inFlight: KeysInFlight,
  request: IdempotentRequest,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const name = `${request.businessId} ${request.key}`;
  if (inFlight.has(name)) {
    throw new Fault(
      'IDEMPOTENCY_KEY_IN_FLIGHT',
      'A request with this Idempotency-Key is still being processed.',
    );
  }
  inFlight.add(name);
  try {
    return await work();
  } finally {
    inFlight.delete(name);
  }
}
