import type { Queryable } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';
import type { BlockReference } from '../../networks/network.ts';

/** Blocks of a network that must never be anything else. */
export interface WatchedBlocks {
  /** The newest that was seen final. */
  readonly final: BlockReference | null;
  /** The newest with something of ours that was seen on the chain deeper than a reorganisation may reach. */
  readonly buried: BlockReference | null;
  /** One of them that a quorum of the nodes no longer holds. */
  readonly denied: BlockReference | null;
}

interface Row {
  final_number: bigint | null;
  final_hash: string | null;
  buried_number: bigint | null;
  buried_hash: string | null;
  denied_number: bigint | null;
  denied_hash: string | null;
}

/** Undefined where settlement was never opened for the network. */
export async function findWatchedBlocks(
  db: Queryable,
  network: NetworkId,
): Promise<WatchedBlocks | undefined> {
  const [row] = await db.query<Row>(
    `SELECT final_number, final_hash, buried_number, buried_hash, denied_number, denied_hash
     FROM settlement_networks WHERE network = $1`,
    [network],
  );
  if (row === undefined) return undefined;
  return {
    final: toBlock(row.final_number, row.final_hash),
    buried: toBlock(row.buried_number, row.buried_hash),
    denied: toBlock(row.denied_number, row.denied_hash),
  };
}

function toBlock(number: bigint | null, hash: string | null): BlockReference | null {
  return number === null || hash === null ? null : { number, hash };
}

interface Note {
  readonly network: NetworkId;
  readonly block: BlockReference;
  readonly at: Date;
}

/** Forwards only. */
export async function noteBuried(db: Queryable, note: Note): Promise<void> {
  await db.query(
    `UPDATE settlement_networks SET buried_number = $2, buried_hash = $3, updated_at = $4
     WHERE network = $1 AND (buried_number IS NULL OR buried_number < $2)`,
    [note.network, note.block.number, note.block.hash, note.at],
  );
}

/** False where one is denied already: the first stays. */
export async function noteDenied(db: Queryable, note: Note): Promise<boolean> {
  const noted = await db.query(
    `UPDATE settlement_networks SET denied_number = $2, denied_hash = $3, updated_at = $4
     WHERE network = $1 AND denied_hash IS NULL
     RETURNING network`,
    [note.network, note.block.number, note.block.hash, note.at],
  );
  return noted.length === 1;
}

/** The nodes hold the block again. */
export async function clearDenied(db: Queryable, note: Note): Promise<void> {
  await db.query(
    `UPDATE settlement_networks SET denied_number = NULL, denied_hash = NULL, updated_at = $3
     WHERE network = $1 AND denied_hash = $2`,
    [note.network, note.block.hash, note.at],
  );
}

/** From now on the chain is what the nodes show next. False where another block is denied by now. */
export async function forgetChain(
  db: Queryable,
  denied: { readonly network: NetworkId; readonly hash: string; readonly at: Date },
): Promise<boolean> {
  const forgotten = await db.query(
    `UPDATE settlement_networks
     SET final_number = NULL, final_hash = NULL, buried_number = NULL, buried_hash = NULL,
         denied_number = NULL, denied_hash = NULL, updated_at = $3
     WHERE network = $1 AND denied_hash = $2
     RETURNING network`,
    [denied.network, denied.hash, denied.at],
  );
  return forgotten.length === 1;
}

/** The newest block above one height and up to another that holds something open of ours. */
export async function findNewestIncluded(
  db: Queryable,
  want: { network: NetworkId; above: bigint; upTo: bigint },
): Promise<BlockReference | undefined> {
  const [row] = await db.query<{ block_number: bigint; block_hash: string }>(
    `SELECT block_number, block_hash FROM settlement_attempts
     WHERE network = $1 AND state = 'OPEN' AND block_number > $2 AND block_number <= $3
     UNION ALL
     SELECT block_number, block_hash FROM settlement_transactions
     WHERE network = $1 AND state = 'OPEN' AND block_number > $2 AND block_number <= $3
     ORDER BY block_number DESC LIMIT 1`,
    [want.network, want.above, want.upTo],
  );
  return row && { number: row.block_number, hash: row.block_hash };
}
