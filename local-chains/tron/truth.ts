/** What is so, whatever the nodes say. Of the branch that stands now. Addresses are base58. */
export interface ChainTruth {
  head(): BlockSummary;
  solidified(): BlockSummary;
  block(number: number): BlockSummary | null;
  /** Every Transfer that the token has logged from that block on, mints included, in the order of the chain. */
  transfersOf(token: string, sinceBlock?: number): readonly TokenTransfer[];
  transaction(txid: string): TransactionTruth | null;
  unitsOf(token: string, address: string): Promise<bigint>;
  sunOf(address: string): bigint;
  /** Base58 contract address of a token of the genesis. Throws for others. */
  tokenAddress(symbol: 'USDT' | 'USDC'): string;
  /** In the order of arrival. */
  pooled(): readonly string[];
  /** Blocks dropped by reorganisations so far. */
  blocksDropped(): number;
}

export interface TokenTransfer {
  readonly txid: string;
  /** Position among all logs of its transaction. */
  readonly logIndex: number;
  readonly from: string;
  readonly to: string;
  readonly units: bigint;
  readonly blockNumber: number;
  readonly blockId: string;
  readonly timestampMs: number;
  readonly solidified: boolean;
}

export interface TransactionTruth {
  readonly blockNumber: number;
  readonly blockId: string;
  /** SUCCESS, REVERT, OUT_OF_ENERGY … as in the receipt; SUCCESS for a plain transfer. */
  readonly result: string;
  /** All that was burned for it, in sun. */
  readonly feeSun: bigint;
  readonly solidified: boolean;
}

export interface BlockSummary {
  readonly number: number;
  /** Hex; its first 8 bytes are the number. */
  readonly blockId: string;
  readonly timestampMs: number;
  readonly txids: readonly string[];
}
