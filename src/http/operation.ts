import type { z } from 'zod';
import type { FaultCode } from '../base/fault.ts';
import type { Json } from '../base/json.ts';
import type { RequiredScope } from '../businesses/scope.ts';
import type { IdempotentRequest } from '../payouts/idempotency.ts';
import type { AnswerSchema } from './answer-schemas.ts';
import type { Answer } from './answer.ts';
import type { PublicCall, Step, TenantCall } from './visit.ts';

/** What an operation promises: `contract.ts` writes the OpenAPI document from it. */
export interface OperationContract {
  readonly operationId: string;
  readonly method: 'GET' | 'POST';
  /** As OpenAPI writes it: "/api/v1/payouts/{id}". */
  readonly path: string;
  readonly tag: 'Payouts' | 'Payout wallets' | 'Networks' | 'Authentication' | 'Service';
  readonly summary: string;
  readonly description: string;
  /** The scope that a caller needs, or PUBLIC where no credential is asked for. */
  readonly access: 'PUBLIC' | RequiredScope;
  readonly query?: z.ZodObject;
  readonly body?: { readonly schema: z.ZodObject; readonly example: Json };
  readonly takesIdempotencyKey?: boolean;
  readonly success: SuccessContract;
  /** The faults of its own; those of every operation of its kind are added. */
  readonly faults: readonly FaultCode[];
  /** The shape of failures where it is not the envelope: OAuth's own. */
  readonly failureSchema?: AnswerSchema;
}

export interface SuccessContract {
  readonly status: 200 | 201;
  readonly description: string;
  /** The envelope's message; null where the answer stands without an envelope. */
  readonly message: string | null;
  readonly schema: AnswerSchema | 'OPENAPI';
  /** A list, with or without pages. */
  readonly list?: 'PLAIN' | 'PAGES';
  readonly example: Json;
}

/** An operation that anybody may call. */
export interface PublicOperation {
  readonly contract: OperationContract & { readonly access: 'PUBLIC' };
  /** What must pass before the body is read. */
  readonly steps?: readonly Step[];
  /** Its own answer to an error; undefined where the usual one is right. */
  readonly problemOf?: (error: unknown) => Answer | undefined;
  readonly handle: (call: PublicCall) => Promise<Answer> | Answer;
}

/** An operation of a business. `request` is there where the caller sent an Idempotency-Key. */
export interface TenantOperation {
  readonly contract: OperationContract & { readonly access: RequiredScope };
  readonly handle: (call: TenantCall, request: IdempotentRequest | undefined) => Promise<Answer>;
}

/** Keeps the literal types of a contract, so that its parts can be used by name. */
export function contractOf<const C extends OperationContract>(contract: C): C {
  return contract;
}
