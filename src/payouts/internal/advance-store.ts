import { assert } from '../../base/assert.ts';
import type { Tx } from '../../database/database.ts';
import type { PayoutStatus } from '../payout.ts';
import type { PayoutKey } from '../progress.ts';
import type { Advance, Line, Standing } from './decide-advance.ts';

/** Sorts as the database sorts (business_id, payout_id). */
export function keyOf({ businessId, payoutId }: PayoutKey): string {
  return `${businessId} ${payoutId}`;
}

/** State and newest line of each payout, of one moment, by {@link keyOf}. */
export async function readStandings(
  tx: Tx,
  keys: readonly PayoutKey[],
): Promise<ReadonlyMap<string, Standing>> {
  const rows = await tx.query<StandingRow>(
    `SELECT p.business_id, p.payout_id, p.status, p.transaction_hash, p.updated_at,
       max(c.number) AS last_number
     FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)
     JOIN payouts p ON p.business_id = k.business_id AND p.payout_id = k.payout_id
     JOIN payout_changes c ON c.business_id = p.business_id AND c.payout_id = p.payout_id
     GROUP BY p.business_id, p.payout_id, p.status, p.transaction_hash, p.updated_at`,
    [keys.map((key) => key.businessId), keys.map((key) => key.payoutId)],
  );
  return new Map(
    rows.map((row) => {
      const standing: Standing = {
        businessId: row.business_id,
        payoutId: row.payout_id,
        status: row.status,
        transactionHash: row.transaction_hash,
        updatedAt: row.updated_at,
        lastNumber: row.last_number,
      };
      return [keyOf(standing), standing];
    }),
  );
}

interface StandingRow {
  business_id: string;
  payout_id: string;
  status: PayoutStatus;
  transaction_hash: string | null;
  updated_at: Date;
  last_number: number;
}

/**
 * Writes the first line of each advance, in the order given, and waits where another transaction is
 * writing it. Gives the keys of those written; of the others, another reporter's was committed.
 */
export async function writeFirstLines(
  tx: Tx,
  advances: readonly Advance[],
): Promise<ReadonlySet<string>> {
  return await writeLines(
    tx,
    advances.map(({ from, lines }) => ({ from, lines: lines.slice(0, 1) })),
  );
}

/** The other lines of advances whose first line is written: they are nobody else's to write. */
export async function writeLaterLines(tx: Tx, advances: readonly Advance[]): Promise<void> {
  const longer = advances.filter(({ lines }) => lines.length > 1);
  const written = await writeLines(
    tx,
    longer.map(({ from, lines }) => ({ from, lines: lines.slice(1) })),
  );
  assert(written.size === longer.length, 'a payout has one reporter at a time');
}

async function writeLines(
  tx: Tx,
  of: readonly { readonly from: PayoutKey; readonly lines: readonly Line[] }[],
): Promise<ReadonlySet<string>> {
  if (of.length === 0) return new Set();
  const each = of.flatMap(({ from, lines }) => lines.map((line) => ({ from, line })));
  const rows = await tx.query<{ business_id: string; payout_id: string }>(
    `INSERT INTO payout_changes (business_id, payout_id, number, status, detail, changed_at)
     SELECT l.business_id, l.payout_id, l.number, l.status, l.detail, l.changed_at
     FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::timestamptz[])
       WITH ORDINALITY AS l (business_id, payout_id, number, status, detail, changed_at, position)
     ORDER BY l.position
     ON CONFLICT (business_id, payout_id, number) DO NOTHING
     RETURNING business_id, payout_id`,
    [
      each.map(({ from }) => from.businessId),
      each.map(({ from }) => from.payoutId),
      each.map(({ line }) => line.number),
      each.map(({ line }) => line.status),
      each.map(({ line }) => line.detail),
      each.map(({ line }) => line.at),
    ],
  );
  return new Set(
    rows.map((row) => keyOf({ businessId: row.business_id, payoutId: row.payout_id })),
  );
}

/** Brings each payout from the state that was read to the one that was decided. */
export async function updatePayouts(tx: Tx, advances: readonly Advance[]): Promise<void> {
  const rows = await tx.query(
    `UPDATE payouts AS p
     SET status = n.status, transaction_hash = n.transaction_hash, info = n.info,
         updated_at = n.updated_at
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
       AS n (business_id, payout_id, status_before, status, transaction_hash, info, updated_at)
     WHERE p.business_id = n.business_id AND p.payout_id = n.payout_id
       AND p.status = n.status_before
     RETURNING p.payout_id`,
    [
      advances.map(({ from }) => from.businessId),
      advances.map(({ from }) => from.payoutId),
      advances.map(({ from }) => from.status),
      advances.map((advance) => advance.status),
      advances.map((advance) => advance.transactionHash),
      advances.map((advance) => advance.info),
      advances.map((advance) => advance.updatedAt),
    ],
  );
  assert(rows.length === advances.length, 'a payout keeps its state while its line is written');
}
