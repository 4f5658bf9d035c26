import type { Database } from '../src/database/database.ts';
import { checkBooks } from '../src/ledger/check-books.ts';

const ID_LENGTH = 36;
const CHECKED_AT_ONCE = 8;

/** How many payouts there are. */
export async function countPayouts(database: Database): Promise<number> {
  const [row] = await database.query<{ count: bigint }>('SELECT count(*) AS count FROM payouts');
  return Number(row?.count);
}

/**
 * Throws unless each acknowledged payout is there once, PENDING, with its hold, its history, the audit of its
 * caller and the work for settlement, and no id was given twice. `ids` are 36 characters each.
 */
export async function requireStored(database: Database, ids: string): Promise<void> {
  const list = Array.from({ length: ids.length / ID_LENGTH }, (_, index) =>
    ids.slice(index * ID_LENGTH, (index + 1) * ID_LENGTH),
  );
  const acknowledged = new Set(list).size;
  if (acknowledged !== list.length) throw new Error('one id was acknowledged twice');
  const [found] = await database.transaction(async (tx) => {
    // What the last part has written is not in the planner's figures yet: it would loop within loops.
    await tx.query('SET LOCAL enable_nestloop = off');
    await tx.query('SET LOCAL statement_timeout = 120000');
    return await tx.query<Record<string, bigint>>(STORED, [list]);
  });
  const counts = Object.entries(found ?? {}).map(([name, count]) => `${count} ${name}`);
  const isWhole = Object.values(found ?? {}).every((count) => count === BigInt(acknowledged));
  if (!isWhole) throw new Error(`of ${acknowledged} payouts there are ${counts.join(', ')}`);
}

const STORED = `WITH acknowledged AS (SELECT unnest($1::uuid[]) AS payout_id),
       items AS MATERIALIZED (
         SELECT business_id, item_id, (payload ->> 'payoutId')::uuid AS payout_id FROM outbox_items)
     SELECT count(*) AS acknowledged, count(p.payout_id) AS payouts, count(h.payout_id) AS holds,
       count(c.payout_id) AS changes, count(a.payout_id) AS audits, count(o.item_id) AS items
     FROM acknowledged
     LEFT JOIN payouts p ON p.payout_id = acknowledged.payout_id AND p.status = 'PENDING'
     LEFT JOIN ledger_holds h ON h.business_id = p.business_id AND h.payout_id = p.payout_id
       AND h.state = 'HELD' AND h.units = p.units AND h.account_id = p.api_account_id
     LEFT JOIN payout_changes c ON c.business_id = p.business_id AND c.payout_id = p.payout_id
     LEFT JOIN payout_audits a ON a.business_id = p.business_id AND a.payout_id = p.payout_id
     LEFT JOIN items o ON o.payout_id = p.payout_id AND o.business_id = p.business_id`;

/** Throws unless the books of every business balance and every payout has one hold and one item. */
export async function requireBalancedBooks(
  database: Database,
  businessIds: readonly string[],
): Promise<void> {
  const rest = [...businessIds];
  const checkTheNext = async (): Promise<void> => {
    for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
      const problems = await checkBooks(database, id);
      if (problems.length > 0) throw new Error(`${id}: ${problems.join('; ')}`);
    }
  };
  await Promise.all(Array.from({ length: CHECKED_AT_ONCE }, checkTheNext));
  const [row] = await database.query<Record<'payouts' | 'holds' | 'items', bigint>>(
    `SELECT (SELECT count(*) FROM payouts) AS payouts, (SELECT count(*) FROM ledger_holds) AS holds,
       (SELECT count(*) FROM outbox_items) AS items`,
  );
  if (row === undefined || row.payouts !== row.holds || row.payouts !== row.items) {
    const { payouts, holds, items } = row ?? {};
    throw new Error(`${payouts} payouts, ${holds} holds, ${items} items of work`);
  }
}
