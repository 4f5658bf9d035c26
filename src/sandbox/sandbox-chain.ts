import type { NetworkId, Token } from '../money/asset.ts';

/** A network of the sandbox: a local chain with tokens and a funded treasury. */
export interface SandboxChain {
  readonly network: NetworkId;
  readonly rpcUrl: string;
  /** EIP-155; null elsewhere than on EVM networks. */
  readonly chainId: number | null;
  /** The hash of the first block; null on EVM networks, which are known by their chain id. */
  readonly genesis: string | null;
  readonly tokens: Readonly<Partial<Record<Token, SandboxToken>>>;
  /** In the network's canonical form. */
  readonly treasury: string;
  /** Of the process that is the chain. */
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

export interface SandboxToken {
  /** The contract or mint in canonical form; null where the token is the chain's own coin. */
  readonly address: string | null;
  readonly decimals: number;
  /** Default true. */
  readonly payoutsEnabled?: boolean;
}

/** What the treasury holds of each token, in whole tokens. */
export const TREASURY_TOKENS = 10_000_000n;
