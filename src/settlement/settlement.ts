import type { Clock } from '../base/clock.ts';
import type { IdSource } from '../base/id.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../database/database.ts';
import type { NetworkDriver } from '../networks/network.ts';
import type { AssetOf } from './order.ts';

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
  /** Between two looks at an open attempt. */
  readonly checkEveryMs: number;
  /** After this long unseen, the same bytes are sent again. */
  readonly rebroadcastAfterMs: number;
  /** Until an order that has to wait (treasury short, token paused) is tried again. */
  readonly waitMs: number;
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
  /** Names this worker in leases. */
  readonly workerId: string;
  readonly pace: SettlementPace;
  /** How many attempts of one sender may be in no block; nodes keep only so many of one account. */
  readonly maxWaitingAttempts: number;
  /** How many orders, attempts or reports one round takes. */
  readonly roundSize: number;
  readonly reach: (checkpoint: Checkpoint) => Promise<void>;
}
