import { present } from '../base/assert.ts';
import type { Queryable, Tx } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import { sameAddress } from '../networks/address.ts';
import type { BlockReference } from '../networks/network.ts';

/** What holds for all of settlement on one network. */
export interface NetworkState {
  readonly network: NetworkId;
  readonly payer: string;
  /** What the next attempt's fence is made of (EVM: the batch id). */
  readonly nextNumber: bigint;
  /** Why nothing is signed for payouts until a person has looked; null while nothing is in the way. */
  readonly stoppedFor: string | null;
  /** The newest block that was seen final; null before the first. */
  readonly final: BlockReference | null;
  readonly updatedAt: Date;
}

/** The keys of this process are not those that the network was opened with. Nothing may be signed. */
export class PayerMismatch extends Error {
  override readonly name = 'PayerMismatch';
}

/** A fence of number zero would look like a missing one wherever a person reads it. */
const FIRST_NUMBER = 1n;

/**
 * Creates the network's row on first use; true where this call has. Throws {@link PayerMismatch} where it was
 * opened with another payer: what that one has signed may still take effect, and only its key can follow it up.
 */
export async function openNetwork(
  db: Queryable,
  opening: { network: NetworkId; payer: string; at: Date },
): Promise<boolean> {
  const { network, payer, at } = opening;
  const opened = await db.query(
    `INSERT INTO settlement_networks (network, payer, next_number, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT (network) DO NOTHING
     RETURNING network`,
    [network, payer, FIRST_NUMBER, at],
  );
  const state = present(await findNetworkState(db, network), `the row of ${network} was written`);
  if (sameAddress(network, state.payer, payer)) return opened.length === 1;
  throw new PayerMismatch(
    `${network} has been paid from ${state.payer}; the keys of this process are those of ${payer}`,
  );
}

/** Takes the number of the next fence, for good. Undefined while the network is stopped. */
export async function takeNumber(
  db: Queryable,
  network: NetworkId,
  at: Date,
): Promise<bigint | undefined> {
  const [row] = await db.query<{ number: bigint }>(
    `UPDATE settlement_networks SET next_number = next_number + 1, updated_at = $2
     WHERE network = $1 AND stopped_for IS NULL
     RETURNING next_number - 1 AS number`,
    [network, at],
  );
  return row?.number;
}

/**
 * Whether an attempt may be recorded, for the transaction that records it: it holds the row until its
 * end, so that a stop either comes before it and is seen, or waits for it. Recordings take turns, so that
 * each sees what the one before it has signed for.
 */
export async function isSigningAllowed(tx: Tx, network: NetworkId): Promise<boolean> {
  const [row] = await tx.query<{ stopped_for: string | null }>(
    'SELECT stopped_for FROM settlement_networks WHERE network = $1 FOR UPDATE',
    [network],
  );
  return row !== undefined && row.stopped_for === null;
}

/**
 * Stops signing for payouts until {@link resumeNetwork}. The first reason stays. True where it was not
 * stopped already.
 */
export async function stopNetwork(
  db: Queryable,
  stop: { network: NetworkId; reason: string; at: Date },
): Promise<boolean> {
  const stopped = await db.query(
    `UPDATE settlement_networks SET stopped_for = $2, updated_at = $3
     WHERE network = $1 AND stopped_for IS NULL
     RETURNING network`,
    [stop.network, stop.reason, stop.at],
  );
  return stopped.length === 1;
}

/** On a person's word. False where it is not stopped, or by now for another reason than they saw. */
export async function resumeNetwork(
  db: Queryable,
  resumption: { network: NetworkId; stoppedFor: string; at: Date },
): Promise<boolean> {
  const resumed = await db.query(
    `UPDATE settlement_networks SET stopped_for = NULL, updated_at = $3
     WHERE network = $1 AND stopped_for = $2
     RETURNING network`,
    [resumption.network, resumption.stoppedFor, resumption.at],
  );
  return resumed.length === 1;
}

/** Notes a block as final. An older one than is noted already changes nothing. */
export async function noteFinal(
  db: Queryable,
  note: { network: NetworkId; block: BlockReference; at: Date },
): Promise<void> {
  await db.query(
    `UPDATE settlement_networks SET final_number = $2, final_hash = $3, updated_at = $4
     WHERE network = $1 AND (final_number IS NULL OR final_number < $2)`,
    [note.network, note.block.number, note.block.hash, note.at],
  );
}

/** The networks that settlement has been opened for, by name. */
export async function findNetworkStates(db: Queryable): Promise<NetworkState[]> {
  const rows = await db.query<NetworkRow>(
    `SELECT ${COLUMNS} FROM settlement_networks ORDER BY network`,
  );
  return rows.map(toState);
}

export async function findNetworkState(
  db: Queryable,
  network: NetworkId,
): Promise<NetworkState | undefined> {
  const [row] = await db.query<NetworkRow>(
    `SELECT ${COLUMNS} FROM settlement_networks WHERE network = $1`,
    [network],
  );
  return row && toState(row);
}

const COLUMNS = 'network, payer, next_number, stopped_for, final_number, final_hash, updated_at';

interface NetworkRow {
  network: NetworkId;
  payer: string;
  next_number: bigint;
  stopped_for: string | null;
  final_number: bigint | null;
  final_hash: string | null;
  updated_at: Date;
}

function toState(row: NetworkRow): NetworkState {
  return {
    network: row.network,
    payer: row.payer,
    nextNumber: row.next_number,
    stoppedFor: row.stopped_for,
    final: toBlock(row.final_number, row.final_hash),
    updatedAt: row.updated_at,
  };
}

function toBlock(number: bigint | null, hash: string | null): BlockReference | null {
  return number === null || hash === null ? null : { number, hash };
}
