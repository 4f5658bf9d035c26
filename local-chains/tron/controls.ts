/**
 * What a test does to the chain. Token controls and gifts of TRX are real transactions of accounts whose
 * keys the chain holds: they take effect in the next block, and return to the pool at any reorganisation.
 * Settings of accounts, contracts and parameters take effect at the start of the next block. Each throws
 * for an address that is none, or that is not of the kind asked for.
 */
export interface ChainControls {
  /**
   * Drops the last `blocks` blocks, none of them solidified (throws) unless `pastSolidified`. What they held returns to the pool,
   * or is forgotten; `replace` then makes as many blocks and one more at once, as a branch that wins does.
   */
  reorganise(order: {
    readonly blocks: number;
    readonly transactions: 'return' | 'drop';
    readonly replace?: boolean;
    /** Lets it drop solidified blocks, which no honest chain does: the alarm is to ring. */
    readonly pastSolidified?: boolean;
  }): Promise<void>;
  /** Forgets a pooled transaction at every node. False where it is not pooled. */
  dropFromPool(txid: string): boolean;
  /** Keeps a pooled transaction out of blocks until released. */
  holdBack(txid: string, held: boolean): void;
  /** Keeps every transaction but the chain's own out of blocks, as a full chain does, until released. */
  holdBackAll(held: boolean): void;
  giveSun(address: string, sun: bigint): void;
  mint(token: string, to: string, units: bigint): void;
  setBlacklisted(token: string, address: string, blacklisted: boolean): void;
  setPaused(token: string, paused: boolean): void;
  /** Whether a successful `transfer` answers false, as USDT's does from the start, or true. */
  setReturnsFalse(token: string, returnsFalse: boolean): void;
  /** USDT's fee switch: taken from what the recipient gets, for the owner. Off from the start. */
  setFee(
    token: string,
    fee: { readonly basisPoints: number; readonly maximumWholeTokens: number },
  ): void;
  /** Energy and bandwidth a day, from staking or delegation. */
  setResources(
    address: string,
    limits: { readonly energyLimit?: number; readonly bandwidthLimit?: number },
  ): void;
  /** The dynamic energy penalty of a contract, in ten-thousandths on top: 0 none, 34,000 is +340 %. */
  setEnergyFactor(contract: string, factor: number): void;
  /** By the name that getchainparameters answers with. Null: in force as before, and not answered. */
  setParameter(name: string, value: number | null): void;
  /** How the transaction's contract call ends when it is executed, whatever it would have done. */
  forceResult(txid: string, result: ForcedResult): void;
  /** The same, of the next `count` calls that are executed of this contract by ordinary accounts. */
  forceNextResults(contract: string, result: ForcedResult, count: number): void;
}

/** Each burns the energy limit, except REVERT, which burns what was used, and UNKNOWN, likewise. */
export type ForcedResult =
  | 'REVERT'
  | 'OUT_OF_ENERGY'
  | 'OUT_OF_TIME'
  | 'BAD_JUMP_DESTINATION'
  | 'ILLEGAL_OPERATION'
  | 'UNKNOWN';
