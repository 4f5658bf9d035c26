import type { NetworkId, Token } from '../money/asset.ts';

export type PayoutStatus = 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'FAILED';

export const PAYOUT_STATUSES: readonly PayoutStatus[] = [
  'PENDING',
  'PROCESSING',
  'COMPLETED',
  'FAILED',
];

/** One order to send an amount of a token to an address on a network. */
export interface Payout {
  readonly businessId: string;
  readonly payoutId: string;
  readonly userId: string;
  readonly apiAccountId: string;
  readonly network: NetworkId;
  readonly token: Token;
  /** Ledger units: 10^-18 of the token. */
  readonly units: bigint;
  /** As the merchant wrote it; checked. */
  readonly toAddress: string;
  readonly merchantReference: string | null;
  readonly status: PayoutStatus;
  readonly transactionHash: string | null;
  /** Why the payout failed, in words that a person can act on; null otherwise. */
  readonly info: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/**
 * The only state changes there are. PENDING fails directly only where nothing was ever signed;
 * settlement, which knows that, asks for PROCESSING first wherever something was.
 */
const NEXT: Readonly<Record<PayoutStatus, readonly PayoutStatus[]>> = {
  PENDING: ['PROCESSING', 'FAILED'],
  PROCESSING: ['COMPLETED', 'FAILED'],
  COMPLETED: [],
  FAILED: [],
};

export function mayBecome(from: PayoutStatus, to: PayoutStatus): boolean {
  return NEXT[from].includes(to);
}
