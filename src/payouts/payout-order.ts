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
