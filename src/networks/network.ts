import type { Json } from '../base/json.ts';
import type { Asset, NetworkId } from '../money/asset.ts';
import type { Signer } from './signer.ts';

/**
 * The seam between settlement and a chain. Settlement knows payouts, attempts and promises; a driver
 * knows one chain's transactions. An attempt is what the payer signs for some payouts: its authority.
 * Transactions, of any sender, carry it to the chain, which lets it take effect once: that is its fence.
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

/** What the chain says of orders of one asset before anything is signed. Each order is in one list. */
export interface Inspection {
  /** Can be paid together now, in the order given. */
  readonly payable: readonly TransferOrder[];
  /** Never payable, and it is the recipient's doing. The proof is from a finalized block. */
  readonly refused: readonly {
    readonly payoutId: string;
    readonly reason: string;
    readonly proof: Json;
  }[];
  /** Everything else (treasury short, token paused, node unreachable or contradictory). */
  readonly waiting: readonly { readonly payoutId: string; readonly reason: string }[];
  /** Payable, but more than one transaction holds: free for the next. */
  readonly left: readonly string[];
  /** What the treasury holds of the asset beyond what is on the way, before these. */
  readonly freeUnits: bigint;
  /** What signing needs of it; null where nothing is payable. */
  readonly plan: SigningPlan | null;
}

/** What an inspection has measured and chosen. Only the driver that made it reads it. */
export type SigningPlan = Readonly<Record<string, bigint | string | readonly string[]>>;

/**
 * Where a transaction of one sender stands. In ordered lanes `sequence` is the chain's own (EVM: the
 * nonce). In independent ones it is the number that Knit gave: transactions that share it are versions of
 * one, of which the chain takes one (Bitcoin: they spend the same coins).
 */
export interface LanePosition {
  readonly sender: string;
  readonly sequence: bigint;
}

/** What to sign: all orders are of one asset, and `plan` is from their inspection. */
export interface SigningOrder {
  readonly orders: readonly TransferOrder[];
  /** Given once on its network, ever (EVM: the batch id, of which the fence is made). */
  readonly number: bigint;
  readonly plan: SigningPlan;
  /** Of the sender that carries it first. */
  readonly lane: LanePosition;
}

/** The payer's signed word for one or more payouts, and the first transaction to carry it. */
export interface SignedAttempt {
  /**
   * What the chain spends once. One attempt a fence, ever. EVM: "treasury:batch:number". Tron: the
   * transaction's id. Solana: its first signature. Bitcoin: the coin that every version spends first.
   */
  readonly fence: string;
  readonly payer: string;
  /** What was signed. EVM: the calldata of the treasury's execute, its signature included. */
  readonly authority: Uint8Array;
  /** Tells it from every other. EVM: the EIP-712 digest. */
  readonly authorityHash: string;
  /** It takes no effect in a block whose time is later, in whole seconds; null: it never expires. */
  readonly validUntil: Date | null;
  /** It takes no effect in a block of a greater height; null: no height ends it. Solana: the blockhash's last. */
  readonly validUntilBlock: bigint | null;
  /** It lies in no block before this one. */
  readonly sinceBlock: bigint;
  /** The payouts paid by it, in the order of their position. */
  readonly payoutIds: readonly string[];
  readonly transaction: NewTransaction;
}

export interface SignedTransaction extends LanePosition {
  readonly transactionHash: string;
  readonly rawTransaction: Uint8Array;
}

/** A transaction that was just signed. */
export interface NewTransaction extends SignedTransaction {
  /**
   * The coins that it spends, of chains that have such ("txid:vout"): recorded with it, so that nothing else
   * is signed for them until its attempt is dead. Empty elsewhere.
   */
  readonly spends: readonly string[];
}

/** An attempt as it is asked about later, from its stored row. */
export interface AttemptToFollow {
  readonly fence: string;
  readonly payer: string;
  readonly authority: Uint8Array;
  readonly authorityHash: string;
  readonly validUntil: Date | null;
  readonly validUntilBlock: bigint | null;
  readonly sinceBlock: bigint;
  readonly orders: readonly TransferOrder[];
  /** All that were ever signed to carry it, newest first. */
  readonly transactionHashes: readonly string[];
}

export interface BlockReference {
  readonly number: bigint;
  readonly hash: string;
}

/**
 * The fate of one payout in a final transaction. `refused` and `undone` prove that nothing of it moved;
 * `undone` through no doing of the recipient (treasury short, token paused), so it may be tried again.
 */
export type ItemFate =
  | {
      readonly kind: 'paid';
      readonly payoutId: string;
      readonly proof: Json;
      /** Of the transaction's cost, what this payout alone has caused (an account opened for it); the rest is shared. */
      readonly ownFeeUnits?: bigint;
    }
  | {
      readonly kind: 'refused' | 'undone';
      readonly payoutId: string;
      readonly reason: string;
      readonly proof: Json;
    };

/**
 * What a chain says of an attempt. Only `final` and `dead` end it, and each carries its evidence.
 * `unknown` (time-out, error, contradiction, an answer that does not parse) changes no state.
 */
export type Sighting =
  /** Final on chain; every order of the attempt has a fate. */
  | {
      readonly kind: 'final';
      /** What carried it out: one of ours, or a stranger's. */
      readonly transactionHash: string;
      readonly block: BlockReference;
      /** What the transaction cost, in the smallest unit of the chain's coin. */
      readonly feeUnits: bigint;
      readonly fates: readonly ItemFate[];
    }
  /** Carried out in a block that is not final yet. */
  | { readonly kind: 'included'; readonly block: BlockReference }
  /** A node knows a transaction that carries it; no block holds one. */
  | { readonly kind: 'waiting' }
  /** The node asked knows none. Proves nothing: the same bytes may be sent again. */
  | { readonly kind: 'unseen' }
  /** It can never take effect. `takenBy`: what spent its fence instead, where something did. */
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

/** What a chain says of one transaction of a lane. It decides about its sequence, never about a payout. */
export type TransactionSighting =
  | {
      readonly kind: 'final';
      readonly block: BlockReference;
      readonly succeeded: boolean;
      readonly feeUnits: bigint;
    }
  | { readonly kind: 'included'; readonly block: BlockReference }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'unseen' }
  /** The sequence was taken, for good, by another transaction; null where it cannot be named. */
  | { readonly kind: 'replaced'; readonly takenBy: string | null }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What sending said. Neither answer is a fate: following the attempt is. */
export type BroadcastAnswer =
  { readonly kind: 'accepted' } | { readonly kind: 'look'; readonly reason: string };

/** How many transactions of a sender the chain counts: in its newest block, and for good. */
export interface SequenceCounts {
  readonly latest: bigint;
  readonly final: bigint;
}

/** Where the chain stands. `finalTime`: of the final block. */
export interface ChainHead {
  readonly latest: BlockReference;
  readonly final: BlockReference;
  readonly finalTime: Date;
}

/** What the payer needs before it can pay, done by a transaction of its own account. */
export interface Chore {
  readonly purpose: 'DEPLOY' | 'DELEGATE' | 'TOP_UP' | 'OPEN_ACCOUNT' | 'CONSOLIDATE';
  /** For the log: "delegates the treasury account to 0x…". */
  readonly what: string;
  /** How many sequences of the treasury's account it takes: a delegation of itself takes two (EIP-7702). */
  readonly takes: bigint;
  /** The gas account that it sends coins to; null where it sends none. */
  readonly fills: string | null;
  /** Only the driver that made it reads it. */
  readonly details: Readonly<Record<string, string>>;
}

/** What is to be done for the payer, in order, and what a person should know about. */
export interface Upkeep {
  readonly chores: readonly Chore[];
  /** "gas account 0x… holds 0.01 POL, enough for about 12 batches". */
  readonly alarms: readonly string[];
}

/**
 * One transfer of an asset into or out of the payer's account, in a final block. Where the asset is the
 * chain's coin, the fee of a transaction of the payer's is one too: out, to nobody.
 */
export interface Movement {
  readonly kind: 'transfer' | 'fee';
  readonly direction: 'in' | 'out';
  readonly units: bigint;
  /** Empty of a fee. */
  readonly counterparty: string;
  readonly transactionHash: string;
  /** Its place in the transaction: tells it from the others of the same direction. */
  readonly logIndex: bigint;
  readonly block: BlockReference;
  /** The attempt of the payer that the transaction carried out there; null where it was none. */
  readonly carried: { readonly fence: string; readonly authorityHash: string } | null;
  /**
   * The payout that the payer's own transaction names for it, where it does: on Solana a recipient can give
   * its token account to another owner, and the chain then no longer tells the address that was ordered.
   */
  readonly payoutId?: string;
}

/** What a process without keys may ask of a chain. */
export interface NetworkReader {
  readonly network: NetworkId;
  /**
   * `ordered`: the chain runs a sender's transactions in the order of their sequences (EVM). `independent`:
   * each stands alone and carries its attempt by itself; it ends with it. There are no counts to ask for, and
   * nothing else carries an attempt: `sequences` and `carry` are not to be called.
   */
  readonly lanes: 'ordered' | 'independent';
  status(attempt: AttemptToFollow): Promise<Sighting>;
}

/** What is signed for already, read from the database before the chain is asked. */
export interface KnownToBeSigned {
  /** Of the asset, and in no block yet. */
  readonly unitsOnTheWay: bigint;
  /** The coins that open transactions spend. */
  readonly taken: readonly string[];
}

export interface DriverLimits {
  /** The most payouts that one attempt can hold. */
  readonly ordersPerAttempt: number;
  /** The most own transactions of one sender that may be in no block at once. */
  readonly waitingTransactions: number;
  /**
   * How long after it was signed an attempt may take effect, in milliseconds; null where the chain shows
   * in another way what was signed (ordered lanes: by its counts).
   */
  readonly validForMs: number | null;
}

/** What the settlement worker needs of a chain. */
export interface NetworkDriver extends NetworkReader {
  /** The account that holds the tokens and whose key signs for them. */
  readonly treasury: string;
  /** Plain accounts that send what the treasury has signed: a lane each. None where it sends by itself. */
  readonly gasAccounts: readonly string[];
  /** Whether a transaction that waits can be replaced at a higher fee. What cannot, expires. */
  readonly replaces: boolean;
  readonly limits: DriverLimits;
  /**
   * Compares the configured assets with the chain (chain id, decimals).
   * Throws a ChainMismatch where they differ; any other error means that the chain was not reached.
   */
  verifyAssets(): Promise<void>;
  /** Of orders of one asset. */
  inspect(orders: readonly TransferOrder[], known: KnownToBeSigned): Promise<Inspection>;
  /**
   * Builds and signs; sends nothing. Same arguments may give other bytes (fees move).
   * Throws {@link SigningPostponed} where it should be tried again later; nothing was signed then.
   */
  sign(order: SigningOrder): Promise<SignedAttempt>;
  /** Another transaction for the same authority. Throws {@link SigningPostponed}, as sign does. */
  carry(attempt: AttemptToFollow, lane: LanePosition): Promise<NewTransaction>;
  /**
   * Takes the same sequence of the same sender at a fee that nodes accept as a replacement, within the
   * ceiling: the same call, or nothing at all. Throws {@link SigningPostponed} where that is not to be had.
   */
  replace(
    transaction: SignedTransaction,
    by: 'itself' | 'nothing',
    known: Pick<KnownToBeSigned, 'taken'>,
  ): Promise<NewTransaction>;
  broadcast(rawTransaction: Uint8Array): Promise<BroadcastAnswer>;
  /** What became of one transaction of a lane; of independent ones it is asked about chores alone. */
  track(transaction: SignedTransaction): Promise<TransactionSighting>;
  /** Of ordered lanes. */
  sequences(sender: string): Promise<SequenceCounts>;
  /** What the payer's accounts need. Throws where the chain was not reached. */
  upkeep(known: Pick<KnownToBeSigned, 'taken'>): Promise<Upkeep>;
  /** Signs a chore on the treasury's own lane. Throws {@link SigningPostponed}, as sign does. */
  signChore(chore: Chore, lane: LanePosition): Promise<NewTransaction>;
  head(): Promise<ChainHead>;
  /** Whether a quorum of the nodes holds this block on its chain. */
  holds(block: BlockReference): Promise<'yes' | 'no' | 'unknown'>;
  /** Every transfer of the asset into or out of the treasury in the blocks named, all of them final. */
  movements(
    asset: Asset,
    blocks: { readonly from: bigint; readonly to: bigint },
  ): Promise<readonly Movement[]>;
  /** The treasury's units of an asset at the end of a final block. */
  unitsAt(asset: Asset, blockNumber: bigint): Promise<bigint>;
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

/** Not on this lane: its account cannot pay for the transaction. Another lane's may. */
export class LaneUnfunded extends SigningPostponed {}

export type { Signer };
