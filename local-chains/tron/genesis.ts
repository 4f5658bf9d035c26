/** What the chain holds before its first block. Addresses are base58 (T…) or hex (41…). */
export interface TronGenesis {
  readonly accounts?: readonly GenesisAccount[];
  /** Deployed in block 0 in this order; each gets the same address in every chain of the same genesis. */
  readonly tokens?: readonly GenesisToken[];
  /** Overrides, by the names that /wallet/getchainparameters answers with (getEnergyFee, …). */
  readonly parameters?: Readonly<Record<string, number>>;
}

export interface GenesisAccount {
  readonly address: string;
  readonly sun: bigint;
  /** Energy a day from coins that it has staked, or that others have delegated to it. Default 0. */
  readonly energyLimit?: number;
  /** Bandwidth a day beyond the free one, likewise. Default 0. */
  readonly bandwidthLimit?: number;
}

export interface GenesisToken {
  readonly symbol: 'USDT' | 'USDC';
  /** Default 6. */
  readonly decimals?: number;
  /** In units. Moved by a real transfer of the token's owner, in block 1. */
  readonly holders?: readonly { readonly address: string; readonly units: bigint }[];
}
