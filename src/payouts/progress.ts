/** What settlement has to tell of a payout. Each kind may come again, and PROCESSING may come late. */
export type Progress =
  /** Signed bytes exist; `transactionHash` is the newest attempt's. */
  | { readonly status: 'PROCESSING'; readonly transactionHash: string }
  /** The exact transfer is final on chain. */
  | { readonly status: 'COMPLETED'; readonly transactionHash: string }
  /** Proven unpaid for ever. `wasSigned`: whether an attempt was ever signed. */
  | {
      readonly status: 'FAILED';
      readonly info: string;
      readonly wasSigned: boolean;
      readonly transactionHash: string | null;
    };

export interface PayoutKey {
  readonly businessId: string;
  readonly payoutId: string;
}

/** One piece of it, and when it was told. */
export interface News extends PayoutKey {
  readonly progress: Progress;
  readonly at: Date;
}
