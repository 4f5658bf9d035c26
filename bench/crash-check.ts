import type { Database } from '../src/database/database.ts';
import { checkBooks } from '../src/ledger/check-books.ts';
import { SETTLEMENT_TOPIC } from '../src/payouts/outbox-topics.ts';
import type { PayingChain } from '../test/harness/paying-chain.ts';
import type { Acknowledged } from './insistent-clients.ts';

/** What the database holds of a payout that was acknowledged; null where it holds nothing. */
interface Found {
  readonly n: number;
  readonly units: bigint | null;
  readonly status: string | null;
  readonly reference: string | null;
  readonly to_address: string | null;
  readonly hold: string | null;
  readonly hold_units: bigint | null;
  readonly kept_answer: string | null;
  readonly audits: bigint;
  /** The status of each line, oldest first. */
  readonly history: string | null;
  readonly items: bigint;
  readonly orders: bigint;
}

/** What of a platform is looked at. */
export interface Examined {
  readonly database: Database;
  readonly chain: Pick<PayingChain, 'network' | 'decimals' | 'paidOut'>;
  readonly merchants: readonly { readonly businessId: string }[];
}

const AT_ONCE = 20_000;

/**
 * A sentence for each acknowledged payout that is not there as it was answered, with its hold, its history, the
 * audit of its caller, the kept answer and its work for settlement. It may be read while others write: each
 * statement sees one moment.
 */
export async function whatIsLost(
  { database, chain }: Examined,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const wrong: string[] = [];
  for (let from = 0; from < acknowledged.length; from += AT_ONCE) {
    const part = acknowledged.slice(from, from + AT_ONCE);
    const found = await findAll(database, chain.network, part);
    for (const [index, order] of part.entries()) {
      const problem = problemOf(order, found[index]);
      if (problem !== undefined) wrong.push(`${order.payoutId}: ${problem}`);
    }
  }
  const ids = new Set(acknowledged.map(({ payoutId }) => payoutId));
  if (ids.size !== acknowledged.length) wrong.push('two keys were answered with one payout');
  return wrong;
}

/**
 * A sentence where some of them are not there any more, or have no hold of their units: for what has been looked
 * at closely before, again and again.
 */
export async function whatIsGone(
  { database }: Examined,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const [row] = await database.query<{ found: bigint }>(
    `SELECT count(*) AS found FROM unnest($1::uuid[], $2::uuid[]) AS a (business_id, payout_id)
     JOIN payouts p ON p.business_id = a.business_id AND p.payout_id = a.payout_id
     JOIN ledger_holds h ON h.business_id = a.business_id AND h.payout_id = a.payout_id
       AND h.units = p.units`,
    [
      acknowledged.map(({ merchant }) => merchant.businessId),
      acknowledged.map(({ payoutId }) => payoutId),
    ],
  );
  const isWhole = row?.found === BigInt(acknowledged.length);
  return isWhole ? [] : [`of ${acknowledged.length} payouts there are ${row?.found}`];
}

async function findAll(
  database: Database,
  network: string,
  part: readonly Acknowledged[],
): Promise<readonly Found[]> {
  return await database.query<Found>(
    `SELECT a.n::int4 AS n, p.units, p.status, p.merchant_reference AS reference, p.to_address,
       h.state AS hold, h.units AS hold_units, k.response_body AS kept_answer,
       (SELECT count(*) FROM payout_audits x
        WHERE x.business_id = a.business_id AND x.payout_id = a.payout_id) AS audits,
       (SELECT string_agg(c.status, ' ' ORDER BY c.number) FROM payout_changes c
        WHERE c.business_id = a.business_id AND c.payout_id = a.payout_id) AS history,
       coalesce(o.items, 0) AS items,
       (SELECT count(*) FROM settlement_orders s
        WHERE s.network = $4 AND s.payout_id = a.payout_id AND s.business_id = a.business_id) AS orders
     FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS a (business_id, payout_id, key, n)
     LEFT JOIN payouts p ON p.business_id = a.business_id AND p.payout_id = a.payout_id
     LEFT JOIN ledger_holds h ON h.business_id = a.business_id AND h.payout_id = a.payout_id
       AND h.account_id = p.api_account_id
     LEFT JOIN idempotency_keys k ON k.business_id = a.business_id AND k.idempotency_key = a.key
     LEFT JOIN (
       SELECT business_id, payload ->> 'payoutId' AS payout_id, count(*) AS items
       FROM outbox_items WHERE topic = $5 AND lane = $4 GROUP BY 1, 2
     ) o ON o.business_id = a.business_id AND o.payout_id = a.payout_id::text
     ORDER BY a.n`,
    [
      part.map(({ merchant }) => merchant.businessId),
      part.map(({ payoutId }) => payoutId),
      part.map(({ key }) => key),
      network,
      SETTLEMENT_TOPIC,
    ],
  );
}

/** What has a hold in which state. Nothing here can fail, so that FAILED is a mistake. */
const HOLD_OF: Readonly<Record<string, string>> = {
  PENDING: 'HELD',
  PROCESSING: 'HELD',
  COMPLETED: 'POSTED',
};

/** It is PROCESSING once more where its transaction was replaced by one with a higher fee. */
const HISTORY_OF: Readonly<Record<string, RegExp>> = {
  PENDING: /^PENDING$/,
  PROCESSING: /^PENDING( PROCESSING)+$/,
  COMPLETED: /^PENDING( PROCESSING)+ COMPLETED$/,
};

function problemOf(order: Acknowledged, found: Found | undefined): string | undefined {
  if (found?.status === undefined || found.status === null) return 'is not there';
  const { units, status, reference, to_address: toAddress } = found;
  if (units !== order.units) return `${units} units, not ${order.units}`;
  if (reference !== order.reference) return `the reference ${reference}, not ${order.reference}`;
  if (toAddress?.toLowerCase() !== order.toAddress) return `to ${toAddress}`;
  if (found.hold !== HOLD_OF[status]) return `${status} with its hold ${found.hold}`;
  if (found.hold_units !== units) return `a hold of ${found.hold_units}, not ${units}`;
  if (found.kept_answer !== order.body) return `the kept answer is ${found.kept_answer}`;
  if (found.audits !== 1n) return `${found.audits} audits`;
  if (HISTORY_OF[status]?.test(found.history ?? '') !== true) {
    return `${status} with the history ${found.history}`;
  }
  if (found.items + found.orders === 0n) return 'nobody will settle it';
  if (found.items > 1n || found.orders > 1n) {
    return `${found.items} items of work, ${found.orders} orders`;
  }
  return undefined;
}

/** A sentence for each order that became two payouts (each has a recipient of its own) and for books that do not balance. */
export async function whatIsWrongInBooks({ database, merchants }: Examined): Promise<string[]> {
  const twice = await database.query<{ to_address: string; payouts: bigint }>(
    'SELECT to_address, count(*) AS payouts FROM payouts GROUP BY to_address HAVING count(*) > 1',
  );
  const wrong = twice.map(({ to_address: to, payouts }) => `${payouts} payouts to ${to}`);
  for (const { businessId } of merchants) wrong.push(...(await checkBooks(database, businessId)));
  return wrong;
}

/** When nobody orders any more: a sentence where there are other payouts than those that were acknowledged. */
export async function whatNobodyOrdered(
  { database }: Examined,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const [row] = await database.query<{ payouts: bigint }>(
    'SELECT count(*) AS payouts FROM payouts',
  );
  return row?.payouts === BigInt(acknowledged.length)
    ? []
    : [`${row?.payouts} payouts, ${acknowledged.length} acknowledged keys`];
}

/** By the chain's own word: a sentence for whoever was paid twice, wrongly, or not although it is COMPLETED. */
export async function whatWasPaidWrongly(
  { database, chain }: Examined,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const completed = await database.query<{ payout_id: string }>(
    `SELECT payout_id FROM payouts WHERE status = 'COMPLETED'`,
  );
  const isCompleted = new Set(completed.map(({ payout_id: id }) => id));
  const scale = 10n ** BigInt(18 - chain.decimals);
  const paid = Map.groupBy(await chain.paidOut('USDT'), ({ to }) => to);
  const wrong: string[] = [];
  for (const { payoutId, toAddress, units } of acknowledged) {
    const got = paid.get(toAddress) ?? [];
    paid.delete(toAddress);
    const sums = got.map((each) => each.units * scale);
    if (got.length === 0 && !isCompleted.has(payoutId)) continue;
    if (sums.length !== 1 || sums[0] !== units)
      wrong.push(`${payoutId} was paid ${sums.join(' + ')}`);
  }
  for (const to of paid.keys()) wrong.push(`${to} was paid, and nobody ordered it`);
  return wrong;
}
