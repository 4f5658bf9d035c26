import type { Clock } from '../base/clock.ts';
import type { IdSource } from '../base/id.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../database/database.ts';
import type { NetworkDriver } from '../networks/network.ts';
import type { AssetOf } from './order.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';

/**
 * The moments between two steps of a payout's road. A test stops the process at one of them;
 * elsewhere nothing listens.
 */
export type Checkpoint =
  | 'accepted'
  | 'claimed'
  | 'signed'
  | 'recorded'
  | 'broadcast'
  | 'seen-final'
  | 'settled'
  | 'reported';

export const CHECKPOINTS: readonly Checkpoint[] = [
  'accepted',
  'claimed',
  'signed',
  'recorded',
  'broadcast',
  'seen-final',
  'settled',
  'reported',
];

/** Times in milliseconds. None of them can end a payout; they only say when to look again. */
export interface SettlementPace {
  /** How long a claim or a lane is held without renewal. The longest of these times. */
  readonly leaseMs: number;
  /** How long a payout waits for others to share a transaction with. */
  readonly batchWaitMs: number;
  /** Between two looks at the chain's head, at an attempt that no block holds, and at the lanes. */
  readonly checkEveryMs: number;
  /** Between two looks at an attempt in a block that is not final yet; when it is, at once. */
  readonly checkIncludedEveryMs: number;
  /** After this long in no block, the same bytes are sent again. */
  readonly rebroadcastAfterMs: number;
  /** After this long in no block, the first transaction of a lane is signed again at a higher fee. */
  readonly replaceAfterMs: number;
  /** Between two comparisons of the treasury on chain with what was signed for it. */
  readonly reconcileEveryMs: number;
  /** Between two comparisons of the ledger with what was paid. */
  readonly compareEveryMs: number;
  /** Until an order that has to wait (treasury short, token paused) is tried again. */
  readonly waitMs: number;
  /** News that a payout was signed waits so long: often its end is news by then, and is told alone. */
  readonly tellSigningAfterMs: number;
  /** Until an idle worker looks for work again. */
  readonly idleMs: number;
}

/** Everything that settlement of one network works with. */
export interface Settlement {
  readonly database: Database;
  readonly driver: NetworkDriver;
  readonly assetOf: AssetOf;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Its lines name the network. */
  readonly log: Log;
  readonly metrics: SettlementMetrics;
  /** Names this worker in leases. */
  readonly workerId: string;
  readonly pace: SettlementPace;
  /** How many payouts share a transaction at most; what a simulation measures may make it fewer. */
  readonly maxBatchOrders: number;
  /** How many batches a worker composes and signs at the same time, each on a lane of its own. */
  readonly batchesAtOnce: number;
  /** How many transactions of one sender may be in no block; nodes keep only so many of one account. */
  readonly maxWaitingTransactions: number;
  /** How many outbox items, attempts or reports one round takes. */
  readonly roundSize: number;
  readonly reach: (checkpoint: Checkpoint) => Promise<void>;
}
