import { later, type Clock } from '../base/clock.ts';
import type { Queryable, Tx } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import { accountSpelling } from '../networks/address.ts';

/** GAS: a plain account that sends what the payer has signed. TREASURY: the payer's own account. */
export type LaneRole = 'GAS' | 'TREASURY';

/** The sequence of transactions of one sender on one network, and who may add to it now. */
export interface Lane {
  readonly network: NetworkId;
  readonly sender: string;
  readonly role: LaneRole;
  /** The sequence (EVM: nonce) that the next attempt takes. */
  readonly nextSequence: bigint;
  readonly holderId: string | null;
  readonly leaseUntil: Date;
  /** When the lane was last taken, used or given back. */
  readonly updatedAt: Date;
  /** Why nothing is signed on it until a person has looked; null while nothing is in the way. */
  readonly stoppedFor: string | null;
}

/** A lane as held by this worker. `leaseToken` fences: whoever holds an older one records nothing. */
export interface HeldLane {
  readonly network: NetworkId;
  readonly sender: string;
  readonly nextSequence: bigint;
  readonly leaseToken: bigint;
}

/** Creates the lane on first use, beginning at the chain's own count. Later calls change nothing. */
export async function openLane(
  db: Queryable,
  lane: { network: NetworkId; sender: string; role: LaneRole; firstSequence: bigint; at: Date },
): Promise<void> {
  await db.query(
    `INSERT INTO settlement_lanes
       (network, sender, role, next_sequence, lease_token, lease_until, created_at, updated_at)
     VALUES ($1, $2, $3, $4, 0, $5, $5, $5)
     ON CONFLICT (network, sender) DO NOTHING`,
    [lane.network, lane.sender, lane.role, lane.firstSequence, lane.at],
  );
}

/**
 * Takes the lease on a lane; undefined while it is held, by another step of the same worker too, and
 * while it is stopped. One that lasts beyond two leases is of a clock that ran ahead, and over. The clock
 * decides only who may try: what keeps two workers apart is the token, compared when an attempt is recorded.
 */
export async function holdLane(
  db: Queryable,
  want: { network: NetworkId; sender: string; holderId: string; leaseMs: number; now: Date },
): Promise<HeldLane | undefined> {
  const [row] = await db.query<{ next_sequence: bigint; lease_token: bigint }>(
    `UPDATE settlement_lanes
     SET holder_id = $3, lease_token = lease_token + 1, lease_until = $4, updated_at = $5
     WHERE network = $1 AND sender = $2 AND stopped_for IS NULL
       AND (holder_id IS NULL OR lease_until <= $5 OR lease_until > $6)
     RETURNING next_sequence, lease_token`,
    [
      want.network,
      want.sender,
      want.holderId,
      later(want.now, want.leaseMs),
      want.now,
      later(want.now, 2 * want.leaseMs),
    ],
  );
  if (row === undefined) return undefined;
  return {
    network: want.network,
    sender: want.sender,
    nextSequence: row.next_sequence,
    leaseToken: row.lease_token,
  };
}

/**
 * Whether the lane is still this holder's: its lease may have passed on while the process stalled. In a
 * transaction the row stays locked to its end, so that nobody takes the lane over meanwhile.
 */
export async function holdsLane(db: Queryable | Tx, lane: HeldLane): Promise<boolean> {
  const lock = 'inTransaction' in db ? 'FOR UPDATE' : '';
  const rows = await db.query(
    `SELECT sender FROM settlement_lanes
     WHERE network = $1 AND sender = $2 AND lease_token = $3 AND next_sequence = $4 ${lock}`,
    [lane.network, lane.sender, lane.leaseToken, lane.nextSequence],
  );
  return rows.length === 1;
}

/** Gives the lease back, so that another worker need not wait for its end, whatever its clock says. */
export async function leaveLane(db: Queryable, lane: HeldLane, now: Date): Promise<void> {
  await db.query(
    `UPDATE settlement_lanes SET holder_id = NULL, lease_until = $4, updated_at = $4
     WHERE network = $1 AND sender = $2 AND lease_token = $3`,
    [lane.network, lane.sender, lane.leaseToken, now],
  );
}

/**
 * Takes the lane's next sequence for a transaction, and as many after it as the transaction itself
 * takes. False where the lane has passed to another holder or its sequence has moved: then the signed
 * bytes must be thrown away.
 */
export async function takeSequence(
  tx: Tx,
  lane: HeldLane,
  take: { readonly count: bigint; readonly at: Date },
): Promise<boolean> {
  const taken = await tx.query(
    `UPDATE settlement_lanes SET next_sequence = next_sequence + $5, updated_at = $6
     WHERE network = $1 AND sender = $2 AND lease_token = $3 AND next_sequence = $4
     RETURNING sender`,
    [lane.network, lane.sender, lane.leaseToken, lane.nextSequence, take.count, take.at],
  );
  return taken.length === 1;
}

/**
 * Sets a held lane of the payer's own account back to what the chain counts for good, where a transaction
 * took fewer sequences than it could have. Only while nothing of the lane is open. Each state of its
 * transactions is asked for by itself, because each has an index of its own.
 */
export async function setSequenceBack(
  db: Queryable,
  lane: HeldLane,
  to: { readonly sequence: bigint; readonly at: Date },
): Promise<boolean> {
  const moved = await db.query(
    `UPDATE settlement_lanes AS l SET next_sequence = $5, updated_at = $6
     WHERE l.network = $1 AND l.sender = $2 AND l.lease_token = $3 AND l.next_sequence = $4
       AND l.role = 'TREASURY' AND l.next_sequence > $5
       AND NOT EXISTS (
         SELECT 1 FROM settlement_transactions t
         WHERE t.network = $1 AND t.sender = $2 AND t.state = 'OPEN'
       )
       AND NOT EXISTS (
         SELECT 1 FROM settlement_transactions t
         WHERE t.network = $1 AND t.sender = $2 AND t.state = 'FINAL' AND t.sequence >= $5
       )
       AND NOT EXISTS (
         SELECT 1 FROM settlement_transactions t
         WHERE t.network = $1 AND t.sender = $2 AND t.state = 'REPLACED' AND t.sequence >= $5
       )
     RETURNING l.sender`,
    [lane.network, lane.sender, lane.leaseToken, lane.nextSequence, to.sequence, to.at],
  );
  return moved.length === 1;
}

/**
 * Stops signing on a lane until {@link adoptSequence}: whoever holds it records nothing more. The
 * first reason stays.
 */
export async function stopLane(
  db: Queryable,
  lane: { network: NetworkId; sender: string; reason: string; at: Date },
): Promise<void> {
  await db.query(
    `UPDATE settlement_lanes
     SET stopped_for = coalesce(stopped_for, $3), lease_token = lease_token + 1, updated_at = $4
     WHERE network = $1 AND sender = $2`,
    [lane.network, lane.sender, lane.reason, lane.at],
  );
}

/**
 * On a person's word, moves a lane forward past transactions that were not made by Knit, and lets a
 * stopped lane go on. Takes the lane away from its holder; false where it is not stopped and is at or
 * past `nextSequence` already.
 */
export async function adoptSequence(
  db: Queryable,
  lane: { network: NetworkId; sender: string; nextSequence: bigint; at: Date },
): Promise<boolean> {
  const moved = await db.query(
    `UPDATE settlement_lanes
     SET next_sequence = greatest(next_sequence, $3), stopped_for = NULL, holder_id = NULL,
         lease_token = lease_token + 1, lease_until = $4, updated_at = $4
     WHERE network = $1 AND sender = $2 AND (next_sequence < $3 OR stopped_for IS NOT NULL)
     RETURNING sender`,
    [lane.network, lane.sender, lane.nextSequence, lane.at],
  );
  return moved.length === 1;
}

export async function listLanes(db: Queryable): Promise<Lane[]> {
  const rows = await db.query<{
    network: NetworkId;
    sender: string;
    role: LaneRole;
    next_sequence: bigint;
    holder_id: string | null;
    lease_until: Date;
    updated_at: Date;
    stopped_for: string | null;
  }>(
    `SELECT network, sender, role, next_sequence, holder_id, lease_until, updated_at, stopped_for
     FROM settlement_lanes ORDER BY network, role DESC, sender`,
  );
  return rows.map((row) => ({
    network: row.network,
    sender: row.sender,
    role: row.role,
    nextSequence: row.next_sequence,
    holderId: row.holder_id,
    leaseUntil: row.lease_until,
    updatedAt: row.updated_at,
    stoppedFor: row.stopped_for,
  }));
}

/** Undefined where the lane was never opened. */
export async function findLane(
  db: Queryable,
  network: NetworkId,
  sender: string,
): Promise<Lane | undefined> {
  const lanes = await listLanes(db);
  return lanes.find((lane) => lane.network === network && lane.sender === sender);
}

/** Whether an address is a wallet that Knit itself pays from on that network. */
export type IsOwnWallet = (network: NetworkId, address: string) => Promise<boolean>;

/**
 * How long a reading of the wallets counts. They are opened by a worker before anybody can know them, and
 * never closed, so a request loses nothing by it.
 */
const WALLETS_COUNT_MS = 1_000;

/** Reads the wallets of all networks together, at most once a second. */
export function createOwnWalletLookup(db: Queryable, clock: Clock): IsOwnWallet {
  let read: { readonly atMs: number; readonly wallets: Promise<ReadonlySet<string>> } | undefined;
  return async (network, address) => {
    const nowMs = clock.now().getTime();
    if (read === undefined || Math.abs(nowMs - read.atMs) >= WALLETS_COUNT_MS) {
      const wallets = readWallets(db);
      read = { atMs: nowMs, wallets };
      wallets.catch(() => {
        if (read?.wallets === wallets) read = undefined;
      });
    }
    return (await read.wallets).has(walletName(network, address));
  };
}

async function readWallets(db: Queryable): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ network: NetworkId; sender: string }>(
    'SELECT network, sender FROM settlement_lanes',
  );
  return new Set(rows.map(({ network, sender }) => walletName(network, sender)));
}

function walletName(network: NetworkId, address: string): string {
  return `${network} ${accountSpelling(network, address)}`;
}
