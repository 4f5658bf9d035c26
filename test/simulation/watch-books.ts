import type { Database } from '../../src/database/database.ts';
import type { Findings } from './findings.ts';
import type { Written } from './gated-database.ts';

/** Checks after each step what the step's statements can have changed, and nothing else. */
export interface BooksWatch {
  readonly note: (written: Written) => void;
  /** Whether payouts may have ended since the last check. */
  readonly check: () => Promise<{ readonly hasEnds: boolean }>;
}

/** So many open holds are compared after every step; of twice as many, after every second one. */
const HOLDS_AT_ONCE = 500;

export function createBooksWatch(place: {
  readonly db: Database;
  readonly findings: Findings;
  /** How many payouts have no end yet. */
  readonly openCount: () => number;
}): BooksWatch {
  const { db, findings, openCount } = place;
  const touched = { books: false, attempts: false, sequences: false, ends: false };
  let unchecked = 0;
  const checkBooks = async (): Promise<void> => {
    await checkBalances(db, findings);
    unchecked += 1;
    if (unchecked * HOLDS_AT_ONCE < openCount()) return;
    unchecked = 0;
    await checkHolds(db, findings);
  };
  return {
    note: ({ statements }) => {
      for (const statement of statements) {
        if (!/\b(INSERT|UPDATE|DELETE)\b/.test(statement)) continue;
        if (/\b(ledger_|payouts\b)/.test(statement)) touched.books = true;
        // Nothing else makes an attempt, or a transaction, alive.
        if (/\bINTO settlement_attempt/.test(statement)) touched.attempts = true;
        if (/\bINTO settlement_transactions\b/.test(statement)) touched.sequences = true;
        if (/\bINTO outbox_items\b/.test(statement)) touched.ends = true;
      }
    },
    check: async () => {
      const { books, attempts, sequences, ends } = touched;
      Object.assign(touched, { books: false, attempts: false, sequences: false, ends: false });
      if (books) await checkBooks();
      if (attempts) await checkAlive(db, findings);
      if (sequences) await checkSequences(db, findings);
      return { hasEnds: ends };
    },
  };
}

/** Debits are credits for each token, and nothing is below zero. */
async function checkBalances(db: Database, findings: Findings): Promise<void> {
  const rows = await db.query<{ subject: string; detail: string }>(
    `SELECT business_id || ' ' || token AS subject, 'has debits that are not its credits' AS detail
     FROM ledger_accounts GROUP BY business_id, token
     HAVING sum(CASE WHEN kind = 'CUSTODY' THEN balance_units ELSE -balance_units END) <> 0
     UNION ALL
     SELECT account_id::text, 'is below zero, or holds more than it has'
     FROM ledger_accounts
     WHERE balance_units < 0 OR held_units < 0 OR held_units > balance_units`,
  );
  for (const { subject, detail } of rows) findings.add('imbalances', subject, detail);
}

/**
 * What is held is what the open holds say, a payout without an end has its hold, and one that has ended
 * has none.
 */
export async function checkHolds(db: Database, findings: Findings): Promise<void> {
  const rows = await db.query<{ what: string; subject: string; detail: string }>(
    `SELECT 'held' AS what, a.account_id::text AS subject,
       'holds something else than its open holds say' AS detail
     FROM ledger_accounts a
     LEFT JOIN (SELECT business_id, account_id, sum(units) AS units FROM ledger_holds
                WHERE state = 'HELD' GROUP BY business_id, account_id) h
       ON h.business_id = a.business_id AND h.account_id = a.account_id
     WHERE a.held_units <> coalesce(h.units, 0)
     UNION ALL
     SELECT 'leaked', p.payout_id::text, 'is ' || p.status || ' and its hold is open'
     FROM ledger_holds h
     JOIN payouts p ON p.business_id = h.business_id AND p.payout_id = h.payout_id
     WHERE h.state = 'HELD' AND p.status IN ('COMPLETED', 'FAILED')
     UNION ALL
     SELECT 'given back', p.payout_id::text,
       'is ' || p.status || ' and its hold is ' || coalesce(h.state, 'none')
     FROM payouts p
     LEFT JOIN ledger_holds h ON h.business_id = p.business_id AND h.payout_id = p.payout_id
     WHERE p.status IN ('PENDING', 'PROCESSING') AND h.state IS DISTINCT FROM 'HELD'`,
  );
  for (const { what, subject, detail } of rows) {
    findings.add(what === 'leaked' ? 'holdsLeaked' : 'imbalances', subject, detail);
  }
}

/** No payout is in two attempts that could pay it. */
async function checkAlive(db: Database, findings: Findings): Promise<void> {
  const payouts = await db.query<{ payout_id: string }>(
    `SELECT i.payout_id::text FROM settlement_attempts a
     JOIN settlement_attempt_items i ON i.network = a.network AND i.attempt_id = a.attempt_id
     JOIN settlement_attempt_items j ON j.network = i.network AND j.payout_id = i.payout_id
       AND j.attempt_id <> i.attempt_id AND j.fate IN ('OPEN', 'PAID')
     WHERE a.state = 'OPEN' AND i.fate = 'OPEN'`,
  );
  for (const row of payouts) findings.add('duplicates', row.payout_id, 'has two attempts alive');
}

/** No sequence of a sender is signed for two attempts. */
async function checkSequences(db: Database, findings: Findings): Promise<void> {
  const sequences = await db.query<{ sender: string; sequence: bigint }>(
    `SELECT sender, sequence FROM settlement_transactions
     WHERE state = 'OPEN' AND attempt_id IS NOT NULL GROUP BY network, sender, sequence
     HAVING count(DISTINCT attempt_id) > 1`,
  );
  for (const { sender, sequence } of sequences) {
    findings.add('duplicates', `${sender} ${sequence}`, 'is a sequence signed for two attempts');
  }
}

/** Whether these very bytes are recorded. */
export async function isRecorded(db: Database, hash: string, raw: Uint8Array): Promise<boolean> {
  const rows = await db.query(
    `SELECT 1 FROM settlement_transactions WHERE transaction_hash = $1 AND raw_transaction = $2`,
    [hash, Buffer.from(raw)],
  );
  return rows.length > 0;
}

/** At the end, over everything: an ended payout's hold is ended in the right way, and told once. */
export async function checkEnds(db: Database, findings: Findings): Promise<void> {
  const rows = await db.query<{ payout_id: string; detail: string }>(
    `SELECT p.payout_id::text, p.status || ' with a hold ' || coalesce(h.state, 'none') AS detail
     FROM payouts p
     LEFT JOIN ledger_holds h ON h.business_id = p.business_id AND h.payout_id = p.payout_id
     WHERE h.state IS DISTINCT FROM CASE p.status WHEN 'COMPLETED' THEN 'POSTED'
       WHEN 'FAILED' THEN 'RELEASED' ELSE 'HELD' END`,
  );
  for (const row of rows) findings.add('imbalances', row.payout_id, `is ${row.detail}`);
  const paid = await db.query<{ payout_id: string; status: string; state: string }>(
    `SELECT p.payout_id::text, p.status, o.state FROM payouts p
     JOIN settlement_orders o ON o.network = p.network AND o.payout_id = p.payout_id
     WHERE (p.status = 'COMPLETED') <> (o.state = 'PAID') AND p.status IN ('COMPLETED', 'FAILED')`,
  );
  for (const row of paid) {
    findings.add('imbalances', row.payout_id, `is ${row.status} and its order is ${row.state}`);
  }
}
