import type { Fault } from '../base/fault.ts';
import type { NetworkId, Token } from '../money/asset.ts';
import type { IdempotentRequest, StoredAnswer } from './idempotency.ts';
import type { Payout } from './payout.ts';

/** A payout that was asked for: checked by `checkPayoutRequest`, asked by an authenticated caller. */
export interface PayoutOrder {
  readonly network: NetworkId;
  readonly token: Token;
  /** Ledger units: 10^-18 of the token. */
  readonly units: bigint;
  readonly toAddress: string;
  readonly merchantReference: string | null;
  readonly requester: {
    readonly businessId: string;
    readonly userId: string;
    readonly credentialKind: 'API_KEY' | 'OAUTH_CLIENT';
    readonly credentialId: string;
    readonly clientIp: string;
    readonly requestId: string;
    /** The trace of the request: 32 hex digits (W3C Trace Context); null where there is none. */
    readonly traceId: string | null;
  };
  /** Where the caller gave an Idempotency-Key: the answer to keep beside the payout. */
  readonly idempotency?:
    | { readonly request: IdempotentRequest; readonly render: (payout: Payout) => StoredAnswer }
    | undefined;
}

/** `replayed`: a request with the same Idempotency-Key came first; this was its answer. */
export type CreateOutcome =
  | { readonly kind: 'created'; readonly payout: Payout }
  | { readonly kind: 'replayed'; readonly answer: StoredAnswer };

/** What became of an order. */
export type Outcome =
  | CreateOutcome
  /** Nothing was created. */
  | { readonly kind: 'refused'; readonly fault: Fault }
  /** The payout may or may not have been created. */
  | { readonly kind: 'unknown'; readonly fault: Fault }
  /** Nothing was created, and that is not the caller's doing. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** The good outcome; throws what any other one carries. */
export function createdOrThrow(outcome: Outcome): CreateOutcome {
  switch (outcome.kind) {
    case 'created':
    case 'replayed':
      return outcome;
    case 'refused':
    case 'unknown':
      throw outcome.fault;
    case 'failed':
      throw outcome.error;
  }
}
