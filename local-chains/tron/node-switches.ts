/** How one node sees and shows the chain. Every switch is off in a node that is newly opened. */
export interface NodeSwitches {
  /** Blocks by which its head, and all that it answers, is behind. */
  readonly lagBlocks: number;
  /** Further blocks by which its /walletsolidity/ view is behind. */
  readonly solidityLagBlocks: number;
  /** Further blocks by which getaccount, getaccountresource and constant calls are behind. */
  readonly stateLagBlocks: number;
  /** Stays at the head that it has now, also where that branch is abandoned. */
  readonly frozen: boolean;
  readonly manners: NodeManners;
  /** What it answers to a broadcast that it has in truth accepted and passed on. */
  readonly afterAccept: 'says so' | 'SERVER_BUSY' | 'silent' | BroadcastRefusal;
  /** Refuses each broadcast with this, and keeps nothing of it. */
  readonly refuses: BroadcastRefusal | null;
  /**
   * Remembers what it has refused, and answers DUP_TRANSACTION_ERROR when it comes again, as a node with
   * java-tron's transaction cache does.
   */
  readonly remembersRefused: boolean;
  /** Says SUCCESS to a broadcast and keeps nothing of it. */
  readonly losesBroadcasts: boolean;
  /** Transactions that it takes are known to it alone, and it alone cannot put them in a block. */
  readonly keepsToItself: boolean;
  /** Its own clock is this much ahead of the chain's when it judges a transaction's expiration. */
  readonly clockAheadMs: number;
  /** Knows nothing of the pooled transactions that came to others. */
  readonly deafToGossip: boolean;
  /** Answers as if these transactions were nowhere, in blocks too. Hex txIDs. */
  readonly denies: readonly string[];
  /** The same at /walletsolidity/ only. */
  readonly deniesSolid: readonly string[];
  /** Denies every transaction, in blocks or not. */
  readonly deniesAll: boolean;
  /** Answers as if blocks and transactions below this number were unknown to it. */
  readonly forgetsBelow: number;
  /** Has blocks and transactions but no transaction info (an index that is not kept). */
  readonly withoutInfo: boolean;
}

/**
 * well · silent: no answer, ever · refused: the connection is · overloaded: java-tron's rate limiter,
 * `{"Error":"… lack of computing resources"}` with 200 · unavailable: 503 in HTML, a gateway's · broken:
 * text that is no JSON · empty: `{}` to everything, which elsewhere means "there is none" · garbled: JSON
 * of the right shape in which values have the wrong type or are cut short.
 */
export type NodeManners =
  'well' | 'silent' | 'refused' | 'overloaded' | 'unavailable' | 'broken' | 'empty' | 'garbled';

/** api.Return.response_code of java-tron, by name. */
export type BroadcastRefusal =
  | 'SIGERROR'
  | 'CONTRACT_VALIDATE_ERROR'
  | 'CONTRACT_EXE_ERROR'
  | 'BANDWITH_ERROR'
  | 'DUP_TRANSACTION_ERROR'
  | 'TAPOS_ERROR'
  | 'TOO_BIG_TRANSACTION_ERROR'
  | 'TRANSACTION_EXPIRATION_ERROR'
  | 'SERVER_BUSY'
  | 'NO_CONNECTION'
  | 'NOT_ENOUGH_EFFECTIVE_CONNECTION'
  | 'BLOCK_UNSOLIDIFIED'
  | 'OTHER_ERROR';
