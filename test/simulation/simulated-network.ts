import type { Clock } from '../../src/base/clock.ts';
import type { Json } from '../../src/base/json.ts';
import type { Log } from '../../src/base/log.ts';
import type { Database } from '../../src/database/database.ts';
import type { Asset, NetworkId, Token } from '../../src/money/asset.ts';
import type { BlockReference, NetworkDriver } from '../../src/networks/network.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';
import type { FaultKind, Faults } from './faults.ts';
import type { Outages } from './outages.ts';
import type { Shape } from './shape.ts';

/**
 * What a world needs to know of its network, and all of it: a chain in memory, the nodes that show it, the
 * driver that is tried on it, the truth of who was paid, and the troubles that it knows.
 */
export interface SimulatedNetwork {
  readonly network: NetworkId;
  /** Of the tokens that are paid out there. */
  readonly assets: readonly Asset[];
  /** As the workers of a world reach them, before anything goes wrong on the way. */
  readonly nodes: readonly SimulatedNode[];
  /** Between two blocks, in milliseconds, on average. */
  readonly blockMs: number;
  /** How many times as slow as elsewhere settlement goes about its work, and as long the trouble lasts. */
  readonly slowness: number;
  /**
   * For so long at most a worker that has started waits for what may be unknown to it, in simulated milliseconds, and
   * so much longer the trouble lasts: what is signed late has to meet it as well.
   */
  readonly catchUpMs: number;
  /** The driver of one process, on endpoints of its own. */
  readonly openDriver: (place: DriverPlace) => NetworkDriver;
  /** What a request gives to the chain; null where it gives nothing. */
  readonly sentBy: (method: string, params: Json) => SentTransaction | null;
  /** Enough of an answer to tell two histories apart, at little cost. */
  readonly summaryOf: (answer: unknown) => string;
  /** Methods that a provider may cut off for a while. */
  readonly dearMethods: readonly string[];
  readonly troubles: (place: TroublePlace) => readonly Trouble[];
  /** The next block, or another branch; from that block on the chain is another one, or longer. */
  readonly makeBlock: (place: BlockPlace) => Promise<bigint>;
  /** Goes back on what was final, which no honest chain does. Gives the blocks that are gone. */
  readonly breakFinality: (place: BlockPlace) => Promise<Abandoned>;
  readonly head: () => BlockReference;
  readonly finalNumber: () => bigint;
  /** Whether the chain holds it, whatever nodes say. */
  readonly holds: (block: BlockReference) => Promise<boolean>;
  /** Every payment out of the treasury in the blocks of the chain from this one on, oldest first. */
  readonly payments: (since: bigint) => readonly Payment[];
  /** Which payout a payment was made for, by what is recorded. */
  readonly createPayeeFinder: (db: Database) => PayeeFinder;
  /** The numbers of blocks that a stored proof rests on. */
  readonly blocksOfProof: (proof: unknown) => readonly bigint[];
  /** What is not to be: told of each transaction that is sent, before the node has it. */
  readonly judgeSent: (db: Database, sent: SentTransaction) => Promise<readonly string[]>;
  /** Units of each of its tokens for the treasury, at once or as soon as they can move. */
  readonly fund: (units: bigint) => void;
  readonly orderUnits: OrderUnits;
  /** A new recipient's address, in the form in which it is stored. */
  readonly addressOf: (hash: Uint8Array) => string;
  /** Whether the treasury has what it needs before it can pay. */
  readonly isSetUp: (db: Database) => Promise<boolean>;
  /** Transactions that persons have made with the treasury's key, and know of. */
  readonly madeByHand: () => readonly string[];
  /** The chain's own troubles are over. */
  readonly calm: () => void;
  /** How often each kind of fault has struck an answer. */
  readonly answerFaults: () => Readonly<Record<string, number>>;
}

/** What a payout is ordered for, in units of the asset. */
export interface OrderUnits {
  readonly least: number;
  readonly most: number;
}

/** One node, asked in its own protocol: JSON-RPC, or paths and bodies. */
export interface NodeEndpoint {
  readonly label: string;
  request(method: string, params: Json, path?: string): Promise<unknown>;
}

export interface SimulatedNode extends NodeEndpoint {
  /** All that ails it is over. */
  readonly heal: () => void;
  /** Whether what a request was refused with came only after the time-out. */
  readonly isSilence: (error: unknown) => boolean;
}

export interface DriverPlace {
  readonly endpoints: readonly NodeEndpoint[];
  /** How many of them have to agree; by itself the driver knows. */
  readonly quorum?: number;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly log: Log;
}

export interface SentTransaction {
  readonly transactionHash: string;
  /** As it was recorded. */
  readonly raw: Uint8Array;
}

/** One transfer out of the treasury, as the chain has executed it. */
export interface Payment {
  readonly token: Token;
  readonly units: bigint;
  /** Every name of whoever was paid, one of which the payout may have named. */
  readonly recipients: readonly string[];
  readonly transactionHash: string;
  /** What carried it in the transaction, of which the finder makes a payout. */
  readonly place: string;
  readonly block: BlockReference;
}

export interface PayeeFinder {
  readonly payoutOf: (payment: Payment) => Promise<string | undefined>;
}

/** Blocks that were final and are gone, by number. */
export interface Abandoned {
  readonly from: bigint;
  readonly to: bigint;
}

/** Most troubles last for half of it. */
export const LONGEST_TROUBLE_MS = 120_000;

/** What goes wrong by itself, not as the answer to a request. */
export interface Trouble {
  readonly kind: FaultKind;
  /** Gives what ends it. */
  readonly begin: () => (() => void) | undefined;
}

export interface TroublePlace {
  readonly random: SeededRandom;
  /** Whether more than one node at a time may say what is not so. */
  readonly mayMislead: boolean;
  /** Addresses that payouts without an end are for. */
  readonly recipients: () => readonly string[];
  readonly outages: Outages;
  readonly nowMs: () => number;
}

export interface BlockPlace {
  readonly random: SeededRandom;
  readonly faults: Faults;
}

/** What a network of a family is made with. */
export interface NetworkPlace {
  readonly network: NetworkId;
  readonly shape: Shape;
  /** Of the world; its forks are the network's own. */
  readonly random: SeededRandom;
  /** Simulated milliseconds since 1970. */
  readonly nowMs: () => number;
}
