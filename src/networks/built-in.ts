import type { NetworkId, Token } from '../money/asset.ts';

/** A network as it is built in. */
export interface BuiltInNetwork {
  /** Shown by the API; it never changes. */
  readonly id: string;
  readonly name: string;
  /** EIP-155 chain id of an EVM network; null elsewhere. */
  readonly chainId: number | null;
  /** The hash of the first block, as nodes write it; null on EVM networks, which have a chain id. */
  readonly genesis: string | null;
  /** The tokens that can live on the network. A registry file can name no others. */
  readonly tokens: Readonly<Partial<Record<Token, BuiltInAsset>>>;
}

/** A token on a network as it is built in. */
export interface BuiltInAsset {
  /** Shown by the API; it never changes. */
  readonly id: string;
  readonly contract: string | null;
  readonly decimals: number;
  readonly payoutsEnabled: boolean;
}

export const TOKEN_NAMES: Readonly<Record<Token, string>> = {
  USDT: 'Tether USD',
  USDC: 'USD Coin',
  BTC: 'Bitcoin',
};

/** The smallest payout of a token, in whole tokens, on every network. */
export const MINIMUMS: Readonly<Record<Token, string>> = {
  USDT: '0.01',
  USDC: '0.01',
  BTC: '0.00001',
};

/**
 * The main networks and the issuers' own contracts. Decimals differ by network (18 on BSC), and
 * workers compare them with the chain before they sign.
 */
export const BUILT_IN_NETWORKS: Readonly<Record<NetworkId, BuiltInNetwork>> = {
  BITCOIN_MAINNET: {
    id: '01a20515-d2cd-70f9-a577-72840efb27f3',
    name: 'Bitcoin',
    chainId: null,
    genesis: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
    tokens: {
      BTC: {
        id: '01a20515-d2ce-7bc4-87b0-6eb4d3fd2675',
        contract: null,
        decimals: 8,
        payoutsEnabled: true,
      },
    },
  },
  ETHEREUM_MAINNET: {
    id: '01a20515-d2ce-7edc-853f-4d42a64656e1',
    name: 'Ethereum',
    chainId: 1,
    genesis: null,
    tokens: {
      USDT: {
        id: '01a20515-d2ce-7aba-ae22-6d6b370e614c',
        contract: '0xdAC17F958D2ee523a2206206994597C13D831ec7',
        decimals: 6,
        payoutsEnabled: true,
      },
      USDC: {
        id: '01a20515-d2ce-76fd-a7fa-fe15cea2b63d',
        contract: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
        decimals: 6,
        payoutsEnabled: true,
      },
    },
  },
  MATIC_MAINNET: {
    id: '01a20515-d2ce-7c26-95b9-11d40b270a47',
    name: 'Polygon',
    chainId: 137,
    genesis: null,
    tokens: {
      USDT: {
        id: '01a20515-d2ce-75ae-843f-6d3ef7b3e0c9',
        contract: '0xc2132D05D31c914a87C6611C10748AEb04B58e8F',
        decimals: 6,
        payoutsEnabled: true,
      },
      USDC: {
        id: '01a20515-d2ce-706d-92b4-faf8f927fef9',
        contract: '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359',
        decimals: 6,
        payoutsEnabled: true,
      },
    },
  },
  TRON_MAINNET: {
    id: '01a20515-d2ce-713c-8b08-5ea600d37198',
    name: 'Tron',
    chainId: null,
    genesis: '00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc',
    tokens: {
      USDT: {
        id: '01a20515-d2ce-7e96-987e-437ff733d966',
        contract: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t',
        decimals: 6,
        payoutsEnabled: true,
      },
      // Its issuer left Tron in 2024: what is paid out can no longer be redeemed there.
      USDC: {
        id: '01a20515-d2ce-761d-8694-73368967a090',
        contract: 'TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8',
        decimals: 6,
        payoutsEnabled: false,
      },
    },
  },
  BSC_MAINNET: {
    id: '01a20515-d2ce-7633-96d1-e76515fc7dc0',
    name: 'BNB Smart Chain',
    chainId: 56,
    genesis: null,
    tokens: {
      USDT: {
        id: '01a20515-d2ce-7134-b16e-5c05a037d91e',
        contract: '0x55d398326f99059fF775485246999027B3197955',
        decimals: 18,
        payoutsEnabled: true,
      },
      USDC: {
        id: '01a20515-d2ce-7242-9f09-ff557f0b22b0',
        contract: '0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d',
        decimals: 18,
        payoutsEnabled: true,
      },
    },
  },
  SOL_MAINNET: {
    id: '01a20515-d2ce-7f61-8a1f-741c9949324e',
    name: 'Solana',
    chainId: null,
    genesis: '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d',
    tokens: {
      USDT: {
        id: '01a20515-d2ce-7e0a-8d3d-edf9babbda0f',
        contract: 'Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB',
        decimals: 6,
        payoutsEnabled: true,
      },
      USDC: {
        id: '01a20515-d2ce-77e9-845a-0088cb24918b',
        contract: 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v',
        decimals: 6,
        payoutsEnabled: true,
      },
    },
  },
};
