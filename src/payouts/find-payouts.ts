import { lowestIdAt } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import { NETWORK_IDS, TOKENS } from '../money/asset.ts';
import { PAYOUT_COLUMNS, toPayout, type PayoutRow } from './internal/payout-row.ts';
import { PAYOUT_STATUSES, type Payout, type PayoutStatus } from './payout.ts';

export async function findPayout(
  db: Queryable,
  businessId: string,
  payoutId: string,
): Promise<Payout | undefined> {
  const [row] = await db.query<PayoutRow>(
    `SELECT ${PAYOUT_COLUMNS} FROM payouts WHERE business_id = $1 AND payout_id = $2`,
    [businessId, payoutId],
  );
  return row === undefined ? undefined : toPayout(row);
}

/** Those of the payouts named that exist, of any businesses, in no order. */
export async function findPayouts(
  db: Queryable,
  keys: readonly { readonly businessId: string; readonly payoutId: string }[],
): Promise<Payout[]> {
  if (keys.length === 0) return [];
  const rows = await db.query<PayoutRow>(
    `SELECT ${ofTable('p')}
     FROM unnest($1::uuid[], $2::uuid[]) AS k (business_id, payout_id)
     JOIN payouts p ON p.business_id = k.business_id AND p.payout_id = k.payout_id`,
    [keys.map((key) => key.businessId), keys.map((key) => key.payoutId)],
  );
  return rows.map(toPayout);
}

export interface PayoutFilter {
  readonly businessId: string;
  readonly status?: PayoutStatus | undefined;
  readonly network?: string | undefined;
  readonly token?: string | undefined;
  readonly merchantReference?: string | undefined;
  /** Created at or after. */
  readonly from?: Date | undefined;
  /** Created at or before, to the millisecond. */
  readonly to?: Date | undefined;
  /** Only payouts older than this one: the keyset of the next page. */
  readonly beforeId?: string | undefined;
  readonly limit: number;
}

/**
 * A page of payouts, newest first. A payout's id holds the time of its creation, so the primary key
 * serves the order, the page and the bounds in time. Whatever the filter and however old what it finds,
 * the index is read at the page's rows and not from one to the next.
 */
export async function listPayouts(db: Queryable, filter: PayoutFilter): Promise<Payout[]> {
  const { merchantReference, network, token, status } = filter;
  const isOfKind = network !== undefined || token !== undefined || status !== undefined;
  const list = isOfKind && merchantReference === undefined ? listOfKinds : listOfAll;
  return (await list(db, filter)).map(toPayout);
}

/** By the primary key, or the one payout of a reference. */
async function listOfAll(db: Queryable, filter: PayoutFilter): Promise<PayoutRow[]> {
  const { businessId, limit, merchantReference, status, network, token } = filter;
  const range = conditionsOf(3, [
    ['merchant_reference =', merchantReference],
    ['status =', status],
    ['network =', network],
    ['token =', token],
    ...boundsOf(filter),
  ]);
  return await db.query<PayoutRow>(
    `SELECT ${PAYOUT_COLUMNS} FROM payouts WHERE business_id = $1 ${range.sql}
     ORDER BY payout_id DESC LIMIT $2`,
    [businessId, limit, ...range.values],
  );
}

/**
 * The newest of each kind (network, token and status) that the filter allows, and of these the newest. A
 * filter that leaves one of the three open is so answered from the one index over all of them, in as many
 * looks as there are kinds: 24 at most.
 */
async function listOfKinds(db: Queryable, filter: PayoutFilter): Promise<PayoutRow[]> {
  const { businessId, limit, status, network, token } = filter;
  const range = conditionsOf(6, boundsOf(filter));
  return await db.query<PayoutRow>(
    `SELECT ${ofTable('p')} FROM (
       SELECT newest.payout_id
       FROM unnest($3::text[]) AS n (network) CROSS JOIN unnest($4::text[]) AS t (token)
       CROSS JOIN unnest($5::text[]) AS s (status)
       CROSS JOIN LATERAL (
         SELECT payout_id FROM payouts
         WHERE business_id = $1 AND status = s.status AND network = n.network AND token = t.token
           ${range.sql}
         ORDER BY payout_id DESC LIMIT $2
       ) AS newest
       ORDER BY newest.payout_id DESC LIMIT $2
     ) AS page
     JOIN payouts p ON p.business_id = $1 AND p.payout_id = page.payout_id
     ORDER BY p.payout_id DESC`,
    [
      businessId,
      limit,
      network === undefined ? NETWORK_IDS : [network],
      token === undefined ? TOKENS : [token],
      status === undefined ? PAYOUT_STATUSES : [status],
      ...range.values,
    ],
  );
}

type Condition = readonly [condition: string, value: unknown];

function boundsOf({ from, to, beforeId }: PayoutFilter): Condition[] {
  return [
    ['payout_id >=', from && lowestIdAt(from)],
    ['payout_id <', to && lowestIdAt(new Date(to.getTime() + 1))],
    ['payout_id <', beforeId],
  ];
}

/** Those that have a value, the first of which is the parameter `first`. */
function conditionsOf(
  first: number,
  all: readonly Condition[],
): { readonly sql: string; readonly values: readonly unknown[] } {
  const given = all.filter(([, value]) => value !== undefined);
  return {
    sql: given.map(([condition], index) => `AND ${condition} $${first + index}`).join(' '),
    values: given.map(([, value]) => value),
  };
}

function ofTable(name: string): string {
  return PAYOUT_COLUMNS.replaceAll(/\w+/g, `${name}.$&`);
}

export async function isReferenceTaken(
  db: Queryable,
  businessId: string,
  merchantReference: string,
): Promise<boolean> {
  const rows = await db.query(
    `SELECT payout_id FROM payouts WHERE business_id = $1 AND merchant_reference = $2`,
    [businessId, merchantReference],
  );
  return rows.length > 0;
}
