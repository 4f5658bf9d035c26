import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';
import type { Movement } from '../../networks/network.ts';
import type { Explanation } from '../explain-movements.ts';

/** A transfer with what explains it; null where nothing does, of one that comes in, and of a fee. */
export interface ExplainedMovement {
  readonly movement: Movement;
  readonly explanation: Pick<Explanation, 'attemptId' | 'payoutId'> | null;
  /** The fee of a transaction that Knit has signed. */
  readonly isOwnFee: boolean;
}

interface AssetKey {
  readonly network: NetworkId;
  readonly token: Token;
}

/** Names a movement among all of its network. */
export function keyOf(
  movement: Pick<Movement, 'transactionHash' | 'logIndex' | 'direction'>,
): string {
  return `${movement.transactionHash}:${movement.logIndex}:${movement.direction}`;
}

/** The {@link keyOf} of those that are booked already. */
export async function findBookedKeys(
  db: Queryable,
  network: NetworkId,
  movements: readonly Movement[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{
    transaction_hash: string;
    log_index: bigint;
    direction: 'IN' | 'OUT';
  }>(
    `SELECT transaction_hash, log_index, direction FROM settlement_movements
     WHERE network = $1 AND transaction_hash = ANY($2::text[])`,
    [network, [...new Set(movements.map(({ transactionHash }) => transactionHash))]],
  );
  return new Set(
    rows.map((row) =>
      keyOf({
        transactionHash: row.transaction_hash,
        logIndex: row.log_index,
        direction: row.direction === 'IN' ? 'in' : 'out',
      }),
    ),
  );
}

/** The payouts of a token, in the attempts under these fences that are not dead, that explain no transfer yet. */
export async function findExplanations(
  db: Queryable,
  key: AssetKey,
  fences: readonly string[],
): Promise<Explanation[]> {
  const rows = await db.query<{
    attempt_id: string;
    fence: string;
    authority_hash: string;
    payout_id: string;
    to_address: string;
    units: bigint;
    fate: Explanation['fate'];
  }>(
    `SELECT a.attempt_id, a.fence, a.authority_hash, i.payout_id, o.to_address, o.units, i.fate
     FROM settlement_attempts a
     JOIN settlement_attempt_items i ON i.network = a.network AND i.attempt_id = a.attempt_id
     JOIN settlement_orders o ON o.network = i.network AND o.payout_id = i.payout_id
     WHERE a.network = $1 AND a.fence = ANY($3::text[]) AND a.state <> 'DEAD' AND o.token = $2
       AND NOT EXISTS (
         SELECT 1 FROM settlement_movements m WHERE m.network = $1 AND m.payout_id = i.payout_id
       )
     ORDER BY a.attempt_id, i.position`,
    [key.network, key.token, [...new Set(fences)]],
  );
  return rows.map((row) => ({
    attemptId: row.attempt_id,
    fence: row.fence,
    authorityHash: row.authority_hash,
    payoutId: row.payout_id,
    toAddress: row.to_address,
    units: row.units,
    fate: row.fate,
  }));
}

/** Of these transactions, those that Knit has signed. */
export async function findOwnTransactions(
  db: Queryable,
  network: NetworkId,
  transactionHashes: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ transaction_hash: string }>(
    `SELECT transaction_hash FROM settlement_transactions
     WHERE network = $1 AND transaction_hash = ANY($2::text[])`,
    [network, [...new Set(transactionHashes)]],
  );
  return new Set(rows.map((row) => row.transaction_hash));
}

/** How many one statement takes. */
const CHUNK = 5_000;

/** Books each once. One that is there already is only noted in the block where it is now. */
export async function bookMovements(
  tx: Tx,
  key: AssetKey & { readonly at: Date },
  booked: readonly ExplainedMovement[],
): Promise<void> {
  for (let start = 0; start < booked.length; start += CHUNK) {
    await insertMovements(tx, key, booked.slice(start, start + CHUNK));
  }
}

async function insertMovements(
  tx: Tx,
  key: AssetKey & { readonly at: Date },
  booked: readonly ExplainedMovement[],
): Promise<void> {
  const of = <T>(read: (movement: Movement) => T): T[] => booked.map((it) => read(it.movement));
  await tx.query(
    `INSERT INTO settlement_movements
       (network, transaction_hash, log_index, direction, token, units, counterparty, block_number,
        block_hash, attempt_id, payout_id, kind, is_own_fee, created_at)
     SELECT $1::text, m.transaction_hash, m.log_index, m.direction, $2::text, m.units, m.counterparty,
       m.block_number, m.block_hash, m.attempt_id, m.payout_id, m.kind, m.is_own_fee, $3::timestamptz
     FROM unnest($4::text[], $5::bigint[], $6::text[], $7::numeric[], $8::text[], $9::bigint[],
       $10::text[], $11::uuid[], $12::uuid[], $13::text[], $14::boolean[])
       AS m (transaction_hash, log_index, direction, units, counterparty, block_number, block_hash,
         attempt_id, payout_id, kind, is_own_fee)
     ON CONFLICT (network, transaction_hash, log_index, direction)
     DO UPDATE SET block_number = excluded.block_number, block_hash = excluded.block_hash`,
    [
      key.network,
      key.token,
      key.at,
      of(({ transactionHash }) => transactionHash),
      of(({ logIndex }) => logIndex),
      of(({ direction }) => (direction === 'in' ? 'IN' : 'OUT')),
      of(({ units }) => units),
      of(({ counterparty }) => counterparty),
      of(({ block }) => block.number),
      of(({ block }) => block.hash),
      booked.map(({ explanation }) => explanation?.attemptId ?? null),
      booked.map(({ explanation }) => explanation?.payoutId ?? null),
      of(({ kind }) => (kind === 'fee' ? 'FEE' : 'TRANSFER')),
      booked.map(({ isOwnFee }) => isOwnFee),
    ],
  );
}

/** What is booked of a token in blocks after one and up to another. */
export async function sumMovements(
  db: Queryable,
  want: AssetKey & { readonly after: bigint; readonly upTo: bigint },
): Promise<{ inUnits: bigint; outUnits: bigint }> {
  const rows = await db.query<{ direction: 'IN' | 'OUT'; units: bigint }>(
    `SELECT direction, sum(units) AS units FROM settlement_movements
     WHERE network = $1 AND token = $2 AND block_number > $3 AND block_number <= $4
     GROUP BY direction`,
    [want.network, want.token, want.after, want.upTo],
  );
  const of = (direction: 'IN' | 'OUT'): bigint =>
    rows.find((row) => row.direction === direction)?.units ?? 0n;
  return { inUnits: of('IN'), outUnits: of('OUT') };
}

/** A transfer out that nothing explains and nobody has accepted. */
export interface UnexplainedMovement {
  readonly transactionHash: string;
  readonly token: Token;
  readonly units: bigint;
  readonly counterparty: string;
  readonly blockNumber: bigint;
}

export async function listUnexplained(
  db: Queryable,
  network: NetworkId,
): Promise<UnexplainedMovement[]> {
  const rows = await db.query<{
    transaction_hash: string;
    token: Token;
    units: bigint;
    counterparty: string;
    block_number: bigint;
  }>(
    `SELECT transaction_hash, token, units, counterparty, block_number FROM settlement_movements
     WHERE network = $1 AND direction = 'OUT' AND attempt_id IS NULL AND acceptance_id IS NULL
       AND NOT is_own_fee
     ORDER BY block_number, transaction_hash, log_index`,
    [network],
  );
  return rows.map((row) => ({
    transactionHash: row.transaction_hash,
    token: row.token,
    units: row.units,
    counterparty: row.counterparty,
    blockNumber: row.block_number,
  }));
}

/** Signed for and found in no block yet: what may still leave the payer. */
export async function sumOpenUnits(db: Queryable, key: AssetKey): Promise<bigint> {
  const [row] = await db.query<{ units: bigint }>(
    `SELECT coalesce(sum(o.units), 0) AS units
     FROM settlement_attempts a
     JOIN settlement_attempt_items i ON i.network = a.network AND i.attempt_id = a.attempt_id
     JOIN settlement_orders o ON o.network = i.network AND o.payout_id = i.payout_id
     WHERE a.network = $1 AND o.token = $2 AND a.state = 'OPEN' AND i.fate = 'OPEN'
       AND NOT EXISTS (
         SELECT 1 FROM settlement_movements m WHERE m.network = $1 AND m.payout_id = i.payout_id
       )`,
    [key.network, key.token],
  );
  return row?.units ?? 0n;
}
