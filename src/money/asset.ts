/** The six networks, by the names that the API uses. */
export const NETWORK_IDS = [
  'BITCOIN_MAINNET',
  'ETHEREUM_MAINNET',
  'MATIC_MAINNET',
  'TRON_MAINNET',
  'BSC_MAINNET',
  'SOL_MAINNET',
] as const;
export type NetworkId = (typeof NETWORK_IDS)[number];

/** The tokens that a business can hold. A token lives on one or more networks as an asset. */
export const TOKENS = ['USDT', 'USDC', 'BTC'] as const;
export type Token = (typeof TOKENS)[number];

/** A token on one network. */
export interface Asset {
  readonly network: NetworkId;
  readonly token: Token;
  /** The contract or mint, in the network's own notation; null where the token is the network's coin. */
  readonly contract: string | null;
  /** Digits after the point on this network: 0 to 18. */
  readonly decimals: number;
  /** The smallest payout, in units of this asset. */
  readonly minimumUnits: bigint;
  /** Whether payouts of this asset are taken. */
  readonly payoutsEnabled: boolean;
}

export function isNetworkId(text: string): text is NetworkId {
  return (NETWORK_IDS as readonly string[]).includes(text);
}

export function isToken(text: string): text is Token {
  return (TOKENS as readonly string[]).includes(text);
}
