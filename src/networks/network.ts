import type { Json } from '../base/json.ts';
import type { Asset, NetworkId } from '../money/asset.ts';
import type { Signer } from './signer.ts';

/**
 * The seam between settlement and a chain. Settlement knows payouts, attempts and promises;
 * a driver knows one chain's transactions. Settlement never sees a nonce, a blockhash or a coin,
 * only the attempt's `fence` and `sequence`.
 */

/** One payout, as a chain needs to know it. */
export interface TransferOrder {
  readonly payoutId: string;
  readonly asset: Asset;
  /** In units of the asset on this network. */
  readonly units: bigint;
  /** Already checked by `networks/address.ts`, in the chain's canonical form. */
  readonly toAddress: string;
}

/**
 * What the chain says of an order before anything is signed. `refused` is for what will not heal
 * by waiting and concerns the recipient; `wait` for everything else (treasury short of the token
 * or of gas, token paused, node unreachable or contradictory).
 */
export type Inspection =
  | { readonly kind: 'payable' }
  | { readonly kind: 'refused'; readonly reason: string; readonly proof: Json }
  | { readonly kind: 'wait'; readonly reason: string };

/** Where the next transaction of one sender stands. `sequence` is the EVM nonce. */
export interface LanePosition {
  readonly sender: string;
  readonly sequence: bigint;
}

/** One set of signed bytes for one or more payouts. */
export interface SignedAttempt {
  /**
   * The chain resource that this attempt consumes and that can be consumed only once.
   * Of all attempts with one fence at most one can ever take effect. EVM: "sender:nonce".
   */
  readonly fence: string;
  readonly sender: string;
  readonly sequence: bigint;
  readonly transactionHash: string;
  readonly rawTransaction: Uint8Array;
  /** The payouts paid by it, in the order of their position. */
  readonly payoutIds: readonly string[];
}

/** An attempt as it is asked about later, from its stored row. */
export interface AttemptToFollow {
  readonly fence: string;
  readonly sender: string;
  readonly sequence: bigint;
  readonly transactionHash: string;
  readonly rawTransaction: Uint8Array;
  readonly orders: readonly TransferOrder[];
}

export interface BlockReference {
  readonly number: bigint;
  readonly hash: string;
}

/** The fate of one payout in a final transaction. */
export type ItemFate =
  | { readonly kind: 'paid'; readonly payoutId: string; readonly proof: Json }
  | {
      readonly kind: 'refused';
      readonly payoutId: string;
      readonly reason: string;
      readonly proof: Json;
    };

/**
 * What a chain says of an attempt. Only `final` and `dead` end it, and each carries its evidence.
 * `unknown` (time-out, error, contradiction, an answer that does not parse) changes no state.
 */
export type Sighting =
  /** Final on chain; every order of the attempt has a fate. `feeUnits` is in the chain's coin. */
  | {
      readonly kind: 'final';
      readonly block: BlockReference;
      readonly feeUnits: bigint;
      readonly fates: readonly ItemFate[];
    }
  /** In a block that is not final yet. */
  | { readonly kind: 'included'; readonly block: BlockReference }
  /** A node knows it, no block holds it. */
  | { readonly kind: 'waiting' }
  /** The node asked does not know it. Proves nothing: the same bytes may be sent again. */
  | { readonly kind: 'unseen' }
  /** It can never take effect. `takenBy`: the transaction that took its fence, where one did. */
  | {
      readonly kind: 'dead';
      readonly reason: string;
      readonly proof: Json;
      readonly takenBy: string | null;
    }
  | {
      readonly kind: 'unknown';
      readonly reason: string;
      /** Waiting will not answer it: what the chain shows is neither the order nor its absence. */
      readonly needsPerson?: true;
    };

/** What sending said. Neither answer is a fate: following the attempt is. */
export type BroadcastAnswer =
  { readonly kind: 'accepted' } | { readonly kind: 'look'; readonly reason: string };

/** What a process without keys may ask of a chain. */
export interface NetworkReader {
  readonly network: NetworkId;
  status(attempt: AttemptToFollow): Promise<Sighting>;
}

/** What the settlement worker needs of a chain. */
export interface NetworkDriver extends NetworkReader {
  /** The treasury address that pays. */
  readonly treasury: string;
  /**
   * Compares the configured assets with the chain (chain id, decimals).
   * Throws a ChainMismatch where they differ; any other error means that the chain was not reached.
   */
  verifyAssets(): Promise<void>;
  inspect(order: TransferOrder): Promise<Inspection>;
  /** The treasury's balance of an asset at the newest block, in units. */
  treasuryUnits(asset: Asset): Promise<bigint>;
  /** The chain's own count of the sender's transactions: a floor for a lane, never its source. */
  sequenceFloor(sender: string): Promise<bigint>;
  /**
   * Builds and signs; sends nothing. Same arguments may give other bytes (fees move).
   * Throws {@link SigningPostponed} where it should be tried again later; nothing was signed then.
   */
  sign(orders: readonly TransferOrder[], lane: LanePosition): Promise<SignedAttempt>;
  broadcast(rawTransaction: Uint8Array): Promise<BroadcastAnswer>;
}

/** The chain is not the one that the configuration describes. Nothing may be signed for it. */
export class ChainMismatch extends Error {
  override readonly name = 'ChainMismatch';
  /** Where it is known. */
  readonly network: NetworkId | undefined;

  constructor(message: string, network?: NetworkId) {
    super(message);
    this.network = network;
  }
}

/** Not now: what signing needs (fees below the ceiling, a token that moves) is not there yet. */
export class SigningPostponed extends Error {
  override readonly name = 'SigningPostponed';
}

export type { Signer };
