import type { Queryable, Tx } from '../../database/database.ts';
import type { NetworkId, Token } from '../../money/asset.ts';
import type { BlockReference } from '../../networks/network.ts';

/** An asset's row: see migrations/0009-reconciliation.sql. Units are the asset's own. */
export interface Reconciliation {
  readonly network: NetworkId;
  readonly token: Token;
  readonly openedNumber: bigint;
  readonly openingUnits: bigint;
  readonly scannedNumber: bigint;
  /** Null where only the number is known. */
  readonly scannedHash: string | null;
  readonly inUnits: bigint;
  readonly outUnits: bigint;
  readonly paidUnits: bigint;
  readonly adjustedUnits: bigint;
  /** Of the newest comparison, and all that follows. */
  readonly checkedNumber: bigint;
  readonly chainUnits: bigint;
  readonly openUnits: bigint;
  /** What the chain has more than the figures say. */
  readonly differenceUnits: bigint;
  readonly updatedAt: Date;
}

interface AssetKey {
  readonly network: NetworkId;
  readonly token: Token;
}

/** Begins at a final block, once. */
export async function openReconciliation(
  db: Queryable,
  opening: AssetKey & { readonly block: BlockReference; readonly units: bigint; readonly at: Date },
): Promise<void> {
  const { network, token, block, units, at } = opening;
  await db.query(
    `INSERT INTO settlement_reconciliations
       (network, token, opened_number, opening_units, scanned_number, scanned_hash, in_units, out_units,
        paid_units, adjusted_units, checked_number, chain_units, open_units, difference_units,
        created_at, updated_at)
     VALUES ($1, $2, $3, $4, $3, $5, 0, 0, 0, 0, $3, $4, 0, 0, $6, $6)
     ON CONFLICT (network, token) DO NOTHING`,
    [network, token, block.number, units, block.hash, at],
  );
}

export async function findReconciliation(
  db: Queryable,
  key: AssetKey,
): Promise<Reconciliation | undefined> {
  const [row] = await db.query<Row>(
    `SELECT ${COLUMNS} FROM settlement_reconciliations WHERE network = $1 AND token = $2`,
    [key.network, key.token],
  );
  return row && toReconciliation(row);
}

/** For the transaction that writes it: several workers reconcile at once, and take turns here. */
export async function lockReconciliation(
  tx: Tx,
  key: AssetKey,
): Promise<Reconciliation | undefined> {
  const [row] = await tx.query<Row>(
    `SELECT ${COLUMNS} FROM settlement_reconciliations WHERE network = $1 AND token = $2 FOR UPDATE`,
    [key.network, key.token],
  );
  return row && toReconciliation(row);
}

/** Of one network, by token. */
export async function listReconciliations(
  db: Queryable,
  network: NetworkId,
): Promise<Reconciliation[]> {
  const rows = await db.query<Row>(
    `SELECT ${COLUMNS} FROM settlement_reconciliations WHERE network = $1 ORDER BY token`,
    [network],
  );
  return rows.map(toReconciliation);
}

/** Writes what a round has found over a locked row. */
export async function saveReconciliation(
  tx: Tx,
  row: Omit<Reconciliation, 'openedNumber' | 'openingUnits'>,
): Promise<void> {
  await tx.query(
    `UPDATE settlement_reconciliations
     SET scanned_number = $3, scanned_hash = $4, in_units = $5, out_units = $6, paid_units = $7,
         adjusted_units = $8, checked_number = $9, chain_units = $10, open_units = $11,
         difference_units = $12, updated_at = $13
     WHERE network = $1 AND token = $2`,
    [
      row.network,
      row.token,
      row.scannedNumber,
      row.scannedHash,
      row.inUnits,
      row.outUnits,
      row.paidUnits,
      row.adjustedUnits,
      row.checkedNumber,
      row.chainUnits,
      row.openUnits,
      row.differenceUnits,
      row.updatedAt,
    ],
  );
}

/** Units that came or went without a transfer become part of the figures. False where they changed. */
export async function acceptDifference(
  tx: Tx,
  difference: { network: NetworkId; token: string; units: bigint; at: Date },
): Promise<boolean> {
  const accepted = await tx.query(
    `UPDATE settlement_reconciliations
     SET adjusted_units = adjusted_units + $3, difference_units = 0, updated_at = $4
     WHERE network = $1 AND token = $2 AND difference_units = $3
     RETURNING token`,
    [difference.network, difference.token, difference.units, difference.at],
  );
  return accepted.length === 1;
}

/** All of a network begin anew, at the next final block. */
export async function deleteReconciliations(tx: Tx, network: NetworkId): Promise<void> {
  await tx.query('DELETE FROM settlement_reconciliations WHERE network = $1', [network]);
}

const COLUMNS = `network, token, opened_number, opening_units, scanned_number, scanned_hash, in_units,
  out_units, paid_units, adjusted_units, checked_number, chain_units, open_units, difference_units,
  updated_at`;

interface Row {
  network: NetworkId;
  token: Token;
  opened_number: bigint;
  opening_units: bigint;
  scanned_number: bigint;
  scanned_hash: string | null;
  in_units: bigint;
  out_units: bigint;
  paid_units: bigint;
  adjusted_units: bigint;
  checked_number: bigint;
  chain_units: bigint;
  open_units: bigint;
  difference_units: bigint;
  updated_at: Date;
}

function toReconciliation(row: Row): Reconciliation {
  return {
    network: row.network,
    token: row.token,
    openedNumber: row.opened_number,
    openingUnits: row.opening_units,
    scannedNumber: row.scanned_number,
    scannedHash: row.scanned_hash,
    inUnits: row.in_units,
    outUnits: row.out_units,
    paidUnits: row.paid_units,
    adjustedUnits: row.adjusted_units,
    checkedNumber: row.checked_number,
    chainUnits: row.chain_units,
    openUnits: row.open_units,
    differenceUnits: row.difference_units,
    updatedAt: row.updated_at,
  };
}
