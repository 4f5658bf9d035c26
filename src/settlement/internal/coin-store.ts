import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId } from '../../money/asset.ts';
import type { LanePosition } from '../../networks/network.ts';

/** The coins that open transactions of a network spend. */
export async function listTakenCoins(db: Queryable, network: NetworkId): Promise<string[]> {
  const rows = await db.query<{ coin: string }>(
    'SELECT coin FROM settlement_coins WHERE network = $1 ORDER BY coin',
    [network],
  );
  return rows.map(({ coin }) => coin);
}

/**
 * Takes the coins for a transaction, its versions included. False where another has one of them: then
 * nothing may be committed.
 */
export async function takeCoins(
  tx: Tx,
  position: LanePosition & { readonly network: NetworkId; readonly at: Date },
  coins: readonly string[],
): Promise<boolean> {
  if (coins.length === 0) return true;
  const { network, sender, sequence, at } = position;
  // In one order for all, so that two that want the same coins wait instead of blocking each other.
  const wanted = coins.toSorted();
  await tx.query(
    `INSERT INTO settlement_coins (network, coin, sender, sequence, taken_at)
     SELECT $1::text, c.coin, $3::text, $4::bigint, $5::timestamptz FROM unnest($2::text[]) AS c (coin)
     ON CONFLICT (network, coin) DO NOTHING`,
    [network, wanted, sender, sequence, at],
  );
  const own = await tx.query(
    `SELECT coin FROM settlement_coins
     WHERE network = $1 AND coin = ANY($2::text[]) AND sender = $3 AND sequence = $4`,
    [network, wanted, sender, sequence],
  );
  return own.length === new Set(wanted).size;
}

/** The transaction and all of its versions have ended: the chain shows its coins as spent, or they are free. */
export async function freeCoins(
  tx: Tx,
  position: LanePosition & { readonly network: NetworkId },
): Promise<void> {
  await tx.query(
    'DELETE FROM settlement_coins WHERE network = $1 AND sender = $2 AND sequence = $3',
    [position.network, position.sender, position.sequence],
  );
}
